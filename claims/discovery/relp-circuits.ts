import {
  alignedPairs,
  type Checkpoint,
  type Dictionaries,
  type DictionaryFit,
  dictionaryFit,
  type FeatureMethod,
  featureFaithfulness,
  featureScores,
  findRecipe,
  findTask,
  identityDictionary,
  loadTransformer,
  type Progress,
  Random,
  type SparseAutoencoder,
  siteActivations,
  type Tensor,
  textWindows,
  trainSparseAutoencoder,
} from 'filigree';
import type { MeasureOptions, Row, Stages } from '../claim.js';
import { modelName, onShippedTasks, type Shipped, type ShippedPlan, shippedTaskStages } from './shipped.js';

/** Node and browsers have it; the types here are those of neither. */
const { performance } = globalThis as unknown as { performance: { now(): number } };

const methods: readonly { method: string; name: FeatureMethod; baseline: boolean }[] = [
  { method: 'AtP', name: 'eap', baseline: true },
  { method: 'RelP', name: 'relp', baseline: false },
  { method: 'IG (10)', name: 'eap-ig-activations', baseline: true },
];

/** Numbers of nodes that circuits keep. */
export const circuitSizes = [10, 20, 50, 100, 200, 500] as const;

/** What the rows of circuits of features, and of channels, are called. */
export const featureSuffix = ', features';
const channelSuffix = ', channels';

/** The cases of subject-verb agreement. */
const tasks = ['agreement-simple', 'agreement-noun-pp', 'agreement-across-rc', 'agreement-within-rc'].map(findTask);

/** Of these pairs, those of the commonest length are used. */
const planFrom = (seeds: readonly number[], suffix: string): ShippedPlan => ({
  tasks,
  seeds,
  found: 64,
  judged: 64,
  stages: methods.length,
  suffix,
});

/** As in the paper, the first third of the layers is left alone. */
const firstLayer = 1;
const sitesOf = (layers: number): string[] =>
  Array.from({ length: layers - firstLayer }, (_, i) => firstLayer + i).flatMap((layer) =>
    ['attn_out', 'mlp_out', 'resid_post'].map((site) => `blocks.${layer}.${site}`),
  );

/** Windows of text that dictionaries are trained on, and as many batches of others that they are judged on. */
const [trainedOn, judgedOn] = [20, 2];
const training = { steps: 400, l1: 0.2 };

const seedsOf = ({ seed }: MeasureOptions): number[] => [seed, seed + 1, seed + 2];
const perSeed = (options: MeasureOptions, seed: number): number =>
  1 + 2 * shippedTaskStages(options, planFrom([seed], ''));

/** Stages of `relpCircuitRows`. */
export const relpCircuitStages = (options: MeasureOptions): number =>
  options.openModel ? seedsOf(options).reduce((total, seed) => total + perSeed(options, seed), 0) : 0;

/**
 * Circuits of sparse features for agreement in number, as Marks and others find them: features of what attention, MLPs and layers write,
 * ranked by their effects by gradients, by relevance and by integrated gradients of 10 steps a site. The same with channels in place of
 * features. Every seed trains its own dictionaries and draws its own pairs.
 */
export async function relpCircuitRows(options: MeasureOptions, stages: Stages): Promise<Row[]> {
  const checkpoint = await options.openModel?.(modelName);
  const rows: Row[] = [];
  for (const seed of checkpoint ? seedsOf(options) : []) {
    const { dictionaries, row } = await stages.run((o) => trainDictionaries(checkpoint as Checkpoint, seed, o));
    rows.push(row);
    const channels = new Map([...dictionaries.keys()].map((site) => [site, identityDictionary(row.figures['width'])]));
    try {
      for (const [suffix, used] of [
        [featureSuffix, dictionaries],
        [channelSuffix, channels],
      ] as const) {
        rows.push(
          ...(await onShippedTasks(options, planFrom([seed], suffix), stages, (on) => circuitRows(on, used, stages))),
        );
      }
    } finally {
      for (const dictionary of dictionaries.values()) dictionary.dispose();
    }
  }
  return rows;
}

