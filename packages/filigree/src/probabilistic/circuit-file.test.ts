import { describe, expect, it } from 'vitest';
import { memoryBytes } from '../bytes.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit } from './circuit.js';
import { readCircuitTensors, writeCircuitFile } from './circuit-file.js';
import { modelHash } from './compression/model-hash.js';
import { binomial, categorical, gaussian, indicator, logistic } from './inputs.js';
import { randomCircuit } from './random.testing.js';

/** One input of every kind. */
function everyKind(): ProbabilisticCircuit {
  const build = new CircuitBuilder([3, 0, 5, 4]);
  const part = (x: number) =>
    build.product([
      build.input(x ? indicator(0, 2) : categorical(0, [0.5, 0, 0.1])),
      build.input(gaussian(1, x - 0.3, 1 / 3)),
      build.input(binomial(2, 4, 0.1 + x / 3)),
      build.input(logistic(3, 1.7, 0.9 + x)),
      build.input({ kind: 'constant', log: -0.1 * x }),
    ]);
  return build.finish(build.sum([part(0), part(1)], [0.3, 0]));
}

const read = (bytes: Uint8Array) => readCircuitTensors(memoryBytes(bytes), 'm.fpc');

describe("the project's own format", () => {
  it('gives every circuit back with all its digits, and what was noted', async () => {
    const circuits = [
      everyKind(),
      ...Array.from({ length: 10 }, (_, seed) => randomCircuit({ states: [2, 3, 2, 2] }, new Random(seed))),
    ];
    for (const circuit of circuits) {
      const names = Array.from(circuit.states, (_, v) => `x${v}`);
      const {
        provenance,
        names: found,
        ...back
      } = await read(writeCircuitFile(circuit, { provenance: { seed: 3 }, names }));
      expect(back).toEqual(circuit);
      expect(await modelHash(back)).toBe(await modelHash(circuit));
      expect([provenance, found]).toEqual([{ seed: 3 }, names]);
    }
    const tied = {
      sums: Int32Array.from(everyKind().kind, (k) => (k === 2 ? 0 : -1)),
      inputs: everyKind().inputOf.filter((i) => i >= 0),
    };
    const categories = [['a', 'b', 'c'], undefined, undefined, undefined];
    const back = await read(writeCircuitFile({ ...everyKind(), tied }, { categories }));
    expect([back.tied, back.categories]).toEqual([tied, categories]);
    expect((await read(writeCircuitFile(everyKind()))).names).toBeUndefined();
  });

  it('is told from damage: cut short anywhere, or changed', async () => {
    const bytes = writeCircuitFile(everyKind());
    for (let length = 0; length < bytes.length; length += 7) {
      await expect(read(bytes.slice(0, length))).rejects.toThrow(InputError);
    }
    const random = new Random(1);
    let refused = 0;
    for (let i = 0; i < 2000; i++) {
      const damaged = bytes.slice();
      for (let k = 0; k <= random.integer(3); k++) damaged[random.integer(bytes.length)] ^= 1 << random.integer(8);
      // A changed weight is another circuit; anything else must be refused in words.
      await read(damaged).catch((error: unknown) => {
        refused++;
        expect(error).toBeInstanceOf(InputError);
      });
    }
    expect(refused).toBeGreaterThan(500);
  });
});
