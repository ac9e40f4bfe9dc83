import { describe, expect, it } from 'vitest';
import { CircuitBuilder } from './circuit.js';
import { flows } from './evaluate.js';
import { bernoulli, indicator } from './inputs.js';
import { edgeFlows, probabilisticGraph } from './to-circuit.js';

const provenance = { model: 'x', modelHash: '', task: '', method: '', options: {}, seed: 0, metrics: {}, made: '' };

/** p(a) p(b | a), with p(a = 1) = 0.3: known exactly. */
function chain() {
  const build = new CircuitBuilder([2, 2]);
  const given = [0.2, 0.9].map((p, a) => build.product([build.input(indicator(0, a)), build.input(bernoulli(1, p))]));
  return build.finish(build.sum(given, [0.7, 0.3]));
}

describe('probabilisticGraph', () => {
  it('has a node for each unit and leads from children to parents, upwards', () => {
    const circuit = chain();
    const { nodes, edges, kind } = probabilisticGraph(circuit, provenance);
    expect(kind).toBe('probabilistic');
    expect(nodes.kind.filter((k) => k === 'input')).toHaveLength(4);
    expect(nodes.label).toEqual(expect.arrayContaining(['x1=0', 'x1=1', 'x2', '+', '\u00d7']));
    expect(edges.source).toHaveLength(6);
    edges.source.forEach((s, e) => {
      expect(nodes.layer[s]).toBeLessThan(nodes.layer[edges.target[e]]);
    });
    const sum = nodes.kind.indexOf('sum');
    expect(edges.score.filter((_, e) => edges.target[e] === sum)).toEqual([expect.closeTo(-0.7), expect.closeTo(-0.3)]);
  });

  it('scores edges by how often they are used, evidence included', async () => {
    const circuit = chain();
    // p(a = 1 | b = 1) = 0.27 / (0.27 + 0.14)
    const row = { rows: 1, columns: 2, values: Float64Array.of(Number.NaN, 1) };
    const used = edgeFlows(circuit, await flows(circuit, row));
    const { nodes, edges } = probabilisticGraph(circuit, provenance, used);
    const posterior = 0.27 / 0.41;
    edges.source.forEach((s, e) => {
      const through = nodes.kind[edges.target[e]] === 'product' ? edges.target[e] : s;
      const second = nodes.label[edges.source[edges.target.indexOf(through)]] === 'x1=1';
      expect(edges.score[e]).toBeCloseTo(second ? -posterior : posterior - 1, 9);
    });
  });
});
