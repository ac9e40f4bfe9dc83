import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Circuit } from './circuit.js';
import { circuitDot } from './dot.js';

function chain(ids: string[], scores: (number | null)[], kept: boolean[]): Circuit {
  const nulls = ids.map(() => null);
  return {
    format: 'filigree-circuit',
    version: 1,
    kind: 'transformer',
    level: 'edge',
    nodes: { id: ids, kind: ids, label: ids, layer: ids.map((_, i) => i), position: nulls, score: nulls },
    edges: {
      source: scores.map((_, i) => i),
      target: scores.map((_, i) => i + 1),
      port: scores.map((_, i) => (i ? '' : 'q')),
      score: scores,
      kept,
    },
    provenance: { model: '', modelHash: '', task: '', method: '', options: {}, seed: 0, metrics: {}, made: '' },
  };
}

/** Splits DOT text into quoted strings (decoded) and the rest; throws where a string is not closed. */
function strings(dot: string): string[] {
  const found: string[] = [];
  const rest = dot.replace(/"((?:[^"\\]|\\[\s\S])*)"/g, (_, body: string) => {
    found.push(body.replace(/\\([\s\S])/g, (_all, c: string) => (c === 'n' ? '\n' : c)));
    return '';
  });
  if (rest.includes('"')) throw new Error('a quote is not closed');
  return found;
}

describe('circuitDot', () => {
  it('writes the kept edges and no others', () => {
    const dot = circuitDot(chain(['input', 'a0.h1', 'm0', 'logits'], [-4, 1, 2], [true, true, false]));
    expect(dot.match(/ -> /g)).toHaveLength(2);
    expect(dot).toContain('"input" -> "a0.h1" [penwidth=4.00, color="#0b6db3", tooltip="-4", headlabel="q"]');
    expect(dot).toContain('"a0.h1" -> "m0" [penwidth=2.25, color="#c2500c", tooltip="1"]');
    expect(dot).not.toContain('logits');
    expect(dot.match(/rank=same/g)).toHaveLength(3);
  });

  it('writes an empty graph for an empty circuit', () => {
    expect(circuitDot(chain(['input'], [], []))).toMatch(/^digraph circuit \{[\s\S]*\}\n$/);
  });

  it('quotes any name so that it reads back', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('"', '\\', '\n', 'n', ';', '}', 'é') }), (name) => {
        const dot = circuitDot(chain([name, `${name}2`], [null], [true]));
        expect(strings(dot)).toContain(name);
        expect(dot.trimEnd().split('\n').at(-1)).toBe('}');
      }),
    );
  });
});
