import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import type { Circuit } from './circuit.js';
import { readCircuit } from './read.js';
import { circuitText } from './write.js';

const small: Circuit = {
  format: 'filigree-circuit',
  version: 1,
  kind: 'transformer',
  level: 'edge',
  nodes: {
    id: ['input', 'a0.h1', 'logits'],
    kind: ['input', 'head', 'logits'],
    label: ['input', 'a0.h1', 'logits'],
    layer: [0, 1, 2],
    position: [null, 4, null],
    score: [null, -0.5, null],
  },
  edges: {
    source: [0, 0, 1],
    target: [1, 1, 2],
    port: ['q', 'v', ''],
    score: [-1.25, 0.5, null],
    kept: [true, false, true],
  },
  provenance: {
    model: 'models/tiny',
    modelHash: 'ab12',
    task: 'pronoun',
    method: 'eap-ig',
    options: { steps: 5, rule: 'right' },
    seed: 7,
    metrics: { faithfulness: 0.84, curve: { sizes: [1, 2] } },
    made: '2025-01-02T03:04:05Z',
  },
};

/** The small circuit with the value at a dotted path replaced. */
function edited(path: string, value: unknown): unknown {
  const copy: unknown = structuredClone(small);
  const keys = path.split('.');
  const last = keys.pop()!;
  let at = copy as Record<string, unknown>;
  for (const key of keys) at = at[key] as Record<string, unknown>;
  at[last] = value;
  return copy;
}

function complaint(json: unknown): string {
  try {
    readCircuit(json, 'a.circuit.json');
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    const { message } = error as InputError;
    expect(message).not.toMatch(/[\n\r\u2028\u2029]/);
    expect(message.length).toBeLessThan(400);
    return message;
  }
  throw new Error('was accepted');
}

describe('readCircuit', () => {
  it('reads what circuitText wrote', () => {
    expect(readCircuit(JSON.parse(circuitText(small)), 'x')).toEqual(small);
  });

  it('reads what a reader has written on the circuit', () => {
    const annotations = {
      supernodes: [{ name: 'names', nodes: [0, 1] }],
      notes: [{ node: 2, text: 'the answer' }],
      pinned: [1],
    };
    const circuit = { ...small, annotations };
    expect(readCircuit(JSON.parse(circuitText(circuit)), 'x')).toEqual(circuit);
    expect(complaint({ ...small, annotations: { pinned: [3] } })).toMatch(/annotations name node 3/);
    const twice = { supernodes: [...annotations.supernodes, { name: 'b', nodes: [1] }] };
    expect(complaint({ ...small, annotations: twice })).toMatch(/"a0\.h1" is in two supernodes/);
  });

  it('leaves out fields that version 1 does not know', () => {
    expect(readCircuit({ ...small, later: 1 }, 'x')).toEqual(small);
  });

  it.each([
    [null, /not a circuit/],
    [[], /not a circuit/],
    [{ format: 'other' }, /not a circuit/],
    [edited('version', 2), /version 2, and this filigree reads version 1/],
    [edited('version', undefined), /version missing/],
    [edited('nodes', undefined), /nodes is missing/],
    [edited('nodes.layer', [0, 1]), /nodes\.layer has 2 entries where nodes\.id has 3/],
    [edited('nodes.layer.1', Number.NaN), /nodes\.layer\[1\] is NaN/],
    [edited('nodes.id.2', 'input'), /nodes 0 and 2 are both called "input"/],
    [edited('nodes.position.0', -1), /nodes\.position\[0\] is -1/],
    [edited('edges.score.1', Number.POSITIVE_INFINITY), /edges\.score\[1\] is Infinity/],
    [edited('edges.score.1', 'much'), /edges\.score\[1\] is "much"/],
    [edited('edges.target.2', 3), /edges\.target\[2\] is 3, but there are only 3 nodes/],
    [edited('edges.source.0', 0.5), /edges\.source\[0\] is 0\.5/],
    [edited('edges.port.1', 'q'), /from "input" to "a0\.h1<q>" appears twice \(the second is edge 1\)/],
    [edited('edges.kept', [true]), /edges\.kept has 1 entries/],
    [edited('provenance.seed', '7'), /provenance\.seed is "7"/],
    [edited('provenance.options', []), /provenance\.options is a list/],
  ])('refuses %#', (json, message) => {
    expect(complaint(json)).toMatch(message);
  });

  it('keeps a message on one line when the file tries to break it', () => {
    complaint(edited('nodes.id', ['a\nb', 'a\nb', 'c']));
    complaint(edited('edges.port', ['x\n', 'x\n', { 'y\n': 1 }]));
  });

  it('never fails with anything but InputError, whatever the value', () => {
    fc.assert(
      fc.property(fc.anything(), (json) => {
        complaint(json);
      }),
    );
  });

  it('survives any value at any place of a good file', () => {
    const places = [
      'kind',
      'nodes',
      'edges',
      'provenance',
      'provenance.metrics',
      ...['id', 'kind', 'label', 'layer', 'position', 'score'].flatMap((c) => [`nodes.${c}`, `nodes.${c}.1`]),
      ...['source', 'target', 'port', 'score', 'kept'].flatMap((c) => [`edges.${c}`, `edges.${c}.1`]),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.anything({ withNullPrototype: true }), (place, value) => {
        let circuit: Circuit;
        try {
          circuit = readCircuit(edited(place, value), 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          return;
        }
        const { nodes, edges } = circuit;
        for (const column of Object.values(nodes)) expect(column.length).toBe(nodes.id.length);
        for (const column of Object.values(edges)) expect(column.length).toBe(edges.source.length);
        expect(new Set(nodes.id).size).toBe(nodes.id.length);
        for (const n of [...edges.source, ...edges.target]) expect(nodes.id[n]).toBeTypeOf('string');
      }),
      { numRuns: 1000 },
    );
  });
});

