import {
  batchesOf,
  bdwp,
  Cnn,
  type CompareOptions,
  classAccuracy,
  cosine,
  dstEe,
  fanInTopologies,
  fit,
  type LayerShape,
  Mlp,
  type MlpOptions,
  type Outcome,
  type Rewirer,
  randomTopologies,
  rewiringCosine,
  rigl,
  SparseTensor,
  type Split,
  sameFanIn,
  set,
  srigl,
  srSte,
  type Topology,
  trainingCost,
} from 'filigree';

/** What all arms of an experiment share. */
export interface Budget {
  readonly hidden: readonly number[];
  /** Convolutions instead, on square images of one channel. */
  readonly convolutions?: { readonly channels: readonly number[]; readonly strides: readonly number[] };
  readonly epochs: number;
  readonly batch: number;
  readonly lr: number;
  readonly weightDecay: number;
  /** Updates between two rewirings. */
  readonly every: number;
  /** Decay of what does not compute, in arms with projected weights that have one. */
  readonly pull: number;
}

export const rewired = ['static', 'set', 'rigl', 'srigl', 'dst-ee'] as const;
export const projected = ['ste', 'sr-ste', 'bdwp'] as const;

export type Spec =
  | { readonly kind: 'dense' }
  | {
      readonly kind: (typeof rewired)[number];
      readonly density: number;
      readonly allocator?: 'erk' | 'uniform' | 'balanced' | 'pyramidal';
      /** Share of salient inputs below which SRigL switches a neuron off; by default the paper's 0.3 for convolutions; 0 never does. */
      readonly ablation?: number;
    }
  | { readonly kind: (typeof projected)[number]; readonly n: number; readonly m: number };

/** A short name: `dense`, `rigl 0.05`, `ste 2:4`. */
export function specName(spec: Spec): string {
  if (spec.kind === 'dense') return 'dense';
  if ('n' in spec) return `${spec.kind} ${spec.n}:${spec.m}`;
  const extra = [spec.allocator, spec.ablation !== undefined && `ablation ${spec.ablation}`].filter(Boolean).join(' ');
  return `${spec.kind} ${spec.density}${extra ? ` ${extra}` : ''}`;
}

/** Rewiring of all arms at the same times; SET replaces the same share, falling in the same way. */
function rewirerOf(spec: Spec, { every }: Budget): Rewirer | undefined {
  switch (spec.kind) {
    case 'set':
      return set({ zeta: rewiringCosine(0.3, 0.75), every, until: 0.75 });
    case 'rigl':
      return rigl({ every });
    case 'srigl':
      return srigl({ every, ablation: spec.ablation });
    case 'dst-ee':
      return dstEe({ every });
    default:
      return undefined;
  }
}

function projectionOf(spec: Spec, { pull }: Budget): MlpOptions['projection'] {
  if (spec.kind === 'ste') return srSte({ ...spec, pull: 0 });
  if (spec.kind === 'sr-ste') return srSte({ ...spec, pull });
  return spec.kind === 'bdwp' ? bdwp({ ...spec, pull }) : undefined;
}

function supportsOf(
  spec: Spec,
  sizes: readonly number[],
  seed: number,
  shapes?: readonly LayerShape[],
): Topology[] | undefined {
  if (!('density' in spec)) return undefined;
  if (shapes) return randomTopologies(shapes, spec.density, { seed, allocator: spec.allocator });
  const supports = spec.kind === 'srigl' ? fanInTopologies : randomTopologies;
  return supports(sizes, spec.density, { seed, allocator: spec.allocator });
}

/** A network of an arm before training. */
export function modelOf(spec: Spec, split: Split, seed: number, budget: Budget): Mlp | Cnn {
  const { convolutions } = budget;
  const projection = projectionOf(spec, budget);
  if (convolutions) {
    const side = Math.sqrt(split.train.features);
    const options = { ...convolutions, image: [side, side, 1] as const, outputs: split.train.classes, seed };
    if (!('density' in spec)) return new Cnn({ ...options, projection });
    const { shapes } = new Cnn(options);
    return new Cnn({ ...options, topologies: supportsOf(spec, [], seed, shapes) });
  }
  const sizes = [split.train.features, ...budget.hidden, split.train.classes];
  return new Mlp({ sizes, seed, topologies: supportsOf(spec, sizes, seed), projection });
}

/** Trains one arm once: SGD with momentum and a cosine schedule; gives accuracy on unseen samples and what it cost. */
export async function trainArm(
  spec: Spec,
  split: Split,
  seed: number,
  budget: Budget,
  options: Pick<CompareOptions, 'signal'> & { onProgress?: (share: number) => void } = {},
): Promise<Outcome> {
  const model = modelOf(spec, split, seed, budget);
  try {
    const cost = trainingCost(model);
    const { history, rewirings, steps } = await fit(model, batchesOf(split.train), {
      optimiser: { kind: 'sgd', momentum: 0.9, weightDecay: budget.weightDecay },
      lr: budget.lr,
      schedule: cosine({ warmup: 0.05 }),
      rewirer: rewirerOf(spec, budget),
      epochs: budget.epochs,
      batch: budget.batch,
      seed,
      signal: options.signal,
      reportEvery: 20,
      onProgress: ({ step, steps: all }) => options.onProgress?.(step / all),
    });
    // Rewirings that follow gradients take one of all places in place of an update.
    const followed =
      'density' in spec && spec.kind !== 'static' && spec.kind !== 'set' ? rewirings.length / model.layers : 0;
    const perSample = cost.forward + cost.inputs + cost.weights;
    return {
      accuracy: await classAccuracy(model, split.test),
      loss: history[history.length - 1].loss,
      weights: cost.size,
      'MACs per step': (budget.batch * (perSample * steps + cost.dense * followed)) / steps,
      bytes: cost.bytes,
      ...fans(model),
    };
  } finally {
    model.dispose();
  }
}

/** Neurons without inputs, and layers whose other neurons differ in their number of inputs. */
function fans(model: Mlp | Cnn): { 'empty neurons': number; 'unequal fan-in': number } {
  const found = { 'empty neurons': 0, 'unequal fan-in': 0 };
  for (let l = 0; l < model.layers; l++) {
    const weight = model.weight(l);
    if (!(weight instanceof SparseTensor)) continue;
    const { rows, pointers } = weight.layout.support;
    for (let i = 0; i < rows; i++) if (pointers[i + 1] === pointers[i]) found['empty neurons']++;
    if (!sameFanIn.legal(weight.layout.support)) found['unequal fan-in']++;
  }
  return found;
}
