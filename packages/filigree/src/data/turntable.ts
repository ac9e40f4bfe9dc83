import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import type { Dataset } from './dataset.js';

export interface TurntableOptions {
  /** Things on the table. */
  objects?: number;
  /** Pictures of each, at equal angles. */
  turns?: number;
  /** Side of a picture in pixels. */
  side?: number;
  seed?: number;
}

/**
 * Pictures of things on a turntable, in the manner of COIL-20: each is three to six striped ellipsoids at random places, seen at `turns`
 * equal angles, nearer ones in front, in grey from 0 to 1 on black. The class is the thing; samples are shuffled.
 */
export function turntable(options: TurntableOptions = {}): Dataset {
  const { objects = 20, turns = 72, side = 32, seed = 0 } = options;
  for (const [name, n] of Object.entries({ objects, turns, side })) {
    if (!(Number.isInteger(n) && n > 0)) throw new InputError(`a turntable needs whole ${name} from 1, not ${n}`);
  }
  const random = new Random(seed).fork('turntable');
  const between = (a: number, b: number): number => a + (b - a) * random.uniform();
  const things = Array.from({ length: objects }, () =>
    Array.from({ length: 3 + random.integer(4) }, () => ({
      place: [between(-0.45, 0.45), between(-0.45, 0.45), between(-0.45, 0.45)],
      radii: [between(0.15, 0.45), between(0.15, 0.45), between(0.15, 0.45)],
      grey: between(0.35, 0.9),
      stripes: between(3, 14),
      slant: between(0, Math.PI),
    })),
  );
  const samples = objects * turns;
  const features = side * side;
  const inputs = new Float32Array(samples * features);
  const labels = new Int32Array(samples);
  const order = random.shuffle(Array.from({ length: samples }, (_, k) => k));
  order.forEach((k, s) => {
    const thing = Math.floor(k / turns);
    labels[s] = thing;
    const angle = (2 * Math.PI * (k % turns)) / turns;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    const seen = things[thing]
      .map(({ place: [x, y, z], radii: [a, b, c], ...rest }) => ({
        x: x * cos + z * sin,
        y,
        depth: z * cos - x * sin,
        // What an ellipsoid that turns shows of its two horizontal radii.
        wide: Math.hypot(a * cos, c * sin),
        high: b,
        ...rest,
      }))
      .sort((p, q) => p.depth - q.depth);
    const picture = inputs.subarray(s * features, (s + 1) * features);
    for (let p = 0; p < features; p++) {
      const px = (2 * (p % side) + 1) / side - 1;
      const py = (2 * Math.floor(p / side) + 1) / side - 1;
      for (const { x, y, wide, high, grey, stripes, slant } of seen) {
        const [dx, dy] = [(px - x) / wide, (py - y) / high];
        const inside = 1 - dx * dx - dy * dy;
        if (inside < 0) continue;
        const wave = Math.sin(stripes * (dx * Math.cos(slant) + dy * Math.sin(slant)) + 2 * angle);
        picture[p] = Math.min(1, grey * (0.55 + 0.45 * Math.sqrt(inside)) * (0.8 + 0.2 * wave));
      }
    }
  });
  return { name: `turntable-${side}`, samples, features, classes: objects, inputs, labels };
}