async function circuitRows(on: Shipped, dictionaries: Dictionaries, stages: Stages): Promise<Row[]> {
  const { model, task, seed, setting } = on;
  const [found, judged] = [on.found, on.judged].map(alignedPairs);
  const rows: Row[] = [];
  const f = async (scores: Float64Array, o: Progress): Promise<Row['figures']> => {
    const sizes = circuitSizes.filter((n) => n < scores.length);
    const values = await featureFaithfulness(model, judged, dictionaries, scores, sizes, { ...o, metric: task.metric });
    return Object.fromEntries(sizes.map((n, i) => [`f(${n})`, values[i]]));
  };
  let nodes = 0;
  for (const { method, name, baseline } of methods) {
    rows.push(
      await stages.run(async (o) => {
        const start = performance.now();
        const { scores, passes } = await featureScores(model, found, dictionaries, {
          ...o,
          method: name,
          metric: task.metric,
          steps: 10,
        });
        const milliseconds = performance.now() - start;
        nodes = scores.length;
        const figures = { 'backward passes': passes, milliseconds, ...(await f(scores, o)) };
        return { setting, method, baseline, figures, seed };
      }),
    );
  }
  const random = new Random(seed).fork('random features');
  const chance = Float64Array.from({ length: nodes }, () => random.uniform());
  rows.push({ setting, method: 'random', baseline: true, figures: await f(chance, {}), seed });
  return rows;
}

/** One dictionary per site, of the text that the model was trained on; and how well they give it back. */
async function trainDictionaries(
  checkpoint: Checkpoint,
  seed: number,
  { signal, onProgress }: Progress,
): Promise<{ dictionaries: Map<string, SparseAutoencoder>; row: Row }> {
  const model = await loadTransformer(checkpoint);
  const tokenizer = await checkpoint.tokenizer();
  const sites = sitesOf(model.config.layers);
  const recipe = findRecipe(modelName);
  const windows: number[][][] = [];
  // Text of another seed than the model's own.
  for (const block of textWindows(recipe, tokenizer, seed + 1)) {
    const rows = Array.from({ length: recipe.batch }, (_, b) => b * (recipe.window + 1));
    windows.push(rows.map((first) => [...block.subarray(first, first + recipe.window)]));
    if (windows.length === trainedOn + judgedOn) break;
  }
  const activations = siteActivations(model, windows.slice(judgedOn), sites);
  const others = siteActivations(model, windows.slice(0, judgedOn), sites);
  const { width } = model.config;
  model.dispose();
  const dictionaries = new Map<string, SparseAutoencoder>();
  try {
    const fits: DictionaryFit[] = [];
    for (const [i, site] of sites.entries()) {
      const report: Progress['onProgress'] = ({ done, total }) =>
        onProgress?.({ done: i + done / total, total: sites.length, unit: 'dictionaries' });
      const dictionary = await trainSparseAutoencoder(activations.get(site) as Tensor, {
        ...training,
        seed,
        signal,
        onProgress: report,
      });
      dictionaries.set(site, dictionary);
      fits.push(await dictionaryFit(dictionary, others.get(site) as Tensor));
    }
    const mean = (of: (fit: DictionaryFit) => number): number => fits.map(of).reduce((a, b) => a + b, 0) / fits.length;
    const figures = {
      width,
      features: dictionaries.get(sites[0])?.features ?? 0,
      'unexplained variance': mean((fit) => fit.unexplained),
      'active features': mean((fit) => fit.active),
      'dead share': mean((fit) => fit.dead),
    };
    return { dictionaries, row: { setting: `${modelName}, dictionaries`, method: 'training', figures, seed } };
  } catch (error) {
    for (const dictionary of dictionaries.values()) dictionary.dispose();
    throw error;
  } finally {
    for (const tensor of [...activations.values(), ...others.values()]) tensor.dispose();
  }
}
