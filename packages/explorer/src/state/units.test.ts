import type { Circuit } from 'filigree';
import { describe, expect, it } from 'vitest';
import { edgesOfUnits, keptNodes, nodeOfUnit, scoreOfNode, topSize, unitsOf, unitsOfNode } from './units.js';

const nulls = [null, null, null];
const circuit: Circuit = {
  format: 'filigree-circuit',
  version: 1,
  kind: 'transformer',
  level: 'neuron',
  nodes: {
    id: ['input', 'm0', 'logits'],
    kind: ['input', 'mlp', 'logits'],
    label: ['input', 'm0', 'logits'],
    layer: [0, 1, 2],
    position: nulls,
    score: nulls,
    kept: [true, false, true],
    neurons: [[true, false], [false, false], null],
    neuronScores: [[-3, 1], [null, -2], null],
  },
  edges: {
    source: [0, 0, 1],
    target: [1, 2, 2],
    port: ['', '', ''],
    score: nulls,
    kept: [false, true, false],
  },
  provenance: { model: '', modelHash: '', task: '', method: '', options: {}, seed: 0, metrics: {}, made: '' },
};

describe('units', () => {
  it('of neurons are the features of all nodes but the logits, ranked by the size of their scores', () => {
    const units = unitsOf(circuit);
    expect([...units.first]).toEqual([0, 2, 4, 4]);
    expect([...units.ranked]).toEqual([0, 3, 1, 2]);
    expect([...units.inFile]).toEqual([1, 0, 0, 0]);
    expect(topSize(units)).toBe(1);
    expect([0, 1, 2, 3].map((unit) => nodeOfUnit(units, unit))).toEqual([0, 0, 1, 1]);
    expect(unitsOfNode(units, 1)).toEqual([2, 3]);
    expect([0, 1, 2].map((n) => scoreOfNode(units, n))).toEqual([-2, -2, null]);
  });

  it('keep the nodes of which anything is kept, and the edges between these', () => {
    const units = unitsOf(circuit);
    expect([...keptNodes(circuit, units, Uint8Array.of(0, 0, 0, 1))]).toEqual([0, 1, 1]);
    expect([...edgesOfUnits(circuit, units, units.inFile)]).toEqual([0, 1, 0]);
    expect([...edgesOfUnits(circuit, units, Uint8Array.of(0, 1, 1, 0))]).toEqual([1, 1, 1]);
  });

  it('are nodes or edges where the file says so', () => {
    const nodes = unitsOf({ ...circuit, level: 'node', nodes: { ...circuit.nodes, score: [-1, 2, null] } });
    expect([nodes.level, [...nodes.first], [...nodes.ranked]]).toEqual(['node', [0, 1, 2, 2], [1, 0]]);
    expect(topSize(nodes)).toBeNull();
    const edges = unitsOf({ ...circuit, level: 'edge' });
    expect([edges.level, [...edges.inFile]]).toEqual(['edge', [0, 1, 0]]);
  });
});
