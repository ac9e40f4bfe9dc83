import fc from 'fast-check';
import { Layout } from './layout.js';
import { chunkRows } from './nmg.js';
import type { LayoutSpec } from './packing.js';
import { Topology } from './topology.js';

/** A mask `[rows, cols]` and a layout that fits it. */
export interface Case {
  readonly rows: number;
  readonly cols: number;
  readonly mask: Uint8Array;
  readonly spec: LayoutSpec;
}

const side = fc.oneof(fc.constantFrom(0, 1, 3, 17, 33), fc.integer({ min: 1, max: 40 }));
const specs: fc.Arbitrary<LayoutSpec> = fc.oneof(
  fc.constant<LayoutSpec>({ kind: 'csr' }),
  fc.constant<LayoutSpec>({ kind: 'condensed' }),
  fc
    .record({ r: fc.constantFrom(1, 2, 3, 4, 8, 12), c: fc.constantFrom(1, 2, 3, 4) })
    .map((b): LayoutSpec => ({ kind: 'block', ...b })),
  fc.constantFrom([1, 2], [2, 4], [1, 4], [3, 5]).map(([n, m]): LayoutSpec => ({ kind: 'nm', n, m })),
  fc
    .constantFrom([1, 2, 1], [2, 4, 2], [1, 4, 3], [3, 3, 5])
    .map(([n, m, g]): LayoutSpec => ({ kind: 'nmg', n, m, g })),
  fc
    .record({ b: fc.constantFrom(1, 2, 3, 4, 8), k: fc.constantFrom(1, 2, 4) })
    .map((b): LayoutSpec => ({ kind: 'butterfly', ...b })),
);

/** The nearest larger numbers of rows and columns that the layout allows. */
function fitting(spec: LayoutSpec, r: number, c: number): [rows: number, cols: number] {
  const up = (x: number, unit: number) => unit * Math.ceil(x / unit);
  if (spec.kind === 'block') return [up(r, spec.r), up(c, spec.c)];
  if (spec.kind === 'nm') return [r, up(c, spec.m)];
  if (spec.kind === 'nmg') return [up(r, chunkRows(spec)), up(c, spec.m)];
  if (spec.kind !== 'butterfly') return [r, c];
  // The shorter side is a power of two of blocks, as many as the stride at least, or nothing at all.
  const { b, k } = spec;
  const blocks = [r, c].map((x) => (x === 0 ? 0 : Math.max(k, Math.ceil(x / b))));
  const short = Math.min(...blocks);
  const power = short === 0 ? 0 : 2 ** Math.floor(Math.log2(short));
  const [rows, cols] = blocks.map((x, side) => (x === short && (side === 0 || blocks[0] !== short) ? power : x));
  return [b * rows, b * cols];
}

/** For tests: masks of all densities for every layout, with empty rows, empty matrices and odd sizes. */
export const cases: fc.Arbitrary<Case> = fc
  .record({
    spec: specs,
    rows: side,
    cols: side,
    density: fc.constantFrom(0, 0.05, 0.3, 0.9, 1),
    emptyRows: fc.constantFrom(0, 0.3),
    seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  })
  .map(({ spec, rows: r, cols: c, density, emptyRows, seed }) => {
    let state = seed >>> 0;
    const uniform = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32;
    };
    const [rows, cols] = fitting(spec, r, c);
    const mask = new Uint8Array(rows * cols);
    const fan = Math.round(density * cols);
    // Grouped n:m and butterflies: some places of a legal support.
    if (spec.kind === 'nmg' || spec.kind === 'butterfly') {
      const legal = new Layout(Topology.fromKeys([], rows, cols), spec).support.keys();
      for (const key of legal) if (uniform() < density) mask[key] = 1;
      return { rows, cols, mask, spec };
    }
    for (let i = 0; i < rows; i++) {
      if (uniform() < emptyRows) continue;
      const row = mask.subarray(i * cols, (i + 1) * cols);
      if (spec.kind === 'condensed') {
        for (let left = fan; left > 0; ) {
          const j = Math.floor(uniform() * cols);
          if (row[j] === 0) {
            row[j] = 1;
            left--;
          }
        }
      } else {
        let kept = 0;
        for (let j = 0; j < cols; j++) {
          if (spec.kind === 'nm' && j % spec.m === 0) kept = 0;
          const full = spec.kind === 'nm' && kept >= spec.n;
          if (!full && uniform() < density) {
            row[j] = 1;
            kept++;
          }
        }
      }
    }
    return { rows, cols, mask, spec };
  });

/** Numbers in [-1, 1) that are never 0, as f32. */
export function numbers(length: number, seed: number): Float32Array {
  return Float32Array.from(
    { length },
    (_, k) => Math.sin(seed + 1.7 * k) * 0.9 + (Math.sin(seed + 1.7 * k) < 0 ? -0.05 : 0.05),
  );
}
