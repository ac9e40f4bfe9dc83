import { z } from 'zod';
import { memoryBytes } from '../bytes.js';
import { InputError } from '../errors.js';
import { loadSparse, type RewirerMemory, SparseTensor, storeSparse } from '../sparse/index.js';
import { tensor } from '../tensor/index.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { writeSafetensors } from '../tensor/safetensors-write.js';
import { unscoped } from '../tensor/scope.js';
import { parseJson, validate } from '../validate.js';
import type { EpochRecord, RewireRecord, Trainable } from './fit-options.js';
import { type Optimiser, type Parameter, valuesOf } from './optimiser.js';

/** Where a training stands, beside its parameters. */
export interface TrainingState {
  /** Updates begun: optimiser steps, and rewirings in place of one. */
  step: number;
  /** Sum of the losses of this epoch's batches so far. */
  lossSum: number;
  history: EpochRecord[];
  rewirings: RewireRecord[];
  /** Rewirings begun. */
  round: number;
  /** What the rewirer remembers, by parameter. */
  memory: Map<string, RewirerMemory>;
}

/** What must be the same for a training to go on. */
export interface TrainingIdentity {
  readonly seed: number;
  readonly batch: number;
  readonly steps: number;
  readonly optimiser: unknown;
  readonly rewirer: string | undefined;
  /** How the device rounds. */
  readonly numerics: string | undefined;
}

const stateSchema = z.object({
  format: z.literal('filigree-training'),
  version: z.literal(1),
  identity: z.record(z.string(), z.unknown()),
  step: z.number().int().nonnegative(),
  lossSum: z.number(),
  round: z.number().int().nonnegative(),
  updates: z.number().int().nonnegative(),
  history: z.array(
    z.object({ epoch: z.number(), step: z.number(), loss: z.number(), figures: z.record(z.string(), z.number()) }),
  ),
  rewirings: z.array(
    z.object({ step: z.number(), name: z.string(), dropped: z.number(), grown: z.number(), size: z.number() }),
  ),
  memory: z.record(z.string(), z.array(z.string())),
});

type Stored = Map<string, { shape: readonly number[]; data: Float32Array | Int32Array }>;

/** Parameters as safetensors keeps them: dense ones by their names, sparse ones as `storeSparse` does. */
export async function storeParameters(
  parameters: ReadonlyMap<string, Parameter>,
): Promise<{ tensors: Stored; metadata: Record<string, string> }> {
  const tensors: Stored = new Map();
  const metadata: Record<string, string> = {};
  for (const [name, parameter] of parameters) {
    if (parameter instanceof SparseTensor) {
      const stored = await storeSparse(name, parameter);
      for (const [part, value] of stored.tensors) tensors.set(part, value);
      Object.assign(metadata, stored.metadata);
    } else tensors.set(name, { shape: parameter.shape, data: Float32Array.from(await parameter.data()) });
  }
  return { tensors, metadata };
}

/**
 * All that a training needs to go on to the bit (in f32), as one safetensors file.
 * @throws InputError naming the parameter where something is not finite: such a state is not worth keeping
 */
export async function saveState(
  parameters: ReadonlyMap<string, Parameter>,
  optimiser: Optimiser,
  state: TrainingState,
  identity: TrainingIdentity,
): Promise<Uint8Array<ArrayBuffer>> {
  const { tensors, metadata } = await storeParameters(parameters);
  for (const [name, parameter] of parameters) {
    for (const [k, slot] of optimiser.state(name, parameter).entries()) {
      tensors.set(`optimiser.${k}.${name}`, { shape: slot.shape, data: Float32Array.from(await slot.data()) });
    }
  }
  for (const [name, { data }] of tensors) {
    if (data instanceof Float32Array && !data.every(Number.isFinite)) {
      throw new InputError(
        `${name} is not finite after step ${state.step}; lower the learning rate, or clip gradients`,
      );
    }
  }
  const memory: Record<string, string[]> = {};
  for (const [name, parts] of state.memory) {
    memory[name] = Object.keys(parts);
    for (const [part, data] of Object.entries(parts)) {
      tensors.set(`rewirer.${part}.${name}`, { shape: [data.length], data });
    }
  }
  const { step, lossSum, history, rewirings, round } = state;
  const record = {
    format: 'filigree-training',
    version: 1,
    identity,
    step,
    lossSum,
    round,
    history,
    rewirings,
    memory,
  };
  metadata.training = JSON.stringify({ ...record, updates: optimiser.steps });
  return writeSafetensors(tensors, metadata);
}

