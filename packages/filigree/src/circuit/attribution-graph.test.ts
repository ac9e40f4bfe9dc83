import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { attributionGraphMetadata, attributionGraphText, readAttributionGraph } from './attribution-graph.js';
import type { Circuit } from './circuit.js';

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
    position: [null, null, null, null, null],
    score: [null, null, null, null, null],
  },
  edges: {
    source: [0, 0, 2, 3, 0, 1],
    target: [2, 2, 3, 4, 4, 4],
    port: ['q', 'v', '', '', '', ''],
    score: [-1, -2, -3, -4, 1, 9],
    kept: [true, true, true, true, true, false],
  },
  provenance: {
    model: 'tiny',
    modelHash: 'ab',
    task: 'pronoun',
    method: 'eap-ig',
    options: {},
    seed: 0,
    metrics: {},
    made: '2025-01-01T00:00:00Z',
    shape: { layers: 1, heads: 2, parallel: false },
  },
  annotations: { supernodes: [{ name: 'names', nodes: [2, 3] }], pinned: [3] },
};

interface Written {
  metadata: Record<string, unknown>;
  qParams: Record<string, unknown>;
  nodes: Record<string, unknown>[];
  links: { source: string; target: string; weight: number }[];
}
const written = (of: Circuit, options = {}): Written => JSON.parse(attributionGraphText(of, options)) as Written;

