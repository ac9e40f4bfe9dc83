import { z } from 'zod';
import type { Bytes } from '../bytes.js';
import { memoryBytes } from '../bytes.js';
import { InputError } from '../errors.js';
import { readSafetensors } from '../tensor/safetensors.js';
import { type WrittenData, writeSafetensors } from '../tensor/safetensors-write.js';
import { parseJson, validate } from '../validate.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { readCircuitTensors, writeCircuitFile } from './circuit-file.js';
import type { LearnState } from './em.js';
import type { Parameters } from './evaluator.js';

const headerSchema = z.object({
  version: z.literal(1),
  key: z.string(),
  moved: z.boolean(),
  epochs: z.array(z.object({ train: z.number().nullable(), valid: z.number().nullable().optional() })),
});

const entry = 'filigree-pc-learning';

/**
 * Writes where learning stands: a safetensors file of two circuits of the project's own format (`last`, and `best` where there is one),
 * and what the rule remembers (`memory.NAME`).
 * @param start the circuit that learning began with
 * @param key what the learning depends on, which must be the same when it goes on
 */
export function writeLearnState(start: ProbabilisticCircuit, state: LearnState, key: string): Uint8Array<ArrayBuffer> {
  const circuit = (parameters: Parameters) => {
    const data = writeCircuitFile({ ...start, ...parameters });
    return { shape: [data.length], data };
  };
  const tensors = new Map<string, { shape: number[]; data: WrittenData }>();
  for (const [name, data] of state.memory) tensors.set(`memory.${name}`, { shape: [data.length], data });
  // Bytes last, so that the numbers before them stand where numbers of eight bytes may.
  tensors.set('last', circuit(state.parameters));
  if (state.best) tensors.set('best', circuit(state.best));
  return writeSafetensors(tensors, {
    [entry]: JSON.stringify({ version: 1, key, moved: state.moved, epochs: state.epochs }),
  });
}

/**
 * Reads where learning stood.
 * @throws InputError for what is no such file, and where it was of another circuit, other rows or other options
 */
export async function readLearnState(
  source: Bytes,
  start: ProbabilisticCircuit,
  key: string,
  name: string,
): Promise<LearnState> {
  const file = await readSafetensors(source, name);
  const text = file.metadata[entry];
  if (text === undefined) throw new InputError(`${name} does not say where learning stood`);
  const header = validate(headerSchema, parseJson(text, `the header of ${name}`), `the header of ${name}`);
  if (header.key !== key) {
    throw new InputError(
      `${name} is of learning with another circuit, other rows or other options; give the same again`,
    );
  }
  const parameters = async (which: string): Promise<Parameters> => {
    const { data } = await file.load(which);
    if (!(data instanceof Uint8Array)) throw new InputError(`${name} is damaged: ${which} is no circuit`);
    const { logWeight, inputs } = await readCircuitTensors(memoryBytes(data), `${which} of ${name}`);
    if (logWeight.length !== start.logWeight.length || inputs.length !== start.inputs.length) {
      throw new InputError(`${name} is damaged: ${which} is of another circuit`);
    }
    return { logWeight, inputs };
  };
  const memory = new Map<string, Float64Array>();
  for (const tensor of file.tensors.keys()) {
    if (!tensor.startsWith('memory.')) continue;
    const { data } = await file.load(tensor);
    if (!(data instanceof Float64Array)) throw new InputError(`${name} is damaged: ${tensor} has other numbers`);
    memory.set(tensor.slice('memory.'.length), data);
  }
  return {
    epochs: header.epochs.map(({ train, valid }) => ({
      train: train ?? Number.NEGATIVE_INFINITY,
      valid: valid === null ? Number.NEGATIVE_INFINITY : valid,
    })),
    parameters: await parameters('last'),
    moved: header.moved,
    best: file.tensors.has('best') ? await parameters('best') : undefined,
    memory,
  };
}