/**
 * Reads what `saveState` wrote into a model and an optimiser.
 * @throws InputError where the file is damaged, belongs to another model, or to a training with other settings
 */
export async function loadState<B>(
  bytes: Uint8Array<ArrayBuffer>,
  model: Trainable<B>,
  optimiser: Optimiser,
  identity: TrainingIdentity,
): Promise<TrainingState> {
  const what = 'the checkpoint';
  const file = await readSafetensors(memoryBytes(bytes), what);
  const text = file.metadata.training;
  if (text === undefined) throw new InputError(`${what} is not one of a training; remove it to begin anew`);
  const stored = validate(stateSchema, parseJson(text, what), what);
  for (const [key, value] of Object.entries(JSON.parse(JSON.stringify(identity)) as Record<string, unknown>)) {
    const then = JSON.stringify(stored.identity[key]);
    if (then !== JSON.stringify(value)) {
      throw new InputError(
        `${what} comes from a training with ${key} ${then}, not ${JSON.stringify(value)}; give the same, or remove it to begin anew`,
      );
    }
  }
  const floats = async (name: string, size: number): Promise<Float32Array> => {
    const { data } = await file.load(name);
    if (!(data instanceof Float32Array) || data.length !== size) {
      throw new InputError(`${what} does not fit this model: ${name} should hold ${size} numbers`);
    }
    return data;
  };
  for (const [name, parameter] of [...model.parameters]) {
    if (parameter instanceof SparseTensor) {
      const loaded = await loadSparse(file, name, parameter.values.device);
      if (loaded.shape.join() !== parameter.shape.join()) {
        loaded.dispose();
        throw new InputError(
          `${what} does not fit this model: ${name} is ${loaded.shape} there, not ${parameter.shape}`,
        );
      }
      replaceWeight(model, name, loaded);
    } else {
      const data = await floats(name, parameter.size);
      const view = parameter.view('load');
      parameter.device.write(view.buffer, view.offset, data);
    }
  }
  for (const [name, parameter] of model.parameters) {
    const values = valuesOf(parameter);
    const count = optimiser.state(name, parameter).length;
    const slots: Float32Array[] = [];
    for (let k = 0; k < count; k++) slots.push(await floats(`optimiser.${k}.${name}`, values.size));
    optimiser.setState(
      name,
      unscoped(() => slots.map((data) => tensor(data, values.shape, undefined, values.device))),
    );
  }
  optimiser.steps = stored.updates;
  const memory = new Map<string, RewirerMemory>();
  for (const [name, parts] of Object.entries(stored.memory)) {
    const own: RewirerMemory = {};
    for (const part of parts) {
      const { data } = await file.load(`rewirer.${part}.${name}`);
      if (!(data instanceof Int32Array)) throw new InputError(`${what} is damaged: rewirer.${part}.${name}`);
      own[part] = data;
    }
    memory.set(name, own);
  }
  const { step, lossSum, history, rewirings, round } = stored;
  return { step, lossSum, history, rewirings, round, memory };
}

/** Throws TypeError for a model whose weights cannot be replaced. */
export function replaceWeight<B>(model: Trainable<B>, name: string, weight: SparseTensor): void {
  if (!model.replace) throw new TypeError(`the weights of this model cannot be rewired: it has no 'replace'`);
  model.replace(name, weight);
}
