import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { plantedDepth, plantedInduction, plantedIoi } from '../tasks/index.js';
import { add, at, backward, mean, mul, ones, Random, scope, sum, tensor, track } from '../tensor/index.js';
import { rocAuc } from './compare.js';
import { coins, ugs } from './ugs.js';

describe('the coins of uniform gradient sampling', () => {
  const logits = [-1, 0.5, 2];
  const chance = logits.map((a) => 1 / (1 + Math.exp(-a)));
  const pairs = 100_000;

  it('keep as much as the probability on average: all, nothing, or a share', () => {
    scope(() => {
      const shares = coins(tensor(logits, [1, 3]), pairs, new Random(1)).dataSync();
      chance.forEach((p, edge) => {
        const own = Array.from({ length: pairs }, (_, i) => shares[3 * i + edge]);
        const rate = (holds: (z: number) => boolean): number => own.filter(holds).length / pairs;
        expect(rate((z) => z === 1)).toBeCloseTo(p * p, 2);
        expect(rate((z) => z === 0)).toBeCloseTo((1 - p) * (1 - p), 2);
        expect(own.reduce((a, b) => a + b, 0) / pairs).toBeCloseTo(p, 2);
      });
    });
  });

  it('have the slope p (1 - p) (L(kept) - L(cut)), whatever the loss does in between', () => {
    scope(() => {
      const theta = track(tensor(logits, [1, 3]));
      const z = coins(theta, pairs, new Random(2));
      const edge = (i: number) => at(z, -1, i);
      // L = z0^3 + 2 z0 z1 + z2: by edge 0 the change is 1 + 2 E[z1], by edge 1 it is 2 E[z0], by edge 2 it is 1.
      const cube = mul(mul(edge(0), edge(0)), edge(0));
      const loss = add(add(cube, mul(mul(edge(0), edge(1)), 2)), edge(2));
      const total = sum(mean(loss));
      const [gradient] = backward([{ tensor: total, seed: ones(total.shape) }], [theta]);
      const changes = [1 + 2 * chance[1], 2 * chance[0], 1];
      [...gradient!.dataSync()].forEach((slope, i) => {
        expect(slope).toBeCloseTo(chance[i] * (1 - chance[i]) * changes[i], 2);
      });
    });
  });
});

describe.each([
  ['induction', plantedInduction],
  ['ioi', plantedIoi],
  ['depth', plantedDepth],
] as const)('uniform gradient sampling on the planted %s model', (_, make) => {
  it('finds its circuit among decoys where an edge costs more than they give', async () => {
    const { model, pairs, truth } = make();
    const { graph, scores, edges } = await ugs(model, pairs(8, 0), { lambda: 0.05, steps: 200 });
    const places = [...graph.places()];
    expect(new Set(places.filter((p) => edges[p]).map((p) => graph.edgeName(p)))).toEqual(truth);
    const auc = rocAuc(
      places.map((p) => -scores[p]),
      places.map((p) => truth.has(graph.edgeName(p))),
    );
    expect(auc).toBe(1);
    model.dispose();
  });
});

it('uniform gradient sampling does the same for the same seed, and refuses a price below nothing', async () => {
  const { model, pairs } = plantedInduction();
  const data = pairs(5, 0);
  const learn = (seed: number) => ugs(model, data, { steps: 10, batch: 2, seed });
  const first = await learn(4);
  expect([...(await learn(4)).scores]).toEqual([...first.scores]);
  expect([...(await learn(5)).scores]).not.toEqual([...first.scores]);
  for (const lambda of [-1, Number.NaN]) await expect(ugs(model, data, { lambda })).rejects.toThrow(InputError);
  model.dispose();
});
