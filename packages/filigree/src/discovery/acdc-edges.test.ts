import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { acdcEdgesText, readAcdcEdges } from './acdc-edges.js';
import { edgeName, namedEdges } from './edge-names.js';
import { EdgeGraph } from './graph.js';
import { selectTop } from './select.js';
import { toCircuit } from './to-circuit.js';

/** A kept part of a model of two layers, as ACDC saves it: with the steps inside components, and two embeddings. */
const theirs: unknown[] = [
  [['blocks.1.hook_resid_post', [null], 'blocks.0.attn.hook_result', [null, null, 3]], 0.5],
  [['blocks.0.hook_v_input', [null, null, 3], 'hook_embed', [null]], 0.25],
  [['blocks.0.hook_v_input', [null, null, 3], 'hook_pos_embed', [null]], -0.75],
  [['blocks.0.attn.hook_v', [null, null, 3], 'blocks.0.hook_v_input', [null, null, 3]], 0.1],
  [['blocks.1.hook_resid_mid', [null], 'blocks.0.attn.hook_result', [null, null, 3]], null],
  [['blocks.1.hook_mlp_out', [null], 'blocks.1.hook_resid_mid', [null]], 0.1],
  ['blocks.1.hook_resid_post', [null], 'blocks.1.hook_mlp_out', [null]],
];

const read = (json: unknown) => readAcdcEdges(json, 'edges.json');
const list = (circuit: ReturnType<typeof read>) => namedEdges(circuit).map((e) => [edgeName(e), e.score, e.kept]);

describe("ACDC's edges", () => {
  it('become a circuit of what lies between components', () => {
    expect(list(read(theirs))).toEqual([
      ['a0.h3->logits', -0.5, true],
      ['input->a0.h3<v>', 0.75, true],
      ['a0.h3->m1', null, true],
      ['m1->logits', null, true],
    ]);
    expect(readAcdcEdges(theirs, 'x', { sign: 'as-is' }).edges.score.slice(0, 2)).toEqual([0.5, -0.75]);
  });

  it('hold the kept edges of any circuit', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.nat(30), (parallel, n) => {
        const graph = new EdgeGraph({ layers: 2, heads: 2, mlpWidth: 8, parallel });
        const scores = new Random(n).normals(graph.tableSize);
        const circuit = toCircuit(graph, selectTop(graph, scores, n), scores, {
          ...{ model: '', modelHash: '', task: '', method: '', options: {}, seed: 0, metrics: {}, made: '' },
        });
        const text = acdcEdgesText(circuit);
        expect(list(read(JSON.parse(text)))).toEqual(list(circuit).filter(([, , kept]) => kept));
        expect(acdcEdgesText(read(JSON.parse(text)), { layers: 2 }).replaceAll('mlp_in', 'resid_mid')).toBe(
          text.replaceAll('mlp_in', 'resid_mid'),
        );
      }),
      { numRuns: 30 },
    );
  });

  it('name the last layer, which has to be known', () => {
    expect(() => acdcEdgesText(read(theirs))).toThrow(/last layer, which the circuit does not say/);
    expect(acdcEdgesText(read(theirs), { layers: 2 })).toContain('[["blocks.1.hook_resid_post",[null],');
    expect(() => acdcEdgesText({ ...read(theirs), kind: 'logic' })).toThrow(/kind "logic"/);
  });

  const edge = (child: unknown, childIndex: unknown, parent: unknown, parentIndex: unknown): unknown => [
    [[child, childIndex, parent, parentIndex], 1],
  ];
  it.each<[string, unknown, RegExp]>([
    ['has text for an edge', ['x'], /edges\.json/],
    ['has another end', edge('blocks.0.hook_z', [null], 'hook_embed', [null]), /"blocks\.0\.hook_z" "\[null\]"/],
    ['has no head', edge('blocks.0.hook_q_input', [null], 'hook_embed', [null]), /no end of ACDC/],
    ['has another writer', edge('blocks.1.hook_resid_mid', [null], 'x', [null]), /names "x"/],
    ['goes back', edge('blocks.0.hook_resid_mid', [null], 'blocks.1.hook_mlp_out', [null]), /m0 reads before m1/],
    [
      'ends twice',
      [...theirs, ['blocks.2.hook_resid_post', [null], 'hook_embed', [null]]],
      /two models, of 2 .* of 3 layers/,
    ],
    ['doubles an edge', [...theirs, theirs[0]], /a0\.h3->logits twice/],
    [
      'ends too early',
      [...theirs, ['blocks.7.hook_resid_mid', [null], 'hook_embed', [null]]],
      /layer 7 in a model of 2/,
    ],
  ])('are refused in one line when one %s', (_, json, message) => {
    expect(() => read(json)).toThrow(message);
    expect(() => read(json)).toThrow(InputError);
    expect(() => read(json)).not.toThrow(/\n/);
  });
});
