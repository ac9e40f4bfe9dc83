import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { firstRows, readTable } from '../data/index.js';
import { sharedPath } from '../testing/fixtures.js';
import { marginalMaximum } from './atlas/index.js';
import { klDivergence } from './divergence.js';
import { entropy } from './entropy.js';
import { logLikelihood } from './evaluate.js';
import { logProbability } from './evidence.js';
import { mostProbable } from './map.js';
import { checkProperties } from './properties.js';
import { readPsdd } from './psdd.js';
import { readVtree } from './vtree.js';

const present = existsSync(sharedPath('data/zoo')) && existsSync(sharedPath('data/debd'));
if (!present) console.warn(`skipped: there is no ${sharedPath('data/zoo')} with ${sharedPath('data/debd')}`);

const text = (path: string): string => readFileSync(sharedPath(`data/${path}`), 'utf8');
const circuitOf = (name: string) => {
  const vtree = `${name.replace(/\..*/, '')}.vtree`;
  return readPsdd(text(`zoo/${name}.psdd`), name, readVtree(text(`zoo/${vtree}`), vtree));
};
const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Means, first rows, marginals, entropies and maxima that an independent implementation gave. */
const references = [
  {
    name: 'nltcs',
    rows: 3236,
    mean: -6.044764,
    first: -1.733486,
    odd: -3.693252,
    entropy: 6.062166,
    map: -1.733486,
    on: [],
  },
  {
    name: 'nltcs.clt',
    rows: 3236,
    mean: -6.759045,
    first: -3.329912,
    odd: -4.022826,
    entropy: 6.762553,
    map: -3.267649,
    on: [10],
  },
  {
    name: 'nltcs.10split',
    rows: 3236,
    mean: -6.558651,
    first: -2.904259,
    odd: -3.929557,
    entropy: 6.551944,
    map: -2.841991,
    on: [10],
  },
  {
    name: 'plants',
    rows: 3482,
    mean: -13.354223,
    first: -20.254547,
    odd: -8.335476,
    entropy: 13.500858,
    map: -3.540459,
    on: undefined,
  },
];

describe.skipIf(!present)('circuits that others learned', () => {
  for (const wanted of references) {
    it(`${wanted.name} gives the values that others measured`, async () => {
      const circuit = circuitOf(wanted.name);
      const table = readTable(text(`debd/${wanted.name.replace(/\..*/, '')}.test.data`), wanted.name);
      const logs = await logLikelihood(circuit, table);
      expect(logs.length).toBe(wanted.rows);
      expect(Math.abs(mean(logs) - wanted.mean)).toBeLessThan(1e-6);
      expect(Math.abs(logs[0] - wanted.first)).toBeLessThan(1e-6);
      // Variables 1, 3, 5, … counting from 1.
      const marginalise = Array.from({ length: Math.ceil(circuit.variables / 2) }, (_, i) => 2 * i);
      const odd = await logLikelihood(circuit, firstRows(table, 1000), { marginalise });
      expect(Math.abs(mean(odd) - wanted.odd)).toBeLessThan(1e-6);
      const { why, ...properties } = checkProperties(circuit);
      expect(why).toEqual([]);
      expect(Object.values(properties)).toEqual([true, true, true, true]);
      expect(Math.abs(entropy(circuit) - wanted.entropy)).toBeLessThan(1e-6);
      const { log, state, exact } = mostProbable(circuit);
      expect(exact).toBe(true);
      expect(Math.abs(log - wanted.map)).toBeLessThan(1e-6);
      if (wanted.on) expect([...state].flatMap((x, v) => (x ? [v + 1] : []))).toEqual(wanted.on);
    });
  }

  it('have the largest marginal that enumeration finds', () => {
    const nltcs = circuitOf('nltcs');
    let [most, at] = [Number.NEGATIVE_INFINITY, -1];
    for (let code = 0; code < 256; code++) {
      const log = logProbability(nltcs, new Map(Array.from({ length: 8 }, (_, v) => [v, (code >> v) & 1])));
      if (log > most) [most, at] = [log, code];
    }
    expect(at).toBe(0);
    expect(Math.abs(most + 1.341268207)).toBeLessThan(1e-6);
    // Its sums are not decided by these variables alone.
    expect(() => marginalMaximum(nltcs, [0, 1, 2, 3, 4, 5, 6, 7]).value()).toThrow(
      'needs a circuit that is deterministic',
    );
  });

  it('diverge as enumeration says', () => {
    const nltcs = circuitOf('nltcs');
    expect(klDivergence(nltcs, circuitOf('nltcs.clt'))).toBeCloseTo(0.80002766, 8);
    expect(klDivergence(nltcs, circuitOf('nltcs.10split'))).toBeCloseTo(0.588938761, 8);
    expect(klDivergence(nltcs, nltcs)).toBeCloseTo(0, 12);
  });
});
