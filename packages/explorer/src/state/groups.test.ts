import type { Circuit } from 'filigree';
import { describe, expect, it } from 'vitest';
import { groupNames, summary } from './groups.js';

const nulls = [null, null, null, null, null];
const circuit: Circuit = {
  format: 'filigree-circuit',
  version: 1,
  kind: 'transformer',
  level: 'edge',
  nodes: {
    id: ['input', 'a0.h0', 'a0.h1', 'm0', 'logits'],
    kind: ['input', 'head', 'head', 'mlp', 'logits'],
    label: ['input', 'a0.h0', 'a0.h1', 'm0', 'logits'],
    layer: [0, 1, 1, 2, 3],
    position: nulls,
    score: nulls,
  },
  edges: {
    source: [0, 0, 1, 2, 3, 1],
    target: [1, 2, 3, 3, 4, 4],
    port: ['', '', '', '', '', ''],
    score: [-1, -2, -3, -4, -5, -6],
    kept: [true, true, true, true, true, true],
  },
  provenance: { model: '', modelHash: '', task: '', method: '', options: {}, seed: 0, metrics: {}, made: '' },
};
const kept = Uint8Array.of(1, 1, 1, 1, 1, 0);
const annotations = { supernodes: [{ name: 'heads', nodes: [1, 2] }], pinned: [3] };

describe('groups', () => {
  it('sum the edges between them', () => {
    const short = summary(circuit, kept, annotations)!;
    expect(short.nodes.label).toEqual(['heads', 'input', 'm0', 'logits']);
    const links = short.edges.source.map((s, e) => [
      short.nodes.label[s],
      short.nodes.label[short.edges.target[e]],
      short.edges.score[e],
    ]);
    expect(links).toEqual([
      ['input', 'heads', -3],
      ['heads', 'm0', -7],
      ['m0', 'logits', -5],
    ]);
    expect(short.nodes.layer).toEqual([1, 0, 2, 3]);
  });

  it('are nothing where nothing is grouped', () => {
    expect(summary(circuit, kept, {})).toBeNull();
    expect([...groupNames(annotations)]).toEqual([
      [1, 'heads'],
      [2, 'heads'],
    ]);
  });
});
