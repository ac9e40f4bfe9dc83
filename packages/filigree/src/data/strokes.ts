import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import type { Table } from './table.js';

/** Points of lines from 0 to 1, x to the right, y downwards. */
type Glyph = readonly (readonly (readonly [x: number, y: number])[])[];

/** Ten signs that are told apart by their lines alone. */
const glyphs: readonly Glyph[] = [
  [
    [
      [0.5, 0.1],
      [0.85, 0.5],
      [0.5, 0.9],
      [0.15, 0.5],
      [0.5, 0.1],
    ],
  ],
  [
    [
      [0.5, 0.1],
      [0.5, 0.9],
    ],
  ],
  [
    [
      [0.2, 0.2],
      [0.8, 0.2],
      [0.2, 0.85],
      [0.8, 0.85],
    ],
  ],
  [
    [
      [0.25, 0.15],
      [0.75, 0.15],
      [0.45, 0.45],
      [0.75, 0.6],
      [0.6, 0.85],
      [0.25, 0.85],
    ],
  ],
  [
    [
      [0.3, 0.1],
      [0.2, 0.55],
      [0.8, 0.55],
    ],
    [
      [0.65, 0.3],
      [0.65, 0.9],
    ],
  ],
  [
    [
      [0.75, 0.15],
      [0.3, 0.15],
      [0.3, 0.45],
      [0.75, 0.55],
      [0.65, 0.85],
      [0.25, 0.85],
    ],
  ],
  [
    [
      [0.2, 0.15],
      [0.2, 0.85],
      [0.8, 0.85],
    ],
  ],
  [
    [
      [0.2, 0.15],
      [0.8, 0.15],
      [0.4, 0.9],
    ],
  ],
  [
    [
      [0.15, 0.5],
      [0.85, 0.5],
    ],
    [
      [0.5, 0.15],
      [0.5, 0.85],
    ],
  ],
  [
    [
      [0.2, 0.85],
      [0.5, 0.15],
      [0.8, 0.85],
    ],
    [
      [0.35, 0.55],
      [0.65, 0.55],
    ],
  ],
];

/** Five signs that are none of the ten. */
const others: readonly Glyph[] = [
  [
    [
      [0.15, 0.15],
      [0.85, 0.85],
    ],
    [
      [0.85, 0.15],
      [0.15, 0.85],
    ],
  ],
  [
    [
      [0.15, 0.8],
      [0.35, 0.2],
      [0.5, 0.7],
      [0.65, 0.2],
      [0.85, 0.8],
    ],
  ],
  [
    [
      [0.2, 0.2],
      [0.8, 0.2],
      [0.8, 0.8],
      [0.2, 0.8],
      [0.2, 0.2],
    ],
  ],
  [
    [
      [0.15, 0.3],
      [0.85, 0.3],
    ],
    [
      [0.15, 0.7],
      [0.85, 0.7],
    ],
  ],
  [
    [
      [0.2, 0.15],
      [0.2, 0.85],
    ],
    [
      [0.8, 0.15],
      [0.8, 0.85],
    ],
    [
      [0.2, 0.5],
      [0.8, 0.5],
    ],
  ],
];

export interface StrokesOptions {
  /** Draws five other signs instead of the ten, labelled 0 to 4. */
  readonly unseen?: boolean;
  /** Turns every picture by so many degrees. */
  readonly rotate?: number;
  /** Grey levels (default 16). */
  readonly levels?: number;
}

/** Pictures of signs with their labels. */
export interface Strokes {
  /** Pixels as values from 0 to levels - 1, row by row. */
  readonly table: Table;
  /** `[rows]` which sign. */
  readonly labels: Int32Array;
}

/**
 * Draws pictures of ten signs: lines under a random affine map (turn by up to 0.15, stretch by 0.8 to 1.1, shear by up to 0.15, shift by
 * up to 0.08), with a pen whose darkness falls off as a Gaussian of the distance. Made from a seed, so that experiments on images need
 * no data of others.
 * @param size pixels along each side
 */
export function strokes(rows: number, size: number, seed: number, options: StrokesOptions = {}): Strokes {
  const { unseen = false, rotate = 0, levels = 16 } = options;
  if (!(Number.isInteger(rows) && rows >= 1)) throw new InputError('the number of pictures must be at least 1');
  if (!(Number.isInteger(size) && size >= 4 && size <= 256))
    throw new InputError('the size of pictures must be from 4 to 256 pixels');
  const random = new Random(seed);
  const signs = unseen ? others : glyphs;
  const values = new Float64Array(rows * size * size);
  const labels = new Int32Array(rows);
  for (let row = 0; row < rows; row++) {
    labels[row] = random.integer(signs.length);
    const around = (): number => 2 * random.uniform() - 1;
    const turn = 0.15 * around() + (rotate * Math.PI) / 180;
    const [sx, sy, shear] = [0.8 + 0.3 * random.uniform(), 0.8 + 0.3 * random.uniform(), 0.15 * around()];
    const [dx, dy] = [0.08 * around(), 0.08 * around()];
    const pen = 0.05 + 0.02 * random.uniform();
    const place = ([x, y]: readonly [number, number]): [number, number] => {
      const [u, v] = [sx * (x - 0.5) + shear * (y - 0.5), sy * (y - 0.5)];
      return [0.5 + dx + Math.cos(turn) * u - Math.sin(turn) * v, 0.5 + dy + Math.sin(turn) * u + Math.cos(turn) * v];
    };
    const lines = signs[labels[row]].map((line) => line.map(place));
    for (let i = 0; i < size * size; i++) {
      const [x, y] = [((i % size) + 0.5) / size, (Math.floor(i / size) + 0.5) / size];
      const distance = Math.min(
        ...lines.flatMap((line) => line.slice(1).map((to, k) => distanceTo(x, y, line[k], to))),
      );
      values[row * size * size + i] = Math.round((levels - 1) * Math.exp(-0.5 * (distance / pen) ** 2));
    }
  }
  return { table: { rows, columns: size * size, values }, labels };
}

/** Distance of a point from a line between two points. */
function distanceTo(
  x: number,
  y: number,
  [ax, ay]: readonly [number, number],
  [bx, by]: readonly [number, number],
): number {
  const [dx, dy] = [bx - ax, by - ay];
  const t = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}
