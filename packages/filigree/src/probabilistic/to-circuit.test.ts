import { describe, expect, it } from 'vitest';
import { circuitDot, circuitText, readCircuit } from '../circuit/index.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit, unitCount } from './circuit.js';
import { flows } from './evaluate.js';
import { bernoulli, gaussian, indicator } from './inputs.js';
import { randomCircuit } from './random.testing.js';
import { edgeFlows, edgeUse, keepMostUsed, probabilisticGraph } from './to-circuit.js';

const provenance = {
  model: 'a.psdd',
  modelHash: '',
  task: '',
  method: '',
  options: {},
  seed: 0,
  metrics: {},
  made: '',
};

const graphOf = (circuit: ProbabilisticCircuit) => probabilisticGraph(circuit, provenance, edgeUse(circuit));

describe('a probabilistic circuit as the shared graph', () => {
  it('has its units, its edges, and how often each is used', () => {
    const build = new CircuitBuilder([2, 0]);
    const on = build.product([build.input(indicator(0, 1)), build.input(gaussian(1, 2.5, 1))]);
    const off = build.product([build.input(bernoulli(0, 0.25)), build.input(gaussian(1, 0, 1))]);
    const circuit = build.finish(build.sum([on, off, on], [0.5, 0.25, 0.25]));
    const { nodes, edges } = graphOf(circuit);
    expect(nodes.label).toEqual(['x1=1', 'x2~N 2.5', '×', 'x1 0.25', 'x2~N 0', '×', '+']);
    expect(nodes.layer).toEqual([0, 0, 1, 0, 0, 1, 2]);
    expect(edges.port).toEqual(['', '', '', '', '', '', '2']);
    [-0.75, -0.75, -0.25, -0.25, -0.5, -0.25, -0.25].forEach((score, e) => {
      expect(edges.score[e]).toBeCloseTo(score, 12);
    });
  });

  it('is written, read and drawn like any other; what is kept hangs together', () => {
    for (let seed = 0; seed < 20; seed++) {
      const circuit = randomCircuit({ states: [2, 3, 2, 2, 3] }, new Random(seed));
      const whole = graphOf(circuit);
      expect(readCircuit(JSON.parse(circuitText(whole)), 'x')).toEqual(whole);
      expect(circuitDot(whole)).toContain('digraph');
      const { edges } = keepMostUsed(graphOf(circuit), 5);
      const kept = edges.kept.flatMap((is, e) => (is ? [e] : []));
      expect(kept.length).toBe(Math.min(5, edges.kept.length));
      const reached = new Set([unitCount(circuit) - 1]);
      for (const e of [...kept].reverse()) {
        expect(reached.has(edges.target[e])).toBe(true);
        reached.add(edges.source[e]);
      }
    }
  });
});

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
    expect(nodes.label).toEqual(expect.arrayContaining(['x1=0', 'x1=1', 'x2 0.2', '+', '\u00d7']));
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