describe('attribution graphs', () => {
  it('have the fields and ids that the viewers read', () => {
    const tokens = ['Once', '\n', ' she'];
    const { metadata, qParams, nodes, links } = written(circuit, {
      tokens,
      answer: { token: ' She', probability: 0.25 },
    });
    expect(metadata).toMatchObject({ slug: 'pronoun-eap-ig', scan: 'tiny', prompt_tokens: ['Once', '\u23ce', ' she'] });
    expect(attributionGraphMetadata(circuit, { tokens })).toMatchObject({ slug: 'pronoun-eap-ig' });
    expect(nodes.map((n) => n.node_id)).toEqual(['E_0_2', '0_1_2', '0_2_2', '2_4_2']);
    expect(nodes.map((n) => n.feature_type)).toEqual(['embedding', 'attention head', 'mlp', 'logit']);
    expect(nodes.map((n) => n.jsNodeId)).toEqual(['E_0-2', '0_1-0', '0_2-0', 'L_4-2']);
    for (const node of nodes) {
      for (const key of ['node_id', 'layer', 'feature_type', 'jsNodeId', 'clerp'])
        expect(node[key]).toBeTypeOf('string');
      expect([node.ctx_idx, node.reverse_ctx_idx]).toEqual([2, 0]);
    }
    // The viewer reads the token and its probability from here.
    expect(nodes[3].clerp).toMatch(/^Output " She" \(p=0\.250\)$/);
    expect(qParams).toEqual({
      pinnedIds: ['0_2_2'],
      supernodes: [['names', '0_1_2', '0_2_2']],
      linkType: 'both',
      clickedId: '',
      sg_pos: '',
    });
    expect(links.map(({ source, target, weight }) => [source, target, weight])).toEqual([
      ['E_0_2', '0_1_2', 3],
      ['0_1_2', '0_2_2', 3],
      ['0_2_2', '2_4_2', 4],
      ['E_0_2', '2_4_2', -1],
    ]);
    // By hand: into the logits 4/5 come from m0 and 1/5 from the input; all of m0 from the head, all of the head from the input.
    // So raw influences are .8 for m0 and the head, 1 for the input, and the shares are cumulative.
    expect(nodes.map((n) => n.influence)).toEqual([1 / 2.6, 1.8 / 2.6, 1, null].map((x) => x && expect.closeTo(x, 12)));
  });

  it('give a circuit back as it was, but for what is not kept', () => {
    const back = readAttributionGraph(written(circuit), 'x');
    const { nodes, edges } = back;
    expect([back.kind, back.level]).toEqual(['transformer', 'edge']);
    expect(nodes.id).toEqual(['input', 'a0.h1', 'm0', 'logits']);
    expect(nodes.layer).toEqual([0, 1, 2, 3]);
    expect(edges.score).toEqual([-1, -2, -3, -4, 1]);
    expect(edges.port).toEqual(['q', 'v', '', '', '']);
    expect(edges.source.map((s) => nodes.id[s])).toEqual(['input', 'input', 'a0.h1', 'm0', 'input']);
    expect(back.annotations).toEqual({ supernodes: [{ name: 'names', nodes: [1, 2] }], pinned: [2] });
    expect(readAttributionGraph(written(back), 'x').edges).toEqual(edges);
  });

  /** As circuit-tracer writes them. */
  const theirs = {
    metadata: {
      slug: 's',
      scan: 'gemma-2-2b',
      transcoder_list: [],
      prompt_tokens: ['a', 'b'],
      prompt: 'ab',
      node_threshold: 0.8,
    },
    qParams: {
      pinnedIds: ['3_7_1'],
      supernodes: [['group', '3_7_1', 'gone']],
      linkType: 'both',
      clickedId: '',
      sg_pos: '',
    },
    nodes: [
      {
        node_id: 'E_5_0',
        feature: 5,
        layer: 'E',
        ctx_idx: 0,
        feature_type: 'embedding',
        jsNodeId: 'E_5-0',
        clerp: 'Emb: "a"',
      },
      {
        node_id: '3_7_1',
        feature: 7,
        layer: '3',
        ctx_idx: 1,
        feature_type: 'cross layer transcoder',
        jsNodeId: '3_7-0',
        clerp: '',
        activation: 2.5,
      },
      {
        node_id: '0_1_1',
        feature: -1,
        layer: '0',
        ctx_idx: 1,
        feature_type: 'mlp reconstruction error',
        jsNodeId: '0_1-1',
        clerp: '',
      },
      {
        node_id: '27_9_1',
        feature: 9,
        layer: '27',
        ctx_idx: 1,
        feature_type: 'logit',
        jsNodeId: 'L_9-1',
        clerp: 'Output "c" (p=0.4)',
        token_prob: 0.4,
      },
    ],
    links: [
      { source: 'E_5_0', target: '3_7_1', weight: 0.5 },
      { source: '3_7_1', target: '27_9_1', weight: -0.25 },
    ],
  };

  it('of others are read', () => {
    const { nodes, edges, annotations, provenance, kind } = readAttributionGraph(theirs, 'x');
    expect(kind).toBe('attribution');
    expect(nodes.kind).toEqual(['input', 'feature', 'error', 'logits']);
    expect(nodes.layer).toEqual([0, 4, 1, 28]);
    expect(nodes.position).toEqual([0, 1, 1, 1]);
    expect(nodes.label[0]).toBe('Emb: "a"');
    expect(nodes.score[1]).toBe(2.5);
    expect(edges.score).toEqual([-0.5, 0.25]);
    expect(provenance.options['tokens']).toEqual(['a', 'b']);
    expect(annotations).toEqual({ supernodes: [{ name: 'group', nodes: [1] }], pinned: [1] });
  });

  it('refuse what does not hold together, in one line', () => {
    const broken = (change: (of: typeof theirs) => unknown): string => {
      const copy = structuredClone(theirs);
      change(copy);
      try {
        readAttributionGraph(copy, 'x.json');
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
        return (error as Error).message;
      }
      throw new Error('was accepted');
    };
    expect(broken((g) => Object.assign(g.nodes[0], { ctx_idx: 'a' }))).toMatch(/"nodes\.0\.ctx_idx" is wrong/);
    expect(broken((g) => Object.assign(g.links[0], { target: 'no\nwhere' }))).toMatch(/"no\\nwhere", but no such node/);
    expect(broken((g) => Object.assign(g.metadata, { prompt_tokens: 1 }))).toMatch(/prompt_tokens/);
    expect(() =>
      attributionGraphText({ ...circuit, edges: { ...circuit.edges, kept: circuit.edges.kept.map(() => false) } }),
    ).toThrow(InputError);
    fc.assert(
      fc.property(fc.anything(), (json) => {
        expect(() => readAttributionGraph(json, 'x')).toThrow(InputError);
      }),
    );
  });
});
