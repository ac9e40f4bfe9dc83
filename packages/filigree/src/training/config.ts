import { z } from 'zod';
import { batchesOf, type Split } from '../data/dataset.js';
import { InputError } from '../errors.js';
import { fit } from '../nn/fit.js';
import type { FitOptions, FitResult } from '../nn/fit-options.js';
import { Mlp, type MlpOptions } from '../nn/mlp.js';
import { type AllocatorName, allocators, cosine, type Rewirer, type Schedule, stepDecay } from '../sparse/index.js';
import { validate } from '../validate.js';
import { bdwp } from './bdwp.js';
import { classAccuracy, fanInTopologies, randomTopologies } from './classifier.js';
import { dstEe } from './dst-ee.js';
import { pruneWeights } from './prune-weights.js';
import { rigl } from './rigl.js';
import { set } from './set.js';
import { srSte } from './sr-ste.js';
import { srigl } from './srigl.js';

const positive = z.number().positive();
const whole = z.number().int().positive();
const share = z.number().min(0).max(1);

const dataSchema = z.union([
  z.strictObject({
    kind: z.enum(['glyphs', 'glyphs-easy']),
    samples: whole.max(1_000_000).default(10_000),
    side: z.union([z.literal(16), z.literal(28)]).default(28),
    seed: z.number().int().nonnegative().default(1),
  }),
  z.strictObject({ kind: z.enum(['idx', 'csv']), path: z.string(), label: z.string().optional() }),
]);

const rewirings = ['static', 'set', 'rigl', 'srigl', 'dst-ee'] as const;
const projections = ['ste', 'sr-ste', 'bdwp'] as const;

const methodSchema = z.union([
  z.strictObject({ kind: z.literal('dense') }),
  z.strictObject({
    kind: z.enum(rewirings),
    density: positive.max(1),
    allocator: z.enum(Object.keys(allocators) as [AllocatorName, ...AllocatorName[]]).default('erk'),
    /** Updates between two rewirings. */
    every: whole.default(100),
    /** Share of weights that the first rewiring replaces. */
    alpha: share.default(0.3),
    /** Share of the training after which the topology stays. */
    until: share.default(0.75),
  }),
  z.strictObject({ kind: z.enum(projections), n: whole, m: whole.max(32), pull: z.number().default(2e-4) }),
]);

const scheduleSchema = z.union([
  z.strictObject({ kind: z.literal('constant'), warmup: share.default(0) }),
  z.strictObject({ kind: z.literal('cosine'), warmup: share.default(0.02), end: share.default(0) }),
  z.strictObject({
    kind: z.literal('steps'),
    at: z.array(share),
    factor: share.default(0.1),
    warmup: share.default(0),
  }),
]);

const decay = { weightDecay: z.number().nonnegative().optional() };
const moments = { beta1: share.optional(), beta2: share.optional(), eps: positive.optional(), ...decay };
const optimiserSchema = z.union([
  z.strictObject({ kind: z.literal('sgd'), momentum: share.optional(), nesterov: z.boolean().optional(), ...decay }),
  z.strictObject({ kind: z.enum(['adam', 'adamw']), ...moments }),
]);

const configSchema = z.strictObject({
  data: dataSchema,
  /** Samples to train on: the first ones; the rest is tested on. Four fifths by default. */
  train: whole.optional(),
  /** Neurons of the hidden layers. */
  hidden: z.array(whole.max(2 ** 24)).max(100),
  activation: z.enum(['relu', 'sigmoid', 'tanh']).default('relu'),
  method: methodSchema.default({ kind: 'dense' }),
  /** A network to start from, as train or prune writes it; a dense one is pruned to the method's density first. */
  start: z.string().optional(),
  epochs: whole.default(10),
  batch: whole.default(100),
  lr: positive.default(0.1),
  schedule: scheduleSchema.default({ kind: 'cosine', warmup: 0.02, end: 0 }),
  optimiser: optimiserSchema.default({ kind: 'sgd', momentum: 0.9 }),
  clip: positive.optional(),
  labelSmoothing: share.default(0),
  /** Epochs without a better accuracy after which training ends. */
  patience: whole.optional(),
  seed: z.number().int().nonnegative().default(0),
});

/** Everything that decides the training of a classifier; `readTrainingConfig` fills in the defaults. */
export type TrainingConfig = z.infer<typeof configSchema>;

/** Checks a configuration, JSON as parsed. Throws InputError with the first thing that does not fit, and where. */
export function readTrainingConfig(json: unknown, what: string): TrainingConfig {
  return validate(configSchema, json, what);
}

/** The rewirer of a method; undefined where the topology stays. */
function rewirerOf(method: TrainingConfig['method']): Rewirer | undefined {
  switch (method.kind) {
    case 'set':
      return set({ zeta: method.alpha, every: method.every, until: method.until });
    case 'rigl':
      return rigl(method);
    case 'srigl':
      return srigl(method);
    case 'dst-ee':
      return dstEe(method);
    default:
      return undefined;
  }
}

function projectionOf(method: TrainingConfig['method']): MlpOptions['projection'] {
  if (method.kind === 'ste') return srSte({ ...method, pull: 0 });
  if (method.kind === 'sr-ste') return srSte(method);
  return method.kind === 'bdwp' ? bdwp(method) : undefined;
}

function scheduleOf(schedule: TrainingConfig['schedule']): Schedule {
  if (schedule.kind === 'cosine') return cosine(schedule);
  return stepDecay(schedule.kind === 'steps' ? schedule : { at: [], warmup: schedule.warmup });
}

/** The network of a configuration before its training. @param start what `config.start` names */
export async function startModel(config: TrainingConfig, split: Split, start?: Mlp): Promise<Mlp> {
  const { hidden, activation, method, seed, labelSmoothing } = config;
  const sizes = [split.train.features, ...hidden, split.train.classes];
  const projection = projectionOf(method);
  if (start) {
    if (start.options.sizes.join() !== sizes.join()) {
      throw new InputError(
        `the network to start from has sizes ${start.options.sizes}, but the configuration asks for ${sizes}`,
      );
    }
    if ('density' in method) {
      const pruned = await pruneWeights(start, { density: method.density });
      return new Mlp({ ...pruned.options, activation, labelSmoothing }, pruned.parameters);
    }
    return new Mlp({ sizes, activation, labelSmoothing, projection }, start.parameters);
  }
  const supports = method.kind === 'srigl' ? fanInTopologies : randomTopologies;
  const topologies = 'density' in method ? supports(sizes, method.density, { ...method, seed }) : undefined;
  return new Mlp({ sizes, seed, activation, labelSmoothing, topologies, projection });
}

/** Trains a classifier; after each epoch the figure `accuracy` is that on the test samples. */
export function trainClassifier(
  config: TrainingConfig,
  model: Mlp,
  split: Split,
  options: Pick<FitOptions, 'signal' | 'onProgress' | 'onEpoch' | 'checkpoint'> = {},
): Promise<FitResult> {
  const { epochs, batch, lr, optimiser, clip, seed, patience } = config;
  return fit(model, batchesOf(split.train), {
    ...options,
    epochs,
    batch,
    lr,
    optimiser,
    clip,
    seed,
    schedule: scheduleOf(config.schedule),
    rewirer: rewirerOf(config.method),
    evaluate: async () => ({ accuracy: await classAccuracy(model, split.test) }),
    ...(patience !== undefined && { stop: { figure: 'accuracy', patience } }),
    reportEvery: 10,
  });
}
