import { describe, expect, it } from 'vitest';
import { circuitDot, circuitText, readCircuit } from '../circuit/index.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit, unitCount } from './circuit.js';
import { bernoulli, gaussian, indicator } from './inputs.js';
import { randomCircuit } from './random.testing.js';
import { edgeUse, keepMostUsed, probabilisticGraph } from './to-circuit.js';

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
