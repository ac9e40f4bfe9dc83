import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice, type Device } from '../kernels/index.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { gradientError } from '../tensor/finite-differences.js';
import {
  add,
  matmul,
  noGrad,
  Random,
  reshape,
  scope,
  setDefaultDevice,
  type Tensor,
  tensor,
  zeros,
} from '../tensor/index.js';
import { loadFolder, projectPath, readFixturePairs } from '../testing/fixtures.js';
import { EdgeGraph } from './graph.js';
import { runCircuits, runCut } from './run-circuit.js';
import type { EdgeSet } from './select.js';
import { makeBatch, runSources } from './sources.js';

/** Directions along which gradients are held to differences. */
const directionCount = 6;

/** A sequential model, one whose blocks are parallel, and one whose heads share a post-norm. */
describe.each(['tiny-llama', 'tiny-neox', 'tiny-gemma2'])('runCut on %s in f64', (name) => {
  let before: Device | undefined;
  let model: Transformer;
  let graph: EdgeGraph;
  let pairs: Pair[];
  beforeAll(async () => {
    before = setDefaultDevice(createReferenceDevice('f64'));
    model = await loadFolder(projectPath(`fixtures/${name}`));
    graph = new EdgeGraph(model.config);
    // Two short prompts of unequal length, so that one is padded, around where the pair differs.
    const all = readFixturePairs(projectPath(`fixtures/expected/${name}-pairs.jsonl`));
    const short = ({ clean, corrupt, ...rest }: Pair, n: number): Pair => {
      const differs = clean.findIndex((token, i) => token !== corrupt[i]);
      const from = Math.min(differs, clean.length - n);
      return { ...rest, clean: clean.slice(from, from + n), corrupt: corrupt.slice(from, from + n) };
    };
    pairs = [short(all[0], 4), short(all[1], 3)];
  });
  afterAll(() => {
    model.dispose();
    setDefaultDevice(before);
  });

  const table = (values: ArrayLike<number>, ...lead: number[]): Tensor =>
    tensor(values, [...lead, graph.destinations.length, graph.sources.length]);
  const size = (): number => graph.destinations.length * graph.sources.length;

  it.each([
    ['one mask for all pairs', []],
    ['a mask per pair', [2]],
  ])('has the gradients of finite differences by the cut shares: %s', (_, perPair) => {
    const batch = makeBatch(pairs);
    const corrupt = runSources(model, graph, batch.corrupt, batch.last);
    const random = new Random(3);
    const n = perPair.reduce((a, b) => a * b, 1);
    const uniform = (count: number): Float64Array => Float64Array.from({ length: count }, () => random.uniform());
    const middle = table(uniform(n * size()), 1, ...perPair);
    // Along random directions in the space of all shares: each mixes every one of them.
    const directions = table(random.normals(directionCount * n * size(), 0.1), directionCount, 1, ...perPair);
    const error = gradientError(
      (along) => {
        const moved = reshape(matmul(along, reshape(directions, [directionCount, -1])), middle.shape);
        return runCut(model, graph, batch, corrupt.values, add(middle, moved));
      },
      [zeros([1, directionCount])],
    );
    expect(error).toBeLessThan(1e-7);
  });

  it('with shares of 0 and 1 is the run of the circuit, whichever way the shares are given', () => {
    const random = new Random(5);
    const circuits = Array.from({ length: 3 }, (): EdgeSet => {
      const kept = new Uint8Array(graph.tableSize);
      for (const place of graph.places()) kept[place] = random.integer(2);
      return kept;
    });
    const batch = makeBatch(pairs);
    const cutOf = (kept: EdgeSet): number[] =>
      graph.destinations.flatMap((_, d) => graph.sources.map((_, s) => 1 - kept[graph.index(s, d)]));
    scope(() => {
      const corrupt = runSources(model, graph, batch.corrupt, batch.last);
      const expected = runCircuits(model, graph, batch, corrupt.values, circuits).dataSync();
      const shared = noGrad(() =>
        runCut(model, graph, batch, corrupt.values, table(circuits.flatMap(cutOf), circuits.length)),
      ).dataSync();
      const rows = circuits.flatMap((kept) => [...cutOf(kept), ...cutOf(kept)]);
      const own = noGrad(() =>
        runCut(model, graph, batch, corrupt.values, table(rows, circuits.length, pairs.length)),
      ).dataSync();
      expected.forEach((value, i) => {
        expect(shared[i]).toBeCloseTo(value, 12);
        expect(own[i]).toBeCloseTo(value, 12);
      });
      // The circuits differ, so the comparison can tell them apart.
      const apart = expected.length / circuits.length;
      expect(Math.abs(expected[0] - expected[apart])).toBeGreaterThan(1e-6);
    });
  });

  it('gives each pair its own mask', () => {
    const batch = makeBatch(pairs);
    scope(() => {
      const corrupt = runSources(model, graph, batch.corrupt, batch.last);
      const clean = runSources(model, graph, batch.clean, batch.last);
      const cut = table(
        Float64Array.from({ length: 2 * size() }, (_, i) => Number(i < size())),
        1,
        2,
      );
      const logits = noGrad(() => runCut(model, graph, batch, corrupt.values, cut)).dataSync();
      const [wanted, other] = [corrupt.logits.dataSync(), clean.logits.dataSync()];
      const vocabulary = model.config.vocabulary;
      logits.forEach((value, i) => {
        expect(value).toBeCloseTo((i < vocabulary ? wanted : other)[i], 10);
      });
    });
  });
});