describe('circuitText', () => {
  it('gives the same text whatever the order of keys', () => {
    const { made, options, ...rest } = small.provenance;
    const shuffled = {
      ...small,
      provenance: { options: { rule: options.rule, steps: options.steps }, made, ...rest },
    };
    expect(circuitText(shuffled)).toBe(circuitText(small));
  });

  it('returns any circuit exactly', () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (x === 0 ? 0 : x));
    const circuits = fc
      .record({
        ids: fc.uniqueArray(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 8 }),
        ends: fc.uniqueArray(fc.tuple(fc.nat(7), fc.nat(7), fc.constantFrom('q', 'k', 'v', '')), {
          selector: (end) => end.join(),
        }),
        numbers: fc.infiniteStream(fc.option(number)),
        text: fc.string({ unit: 'binary' }),
      })
      .map(({ ids, ends, numbers, text }): Circuit => {
        const next = () => numbers.next().value as number | null;
        const inside = ends.filter(([a, b]) => a < ids.length && b < ids.length);
        return {
          ...small,
          nodes: {
            id: ids,
            kind: ids.map(() => text),
            label: ids,
            layer: ids.map(() => next() ?? 1),
            position: ids.map((_, i) => (i % 2 ? i : null)),
            score: ids.map(next),
          },
          edges: {
            source: inside.map(([a]) => a),
            target: inside.map(([, b]) => b),
            port: inside.map(([, , port]) => port),
            score: inside.map(next),
            kept: inside.map((_, i) => i % 3 > 0),
          },
        };
      });
    fc.assert(
      fc.property(circuits, (circuit) => {
        expect(readCircuit(JSON.parse(circuitText(circuit)), 'x')).toEqual(circuit);
      }),
    );
  });

  it('refuses numbers that JSON cannot hold', () => {
    expect(() => circuitText(edited('edges.score.0', Number.NaN) as Circuit)).toThrow(/score\.0 holds NaN/);
    expect(() => circuitText(edited('provenance.metrics.x', Number.POSITIVE_INFINITY) as Circuit)).toThrow(RangeError);
  });
});
