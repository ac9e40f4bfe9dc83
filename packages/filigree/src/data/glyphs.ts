import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import type { Dataset } from './dataset.js';

type Point = readonly [x: number, y: number];

export interface GlyphOptions {
  samples: number;
  /** Side of the picture in pixels. */
  side?: 16 | 28;
  seed?: number;
  /** Leaves the twins out: ten classes that any network tells apart. */
  easy?: boolean;
}

/** The shapes are the same for every seed: a data set with other samples is of the same task. */
const shapeSeed = 20_240_501;

/**
 * Pictures of twenty strokes that are hard to tell apart: ten fixed random lines through 5 points, and for each a twin with one point
 * moved by a quarter of the picture's half side. Each sample is turned (up to 20 degrees), scaled (0.8 to 1.15), sheared (up to .15) and shifted
 * (up to a twelfth of the side), drawn with soft edges, crossed by a stray segment at 80 % brightness, and given noise of deviation 0.2.
 * Classes `c` and `c + 10` are twins. `easy` has the first ten only.
 */
export function glyphs({ samples, side = 28, seed = 0, easy = false }: GlyphOptions): Dataset {
  if (!(Number.isInteger(samples) && samples > 0)) throw new InputError(`${samples} samples cannot be made`);
  const shapes = glyphShapes();
  const classes = easy ? 10 : 20;
  const random = new Random(seed).fork('glyphs');
  const features = side * side;
  const inputs = new Float32Array(samples * features);
  const labels = new Int32Array(samples);
  for (let s = 0; s < samples; s++) {
    labels[s] = random.integer(classes);
    const picture = inputs.subarray(s * features, (s + 1) * features);
    const place = affine(random, side);
    const points = shapes[labels[s]].map(place);
    for (let k = 0; k + 1 < points.length; k++) stroke(picture, side, points[k], points[k + 1], 1);
    const end = (): Point => [random.uniform() * side, random.uniform() * side];
    const from = end();
    const angle = 2 * Math.PI * random.uniform();
    const length = side * (0.2 + 0.2 * random.uniform());
    stroke(picture, side, from, [from[0] + length * Math.cos(angle), from[1] + length * Math.sin(angle)], 0.8);
    for (let p = 0; p < features; p++) picture[p] += 0.2 * random.normal();
  }
  return { name: `glyphs${easy ? '-easy' : ''}-${side}`, samples, features, classes, inputs, labels };
}

/** Ten lines through 5 points in [-1, 1]^2, then their twins. */
function glyphShapes(): Point[][] {
  const random = new Random(shapeSeed);
  const shapes = Array.from({ length: 10 }, () =>
    Array.from({ length: 5 }, (): Point => [1.6 * random.uniform() - 0.8, 1.6 * random.uniform() - 0.8]),
  );
  const twins = shapes.map((points) => {
    const moved = random.integer(points.length);
    const angle = 2 * Math.PI * random.uniform();
    return points.map(
      ([x, y], k): Point => (k === moved ? [x + 0.25 * Math.cos(angle), y + 0.25 * Math.sin(angle)] : [x, y]),
    );
  });
  return [...shapes, ...twins];
}

/** A random map from the shapes' square to pixels. */
function affine(random: Random, side: number): (p: Point) => Point {
  const between = (low: number, high: number): number => low + (high - low) * random.uniform();
  const angle = (between(-20, 20) * Math.PI) / 180;
  const scale = between(0.8, 1.15) * side * 0.4;
  const shear = between(-0.15, 0.15);
  const [dx, dy] = [between(-side / 12, side / 12), between(-side / 12, side / 12)];
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  return ([x, y]) => {
    const sheared = x + shear * y;
    return [side / 2 + dx + scale * (c * sheared - s * y), side / 2 + dy + scale * (s * sheared + c * y)];
  };
}

/** Draws a segment: full brightness within half a pixel of it, falling to 0 within one more. */
function stroke(picture: Float32Array, side: number, a: Point, b: Point, brightness: number): void {
  const reach = 2;
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const square = dx * dx + dy * dy;
  const low = (p: number, q: number): number => Math.max(0, Math.floor(Math.min(p, q) - reach));
  const high = (p: number, q: number): number => Math.min(side - 1, Math.ceil(Math.max(p, q) + reach));
  for (let y = low(a[1], b[1]); y <= high(a[1], b[1]); y++) {
    for (let x = low(a[0], b[0]); x <= high(a[0], b[0]); x++) {
      const [px, py] = [x + 0.5 - a[0], y + 0.5 - a[1]];
      const along = square === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / square));
      const [ex, ey] = [px - along * dx, py - along * dy];
      // Not hypot: it guards against overflow that cannot come here, at many times the cost.
      const distance = Math.sqrt(ex * ex + ey * ey);
      const ink = brightness * Math.min(1, Math.max(0, 1.5 - distance));
      if (ink > picture[y * side + x]) picture[y * side + x] = ink;
    }
  }
}
