import { heatMapSvg } from '@filigree/view';
import { describe, expect, it } from 'vitest';
import { settled, svgToPng } from './png.js';

const drawing = (inside: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="20"><style>.a{--ink:#102030;--paper:#fff;font-family:system-ui,Arial}
@media (prefers-color-scheme:dark){.a{--ink:#fafbfc;--paper:#000}}
.a text{fill:var(--ink)}</style><g class="a">${inside}</g></svg>`;
const text = (words: string): string => `<text x="5" y="15" font-size="12">${words}</text>`;

describe('svgToPng', () => {
  it('is a PNG of the drawing times the scale', () => {
    const png = svgToPng(heatMapSvg({ rows: ['a'], columns: ['b'], values: [1] }, { title: 'A title' }));
    expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    const sizes = (scale: number): number[] => {
      const image = svgToPng(drawing(''), { scale });
      const view = new DataView(image.buffer, image.byteOffset);
      return [view.getUint32(16), view.getUint32(20)];
    };
    expect(sizes(1)).toEqual([60, 20]);
    expect(sizes(3)).toEqual([180, 60]);
  });

  it('has its text, in the colours of its theme', () => {
    const image = (inside: string, theme: 'light' | 'dark') =>
      Buffer.from(svgToPng(drawing(inside), { theme })).toString('base64');
    for (const theme of ['light', 'dark'] as const) {
      expect(image(text('one'), theme)).not.toBe(image('', theme));
      expect(image(text('one'), theme)).not.toBe(image(text('two'), theme));
      // What labels need beyond letters; a font without them would draw the same box for each.
      const signs = ['\u2192', '\u2212', '\u2026', '\u00b7', '\u21b5', '\u00e9'].map((sign) =>
        image(text(sign), theme),
      );
      expect(new Set([...signs, image('', theme)]).size).toBe(7);
    }
    expect(image(text('one'), 'dark')).not.toBe(image(text('one'), 'light'));
  });

  it('writes out the colours that the theme gives to variables', () => {
    const light = settled(drawing(text('x')), 'light');
    expect(light.paper).toBe('#fff');
    expect(light.drawing).toContain('fill:#102030');
    const dark = settled(drawing(text('x')), 'dark');
    expect(dark.paper).toBe('#000');
    expect(dark.drawing).toContain('fill:#fafbfc');
    for (const { drawing: done } of [light, dark]) {
      expect(done).not.toMatch(/var\(|@media|--|system-ui/);
      expect(done).toContain('font-family:Inter');
    }
    const whole = settled(heatMapSvg({ rows: ['a'], columns: ['b'], values: [-1] }), 'dark').drawing;
    expect(whole).not.toMatch(/var\(|@media/);
  });
});
