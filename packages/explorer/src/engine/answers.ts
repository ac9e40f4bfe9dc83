import { fitPair, InputError, makeBatch, noGrad, runSources, Scope } from 'filigree';
import { needTokenizer } from './models.js';
import type { Answer, Ask, Got, Said } from './protocol.js';
import { ablationOf, usedOf } from './used.js';

/** What the model says after a pair's prompts, whole and as the circuit. */
export async function answers({ circuit, kept, pair: text, ablation: name }: Ask<'answers'>): Promise<Got<'answers'>> {
  const start = performance.now();
  const used = usedOf(circuit);
  const { model, graph, tokenizer: maybe } = used.loaded;
  const tokenizer = needTokenizer(maybe);
  const pair = fitPair(text, tokenizer, model.config.context);
  const fits = !('sort' in pair);
  const [clean, corrupt] = [tokenizer.encode(text.clean), tokenizer.encode(text.corrupt)];
  const spell = (ids: readonly number[]): string[] => ids.map((id) => tokenizer.token(id));
  const ids = fits
    ? pair
    : { answers: idsAfter(tokenizer, text.clean, text.answer), wrongs: idsAfter(tokenizer, text.corrupt, text.wrong) };
  const read = (logits: Float32Array): Answer => said(logits, (id) => tokenizer.token(id), ids.answers, ids.wrongs);
  const state = new Scope();
  try {
    const alone = async (row: readonly number[]): Promise<Answer> => {
      if (row.length === 0) throw new InputError('A prompt is empty; write a few words.');
      const run = state.run(() => noGrad(() => model.run([row], { at: [row.length - 1] })));
      return read((await run.logits.data()) as Float32Array);
    };
    const [whole, other] = [await alone(clean), await alone(corrupt)];
    let own: Answer | null = null;
    if (fits) {
      const ablation = await ablationOf(used, name, [pair]);
      const logits = state.run(() => {
        const batch = makeBatch([pair]);
        const runs = {
          batch,
          clean: runSources(model, graph, batch.clean, batch.last),
          corrupt: runSources(model, graph, batch.corrupt, batch.last),
        };
        const values = noGrad(() => ablation.values(runs));
        return used.run(batch, values, kept);
      });
      own = read((await logits.data()) as Float32Array);
    }
    return {
      tokens: { clean: spell(clean), corrupt: spell(corrupt) },
      clean: whole,
      circuit: own,
      corrupt: other,
      reason: fits ? null : pair.reason,
      milliseconds: performance.now() - start,
    };
  } finally {
    state.dispose();
  }
}

/** First tokens of answers that do not make a pair, so that they can still be looked up. */
function idsAfter(
  tokenizer: { encode(text: string): number[] },
  prompt: string,
  words: string | readonly string[],
): number[] {
  const before = tokenizer.encode(prompt);
  return [words].flat().flatMap((word) => tokenizer.encode(prompt + word).slice(before.length, before.length + 1));
}

const shown = 6;

function said(
  logits: Float32Array,
  spell: (id: number) => string,
  right: readonly number[],
  wrong: readonly number[],
): Answer {
  let most = Number.NEGATIVE_INFINITY;
  for (const logit of logits) most = Math.max(most, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  const of = (id: number): Said => ({
    token: spell(id),
    id,
    logit: logits[id],
    probability: Math.exp(logits[id] - most) / sum,
  });
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);
  return { top: order.slice(0, shown).map(of), right: right.map(of), wrong: wrong.map(of) };
}
