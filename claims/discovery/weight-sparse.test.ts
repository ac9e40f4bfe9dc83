import { describe, expect, it } from 'vitest';
import type { Row } from '../claim.js';
import { weightSparseTransformersClaim } from './weight-sparse-transformers.js';

type Figures = Record<string, number>;
const row = (setting: string, method: string, figures: Figures): Row => ({ setting, method, figures, seed: 0 });

/** Rows of a model in which everything is as it should be. */
function rowsOf(kind: string, edges: number, loss: number, change: Readonly<Record<string, Figures>> = {}): Row[] {
  return ['single_double_quote', 'bracket_counting'].flatMap((task) => {
    const own = (method: string, figures: Figures): Row =>
      row(`${kind}: ${task}`, method, { 'validation loss': loss, ...figures, ...change[method] });
    return [
      own('learned mask', {
        nodes: 20,
        edges,
        loss: 0.05,
        reached: 1,
        'loss without the circuit': 0.9,
        'held-out right': 0.98,
        'whole model right': 1,
      }),
      own('gradient', { nodes: 90, edges: 500, reached: 1 }),
      own('random', { nodes: 900, edges: 5000, reached: 1 }),
      own('nonsense labels', { nodes: 1000, edges: 9000, reached: 0, 'held-out loss': 0.7 }),
      own('random weights', { nodes: 1000, edges: 9000, reached: 0, 'held-out loss': 0.7 }),
    ];
  });
}

const holds = (sparse: Row[], dense: Row[] = rowsOf('dense', 100, 1.4)): boolean =>
  weightSparseTransformersClaim.holds([...sparse, ...dense]).holds;

describe('the claim on weight-sparse transformers', () => {
  it('holds where circuits are smaller, needed and found nowhere else', () => {
    expect(holds(rowsOf('sparse', 20, 1.4))).toBe(true);
  });

  it.each<[string, Row[]]>([
    ['the ratio is below 4', rowsOf('sparse', 30, 1.4)],
    ['the dense model is not trained to the same loss', rowsOf('sparse', 20, 1.2)],
    ['the sparse model is worse', rowsOf('sparse', 20, 1.5)],
    ['the circuit is not needed', rowsOf('sparse', 20, 1.4, { 'learned mask': { 'loss without the circuit': 0.3 } })],
    ['the circuit does not carry over', rowsOf('sparse', 20, 1.4, { 'learned mask': { 'held-out right': 0.7 } })],
    ['gradients do as well', rowsOf('sparse', 20, 1.4, { gradient: { nodes: 20 } })],
    ['random weights have a circuit', rowsOf('sparse', 20, 1.4, { 'random weights': { nodes: 30, reached: 1 } })],
    [
      'nonsense is learned',
      rowsOf('sparse', 20, 1.4, { 'nonsense labels': { nodes: 30, reached: 1, 'held-out loss': 0.1 } }),
    ],
  ])('does not hold where %s', (_, sparse) => {
    expect(holds(sparse)).toBe(false);
  });

  it('does not hold where pruning the planted model misses a channel', () => {
    const planted = (recall: number): Row =>
      row('planted depth', 'learned mask', {
        recall,
        precision: 1,
        nodes: 7,
        loss: 0.01,
        'loss without the circuit': 5,
        'held-out right': 1,
        'whole model right': 1,
      });
    expect(weightSparseTransformersClaim.holds([planted(1)]).holds).toBe(true);
    expect(weightSparseTransformersClaim.holds([planted(6 / 7)]).holds).toBe(false);
  });
});
