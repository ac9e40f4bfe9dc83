import { describe, expect, it } from 'vitest';
import { divergingColor, type Theme } from './colors.js';

type Vector = [number, number, number];

function linear(color: string): Vector {
  return color.match(/\d+/g)!.map((c) => {
    const x = Number(c) / 255;
    return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
  }) as Vector;
}

function times(matrix: number[][], v: Vector): Vector {
  return matrix.map((row) => row.reduce((sum, m, i) => sum + m * v[i], 0)) as Vector;
}

/** OKLab of linear RGB (Ottosson 2020). */
function oklab(rgb: Vector): Vector {
  const lms = times(
    [
      [0.4122214708, 0.5363325363, 0.0514459929],
      [0.2119034982, 0.6806995451, 0.1073969566],
      [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    rgb,
  ).map(Math.cbrt) as Vector;
  return times(
    [
      [0.2104542553, 0.793617785, -0.0040720468],
      [1.9779984951, -2.428592205, 0.4505937099],
      [0.0259040371, 0.7827717662, -0.808675766],
    ],
    lms,
  );
}

/** Full colour-vision deficiencies as matrices on linear RGB (Machado, Oliveira and Fernandes 2009). */
const sights: Record<string, number[][]> = {
  usual: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function distance(a: string, b: string, sight: string): number {
  const see = (color: string) => oklab(times(sights[sight], linear(color)).map((c) => Math.max(0, c)) as Vector);
  const [p, q] = [see(a), see(b)];
  return Math.hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]);
}

function luminance(color: string): number {
  const [r, g, b] = linear(color);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (x + 0.05) / (y + 0.05);
}

const themes: [Theme, string][] = [
  ['light', 'rgb(255 255 255)'],
  ['dark', 'rgb(23 27 32)'],
];

describe('divergingColor', () => {
  it.each(themes)('has ends that can be told apart whatever the eyes, and read on the page (%s)', (theme, paper) => {
    const [negative, neutral, positive] = [-1, 0, 1].map((t) => divergingColor(t, theme));
    for (const sight of Object.keys(sights)) {
      expect(distance(negative, positive, sight)).toBeGreaterThan(0.12);
      expect(distance(negative, neutral, sight)).toBeGreaterThan(0.06);
      expect(distance(positive, neutral, sight)).toBeGreaterThan(0.06);
    }
    expect(contrast(negative, paper)).toBeGreaterThan(4.5);
    expect(contrast(positive, paper)).toBeGreaterThan(4.5);
  });

  it.each(themes)('moves evenly away from the middle and stays at its ends (%s)', (theme) => {
    for (const sign of [-1, 1]) {
      let last = 0;
      for (let t = 0.1; t <= 1; t += 0.1) {
        const far = distance(divergingColor(0, theme), divergingColor(sign * t, theme), 'usual');
        expect(far).toBeGreaterThan(last);
        last = far;
      }
      expect(divergingColor(sign * 7, theme)).toBe(divergingColor(sign, theme));
    }
    expect(divergingColor(Number.NaN, theme)).toBe(divergingColor(0, theme));
  });
});
