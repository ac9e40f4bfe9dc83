import { expect, it } from 'vitest';
import { frontierSvg } from './frontier-svg.js';
import { expectWellFormed } from './well-formed.testing.js';

it('draws every point with its name, on round ticks, within the frame', () => {
  const svg = frontierSvg(
    [
      { name: 'a<b', x: 1.5, y: 20, group: 0 },
      { name: 'c', x: 1.7, y: 400, group: 0 },
      { name: 'd', x: 1.6, y: 3000, group: 1 },
    ],
    { xName: 'loss', yName: 'edges', groups: ['sparse', 'dense'], title: 'Frontier' },
  );
  expectWellFormed(svg);
  expect(svg).toContain('a&lt;b');
  expect(svg).toMatch(/>1\.60<\/text>/);
  expect(svg).toMatch(/>1,?000<\/text>/);
  const circles = [...svg.matchAll(/<circle class="point group-\d" cx="([\d.]+)" cy="([\d.]+)"/g)].map((m) => [
    Number(m[1]),
    Number(m[2]),
  ]);
  expect(circles.length).toBe(5);
  for (const [x, y] of circles) expect(x > 0 && x < 760 && y > 0 && y < 420).toBe(true);
  // Fewer edges lie lower.
  expect(circles[0][1]).toBeGreaterThan(circles[1][1]);
  expect(circles[1][1]).toBeGreaterThan(circles[2][1]);
});
