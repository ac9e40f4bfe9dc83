import {
  type Checkpoint,
  corpus,
  crossEntropy,
  findRecipe,
  ingredientsOf,
  loadTransformer,
  noGrad,
  type Recipe,
  reshape,
  scope,
  type Tokenizer,
  type Transformer,
  trainLanguageModel,
} from 'filigree';
import type { MeasureOptions } from '../claim.js';

/** A model of programs, sparse or dense, ready to be pruned. */
export interface ProgramModel {
  readonly name: string;
  readonly model: Transformer;
  readonly tokenizer: Tokenizer;
}

/**
 * The recipe of the project, and the dense model that is compared with it: about as good at predicting programs with six times the
 * weights. Each has the learning rate that was best for it in a sweep of 400 steps.
 */
export function programRecipe(kind: 'sparse' | 'dense'): Recipe {
  const recipe = findRecipe('weight-sparse');
  if (kind === 'sparse') return recipe;
  const { sparsity: _, ...rest } = recipe;
  return { ...rest, lr: 0.03, config: { ...recipe.config, width: 48, heads: 3, kvHeads: 3, mlpWidth: 192 } };
}

/** Models that the project ships, where they are there. */
const shipped = { sparse: 'weight-sparse', dense: 'weight-sparse-dense' } as const;

/** The shipped model, or one that is trained here. */
export async function programModel(
  kind: 'sparse' | 'dense',
  { openModel, seed, signal, onProgress }: MeasureOptions,
): Promise<ProgramModel> {
  const checkpoint: Checkpoint | undefined = await openModel?.(shipped[kind]);
  if (checkpoint) {
    return { name: shipped[kind], model: await loadTransformer(checkpoint), tokenizer: await checkpoint.tokenizer() };
  }
  const { model, tokenizer } = await trainLanguageModel(programRecipe(kind), {
    seed,
    signal,
    onProgress: ({ step, steps: total }) => onProgress?.({ done: step, total, unit: 'steps' }),
  });
  return { name: `${kind}, trained here`, model, tokenizer };
}

/** Programs that no model was trained on, as token ids, each cut to the model's context. */
export function programTexts({ model, tokenizer }: ProgramModel, count: number, seed: number): number[][] {
  const source = corpus({ seed: seed + 1_000_003, ingredients: ingredientsOf({ programs: 1 }) });
  return Array.from({ length: count }, () => tokenizer.encode(source.next().value).slice(0, model.config.context));
}

/** Mean cross-entropy of each next token of programs that the model was not trained on, in nats. */
export async function validationLoss(
  own: ProgramModel,
  seed: number,
  signal?: MeasureOptions['signal'],
): Promise<number> {
  let [total, tokens] = [0, 0];
  for (const row of programTexts(own, 150, seed + 1)) {
    signal?.throwIfAborted();
    const loss = scope(() =>
      noGrad(() => {
        const { logits } = own.model.run([row.slice(0, -1)]);
        return crossEntropy(reshape(logits, [-1, own.model.config.vocabulary]), row.slice(1));
      }),
    );
    total += (await loss.data())[0] * (row.length - 1);
    tokens += row.length - 1;
    loss.dispose();
  }
  return total / tokens;
}
