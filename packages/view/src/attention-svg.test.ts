import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attentionSvg } from './attention-svg.js';
import { expectWellFormed } from './well-formed.testing.js';

const places = (svg: string) =>
  [...svg.matchAll(/<g class="panel" transform="translate\(([\d.]+) ([\d.]+)\)">(.*?)<\/g>/g)].map((m) => ({
    x: Number(m[1]),
    y: Number(m[2]),
    content: m[3],
  }));

describe('attentionSvg', () => {
  it('draws a matrix a head, one cell a weight that can be seen, rows downwards', () => {
    const pattern = [1, 0, 0, 0.3, 0.7, 0, 0.005, 0.495, 0.5];
    const svg = attentionSvg(['a', 'b', 'c'], [{ label: 'a0.h0', note: 'a note', pattern }]);
    expectWellFormed(svg);
    const cells = [
      ...svg.matchAll(/class="cell" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"[^>]*fill-opacity="([\d.]+)"/g),
    ];
    const width = Number(cells[0][3]);
    expect(cells.map(([, x, y, , share]) => [Number(y) / width, Number(x) / width, Number(share)])).toEqual([
      [0, 0, 1],
      [1, 0, 0.3],
      [1, 1, 0.7],
      [2, 1, 0.5],
      [2, 2, 0.5],
    ]);
    expect(svg).toContain('<title>b \u2192 a: 0.30</title>');
    expect(svg).toContain('a note');
  });

  it('sets heads beside and under each other, tokens at the left and under the last', () => {
    const heads = Array.from({ length: 5 }, (_, i) => ({ label: `h${i}`, pattern: [1, 0, 0.5, 0.5] }));
    const svg = attentionSvg(['one', 'two'], heads, { columns: 2 });
    const panels = places(svg);
    expect(panels.map(({ x }) => x === panels[0].x)).toEqual([true, false, true, false, true]);
    expect(new Set(panels.map(({ y }) => y)).size).toBe(3);
    const words = panels.map(({ content }) => content.match(/>one<\/text>/g)?.length ?? 0);
    expect(words).toEqual([1, 0, 1, 1, 2]);
  });

  it('leaves the names away where cells are too small for them, and refuses what is no pattern', () => {
    const tokens = Array.from({ length: 60 }, (_, i) => `t${i}`);
    const heads = ['a', 'b'].map((label) => ({ label, pattern: new Float64Array(3600).fill(1 / 60) }));
    expect(attentionSvg(tokens, heads)).not.toContain('>t1</text>');
    expect(() => attentionSvg(['a'], [{ label: 'a0.h0', pattern: [1, 2] }])).toThrow(/a0\.h0 has 2 weights, not 1/);
    expectWellFormed(attentionSvg([], []));
  });

  it('escapes names and survives any numbers', () => {
    const text = fc.string({ unit: 'binary', maxLength: 20 });
    fc.assert(
      fc.property(
        fc.tuple(text, text, text),
        fc.array(fc.double(), { minLength: 4, maxLength: 4 }),
        (names, pattern) => {
          const svg = attentionSvg(names.slice(0, 2), [{ label: names[2], note: names[0], pattern }], {
            title: names[1],
          });
          expectWellFormed(svg);
          expect(svg).not.toMatch(/="[^"]*(NaN|Infinity)/);
        },
      ),
    );
  });
});
