import { describe, expect, it } from 'vitest';
import { Random } from '../tensor/index.js';
import { readCircuitFile } from './circuit-files.js';
import { EdgeGraph } from './graph.js';
import type { NodeLevel, NodeScores } from './node-scores.js';
import { nodeScoresFile, readNodeScores } from './node-scores-file.js';

const graph = new EdgeGraph({ layers: 2, heads: 2, mlpWidth: 4 });
const width = 3;
const made = (level: NodeLevel): NodeScores => ({
  graph,
  level,
  scores: Float64Array.from(new Random(5).normals(graph.sources.length * (level === 'node' ? 1 : width))),
  metric: { clean: 2, corrupt: -1 },
});
const written = (level: NodeLevel): Record<string, unknown> =>
  JSON.parse(JSON.stringify(nodeScoresFile(made(level), 'eap')));

describe('a file of scores of nodes', () => {
  it.each(['node', 'neuron'] as const)('keeps the scores of %ss, in any order', (level) => {
    const { nodes, scores, ...rest } = written(level) as { nodes: string[]; scores: unknown[] };
    const turned = { ...rest, nodes: [...nodes].reverse(), scores: [...scores].reverse() };
    for (const json of [{ nodes, scores, ...rest }, turned]) {
      expect(readNodeScores(json, graph, width, 'x.json')).toEqual({ graph, level, scores: made(level).scores });
    }
  });

  it.each([
    [{ level: 'edge' }, /'?"?level"?'? is wrong/],
    [{ nodes: ['input'] }, /one score for each of the 1 nodes/],
    [{ scores: [[1]] }, /one score for each/],
    [{ level: 'neuron' }, /one list of scores for each/],
    [{ nodes: ['input', 'input', 'a0.h1', 'm0', 'a1.h0', 'a1.h1', 'm1'] }, /has the node 'input' twice/],
    [{ nodes: ['input', 'a0.h0', 'a0.h1', 'm0', 'a1.h0', 'a1.h1', 'm9'] }, /'m9', which this model does not have/],
    [{ scores: [1, 2, 3, 4, 5, 6, null] }, /scores/],
  ])('is refused in one line where it does not fit: %j', (change, message) => {
    const json = { ...written('node'), ...change };
    expect(() => readNodeScores(json, graph, width, 'x.json')).toThrow(message);
  });

  it('is refused for a model of another width, or with nodes that it lacks', () => {
    expect(() => readNodeScores(written('neuron'), graph, 4, 'x.json')).toThrow(/scores 3 neurons of input/);
    const deeper = new EdgeGraph({ layers: 3, heads: 2, mlpWidth: 4 });
    expect(() => readNodeScores(written('node'), deeper, width, 'x.json')).toThrow(/lacks the node 'a2.h0'/);
  });

  it.each(['node', 'neuron'] as const)('is a circuit that keeps nothing, with scores of %ss', (level) => {
    const { circuit, kind } = readCircuitFile(JSON.stringify(written(level)), 'x.json');
    expect(kind).toBe('scores');
    expect(circuit.level).toBe(level);
    expect(circuit.nodes.kept?.some(Boolean)).toBe(false);
    const own = circuit.nodes.id.flatMap((id, i) => {
      if (id === 'logits') return [];
      return level === 'node' ? [circuit.nodes.score[i]] : (circuit.nodes.neuronScores?.[i] ?? []);
    });
    expect(own).toEqual([...made(level).scores]);
  });
});
