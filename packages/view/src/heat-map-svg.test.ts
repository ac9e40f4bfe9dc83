import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heatMapSvg } from './heat-map-svg.js';
import { stackSvg } from './stack-svg.js';
import { expectWellFormed } from './well-formed.testing.js';

const attribute = (element: string, name: string): number =>
  Number(new RegExp(` ${name}="([^"]*)"`).exec(element)?.[1]);
const cellsOf = (svg: string): string[] => svg.match(/<rect class="cell[^>]*>/g) ?? [];

describe('heatMapSvg', () => {
  const map = { rows: ['L0', 'L1'], columns: ['a', 'b', 'c'], values: [0.5, -1, 0, Number.NaN, 1, 0.25] };

  it('draws one cell a number, its sign as class and its size as strength, from the bottom up', () => {
    const svg = heatMapSvg(map);
    expectWellFormed(svg);
    const cells = cellsOf(svg);
    expect(cells.map((cell) => /class="cell (\w+)"/.exec(cell)![1])).toEqual(
      'positive negative positive gap positive positive'.split(' '),
    );
    expect(cells.map((cell) => attribute(cell, 'fill-opacity'))).toEqual([0.5, 1, 0, Number.NaN, 1, 0.25]);
    const [x, y] = ['x', 'y'].map((name) => cells.map((cell) => attribute(cell, name)));
    expect(x.slice(0, 3)).toEqual(x.slice(3));
    expect(x[1] - x[0]).toBeCloseTo(attribute(cells[0], 'width'), 1);
    expect(new Set(y).size).toBe(2);
    expect(y[0] - y[3]).toBeCloseTo(attribute(cells[0], 'height'), 1);
    expect(svg).toContain('<title>L0, b: \u22121.00</title>');
    expect(svg).toContain('<title>L1, a: not a number</title>');
  });

  it('scales to a limit, and tells both ends only where something is negative', () => {
    expect(cellsOf(heatMapSvg(map, { limit: 2 })).map((cell) => attribute(cell, 'fill-opacity'))[1]).toBe(0.5);
    const names = { negative: 'below', positive: 'above' };
    const signed = heatMapSvg(map, names);
    expect(signed).toContain('below  \u22121.0');
    expect(signed).toContain('1.0  above');
    const positive = heatMapSvg({ ...map, values: map.values.map(Math.abs) }, names);
    expect(positive).not.toContain('below');
    expect(positive).toContain('>0</text>');
  });

  it('writes words into cells no stronger than they can be read on', () => {
    const svg = heatMapSvg({ ...map, texts: ['one', 'two', '', 'four', 'a very long word', '<b>'] });
    expectWellFormed(svg);
    expect([...svg.matchAll(/<text class="word"[^>]*>([^<]*)/g)].map((m) => m[1])).toEqual([
      'one',
      'two',
      'four',
      'a very l\u2026',
      '&lt;b&gt;',
    ]);
    for (const cell of cellsOf(svg)) expect(attribute(cell, 'fill-opacity') > 0.5).toBe(false);
  });

  it('marks strong names and gives names in full where they are cut', () => {
    const long = 'a token that is very long indeed';
    const svg = heatMapSvg({ rows: [{ text: 'L0', strong: true }], columns: [long], values: [1] });
    expect(svg).toMatch(/<text class="strong"[^>]*>L0</);
    expect(svg).toContain(`<title>${long}</title>`);
    expect(svg).not.toContain(`>${long}<title>`);
  });

  it('keeps everything inside, whatever the names and numbers', () => {
    const label = fc.string({ unit: 'binary', maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(label, { minLength: 1, maxLength: 5 }),
        fc.array(label, { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.double({ min: -1e100, max: 1e100 })),
        (rows, columns, stream) => {
          const values = [...stream.take(rows.length * columns.length)];
          const svg = heatMapSvg(
            { rows, columns, values },
            { title: rows[0], rowTitle: 'rows', columnTitle: 'columns' },
          );
          expectWellFormed(svg);
          expect(svg).not.toMatch(/="[^"]*(NaN|Infinity)/);
          const [width, height] = [attribute(svg, 'width'), attribute(svg, 'height')];
          for (const cell of cellsOf(svg)) {
            expect(attribute(cell, 'x')).toBeGreaterThan(0);
            expect(attribute(cell, 'x') + attribute(cell, 'width')).toBeLessThan(width);
            expect(attribute(cell, 'y') + attribute(cell, 'height')).toBeLessThan(height);
          }
        },
      ),
      { numRuns: 50 },
    );
    expectWellFormed(heatMapSvg({ rows: [], columns: [], values: [] }));
    expect(() => heatMapSvg({ ...map, values: [1] })).toThrow(/2 by 3 cells got 1/);
  });
});

describe('stackSvg', () => {
  it('puts drawings under each other, as wide as the widest and as high as all', () => {
    const drawing = (width: number, height: number) => `<svg class="x" width="${width}" height="${height}"></svg>`;
    const svg = stackSvg([drawing(10, 20), drawing(300, 40)], 'both');
    expectWellFormed(svg);
    expect(svg).toMatch(/width="300" height="78"/);
    expect([...svg.matchAll(/<svg y="(\d+)"/g)].map((m) => m[1])).toEqual(['0', '38']);
    expect(() => stackSvg(['<p>'], 'x')).toThrow(RangeError);
  });
});
