import { describe, expect, it } from 'vitest';
import { memoryBytes } from '../bytes.js';
import { type Table, tableOf } from '../data/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { trainByGradient } from './adam.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { em, type Learned, type LearnOptions } from './em.js';
import { hclt } from './hclt.js';
import { hmm } from './hmm.js';
import { readLearnState, writeLearnState } from './learn-state.js';

const random = new Random(3);
const mixedRows = (rows: number): Table =>
  tableOf(
    Array.from({ length: rows }, () => {
      const z = random.integer(3);
      const cell = (x: number): number => (random.uniform() < 0.1 ? Number.NaN : x);
      return [z, z + random.normal(), (z + random.integer(2)) % 3, 1e5 - z + random.normal()].map(cell);
    }),
  );
const finite = (rows: number): Table =>
  tableOf(Array.from({ length: rows }, () => [1, 2, 3, 4].map(() => random.integer(3))));
const [train, valid, plainTrain] = [mixedRows(150), mixedRows(60), finite(120)];
const mixed = hclt(train, [3, 0, 3, 0], { latents: 3, seed: 1 });
const words = hclt(plainTrain, [3, 3, 3, 3], { latents: 3, seed: 1 });

type Learn = (circuit: ProbabilisticCircuit, table: Table, options: LearnOptions) => Promise<Learned>;
const byEm: Learn = (circuit, table, options) => em(circuit, table, { ...options, step: [1, 0.2] });

describe('learning that was interrupted', () => {
  it.each<[string, Learn, ProbabilisticCircuit, Table, LearnOptions]>([
    ['by EM', byEm, mixed, train, { valid }],
    ['by EM without validation rows', byEm, words, plainTrain, {}],
    ['by plain loops', byEm, mixed, train, { valid, plain: true }],
    ['with momentum', (c, t, o) => em(c, t, { ...o, step: [0.5, 0.1], momentum: 0.7 }), mixed, train, { valid }],
    ['with ties', byEm, hmm(4, 3, { latents: 2 }), plainTrain, {}],
    ['by Adam', trainByGradient, words, plainTrain, {}],
    [
      'by Adam on classes, with dropout',
      (c, t, o) => trainByGradient(c, t, { ...o, classes: { variable: 1, share: 1 }, dropout: 0.3 }),
      words,
      plainTrain,
      { valid: plainTrain },
    ],
  ])('goes on to the bit from its file: %s', async (_, learn, circuit, table, more) => {
    const options = { epochs: 5, batchRows: 40, seed: 4, ...more };
    let file: Uint8Array | undefined;
    const whole = await learn(circuit, table, {
      ...options,
      onEpoch: async ({ epochs }, state) => {
        if (epochs.length === 2) file = writeLearnState(circuit, await state(), 'key');
      },
    });
    const resume = await readLearnState(memoryBytes(file!), circuit, 'key', 'the file');
    expect(resume.epochs).toEqual(whole.epochs.slice(0, 2));
    const further = await learn(circuit, table, { ...options, resume });
    expect(further.epochs).toEqual(whole.epochs);
    expect(further.circuit).toEqual(whole.circuit);
  });

  it('does not go on with something else', async () => {
    let bytes: Uint8Array | undefined;
    await em(words, plainTrain, {
      epochs: 1,
      onEpoch: async (_, state) => {
        bytes = writeLearnState(words, await state(), 'a');
      },
    });
    const read = (data: Uint8Array, circuit: ProbabilisticCircuit, key: string) =>
      readLearnState(memoryBytes(data), circuit, key, 'the file');
    await expect(read(bytes!, words, 'b')).rejects.toThrow('other rows or other options');
    await expect(read(bytes!, hmm(4, 3, { latents: 2 }), 'a')).rejects.toThrow('another circuit');
    for (let length = 0; length < bytes!.length; length += 97) {
      await expect(read(bytes!.slice(0, length), words, 'a')).rejects.toThrow(InputError);
    }
  });
});
