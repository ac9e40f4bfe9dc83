import { expect, it } from 'vitest';
import { curvesSvg } from './curves-svg.js';

const curves = Array.from({ length: 10 }, (_, i) => ({
  name: i === 9 ? 'random <x>' : `method ${i}`,
  sizes: [1, 10, 100],
  faithfulness: i === 3 ? [-0.5, Number.NaN, 1.4] : [0, 0.1 * i, 1],
  control: i === 9,
}));

it('draws a line and a key for each method, each told from the others', () => {
  const svg = curvesSvg(curves, { title: 'a & b' });
  expect(svg).toContain('a &amp; b</text>');
  expect(svg).toContain('random &lt;x&gt;</text>');
  const classes = [...svg.matchAll(/<path class="line ([^"]*)" d="M\d+,\d+h24"/g)].map(([, name]) => name);
  expect(classes.length).toBe(10);
  expect(new Set(classes).size).toBe(10);
  expect(classes.at(-1)).toBe('control');
  // A gap where there is no number, and nothing outside the drawing.
  expect(svg.match(/<circle/g)?.length).toBe(29);
  const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? [];
  for (const [, x, y] of svg.matchAll(/cx="([-\d.]+)" cy="([-\d.]+)"/g)) {
    expect(Number(x)).toBeGreaterThan(0);
    expect(Number(x)).toBeLessThan(Number(width));
    expect(Number(y)).toBeGreaterThan(0);
    expect(Number(y)).toBeLessThan(Number(height));
  }
});
