import { px } from './markup.js';

/** A point of the drawing; y grows downwards. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A row of boxes that lines must go round: from `top` to `bottom`, each box from `left` to `right`, sorted. */
export interface Obstacles {
  readonly top: number;
  readonly bottom: number;
  readonly boxes: readonly { readonly left: number; readonly right: number }[];
}

/** Distance kept from a box, and between two lines that pass through the same gap. */
const margin = 5;
const lane = 2.5;
/** Routes lines upwards between rows of boxes; each gap spreads the lines that it lets through. */
export class Router {
  private readonly traffic = new Map<string, number>();

  /** @param rows Rows of boxes from bottom to top. */
  constructor(private readonly rows: readonly Obstacles[]) {}

  /**
   * The path data of a smooth line from `from` up to `to` that passes beside the boxes of the rows strictly between row
   * numbers `fromRow` and `toRow`. Lines within a row or downwards are one arc over their ends.
   */
  path(from: Point, fromRow: number, to: Point, toRow: number): string {
    const start = `M${px(from.x)},${px(from.y)}`;
    if (toRow <= fromRow) {
      const lift = 26 + Math.abs(to.x - from.x) / 12;
      return `${start}C${px(from.x)},${px(from.y - lift)} ${px(to.x)},${px(to.y + lift)} ${px(to.x)},${px(to.y)}`;
    }
    let text = start;
    let last = from;
    for (const knot of [...this.knots(from, to, fromRow + 1, toRow - 1), to]) {
      text += knot.x === last.x ? `V${px(knot.y)}` : curve(last, knot);
      last = knot;
    }
    return text;
  }

  /** Where a line from a to b must be led so that it misses the boxes of rows `low` to `high`. */
  private knots(a: Point, b: Point, low: number, high: number): Point[] {
    let worst = -1;
    let depth = 0;
    for (let r = low; r <= high; r++) {
      const overlap = this.overlap(a, b, r);
      if (overlap > depth) {
        depth = overlap;
        worst = r;
      }
    }
    if (worst < 0) return [];
    const row = this.rows[worst];
    const x = this.free(row, worst, at(a, b, (row.top + row.bottom) / 2), (a.x + b.x) / 2);
    const enter = { x, y: row.bottom };
    const leave = { x, y: row.top };
    return [...this.knots(a, enter, low, worst - 1), enter, leave, ...this.knots(leave, b, worst + 1, high)];
  }

  /** How deep the line from a to b runs into a box of the row; 0 where it misses all. */
  private overlap(a: Point, b: Point, r: number): number {
    const row = this.rows[r];
    const ends = [at(a, b, row.bottom), at(a, b, row.top)];
    const left = Math.min(...ends) - margin + 1;
    const right = Math.max(...ends) + margin - 1;
    return row.boxes.reduce((most, box) => Math.max(most, Math.min(right - box.left, box.right - left)), 0);
  }

  /** The free x of a row nearest to `wanted`; of two equally near ones that on the side of `lean`. */
  private free(row: Obstacles, r: number, wanted: number, lean: number): number {
    let best = { x: wanted, left: wanted, right: wanted, gap: 0, distance: Number.POSITIVE_INFINITY };
    for (let gap = 0; gap <= row.boxes.length; gap++) {
      const left = gap === 0 ? Number.NEGATIVE_INFINITY : row.boxes[gap - 1].right + margin;
      const right = gap === row.boxes.length ? Number.POSITIVE_INFINITY : row.boxes[gap].left - margin;
      if (left > right) continue;
      const x = Math.min(right, Math.max(left, wanted));
      const distance = Math.abs(x - wanted) + Math.abs(x - lean) / 1000;
      if (distance < best.distance) best = { x, left, right, gap, distance };
    }
    return this.shift(best.x, best.left, best.right, `${r} ${best.gap} ${best.x === best.left}`);
  }

  /** Gives each line through a gap its own lane, away from the box it hugs, as long as there is room. */
  private shift(x: number, left: number, right: number, gap: string): number {
    if (x !== left && x !== right) return x;
    const used = this.traffic.get(gap) ?? 0;
    this.traffic.set(gap, used + 1);
    const lanes = Math.max(1, Math.floor(Math.min(8, (right - left) / lane)));
    return x + (x === left ? 1 : -1) * lane * (used % lanes);
  }
}

/** Control points at a third and two thirds of the height, so that height is even along the curve and `at` needs no search. */
function curve(a: Point, b: Point): string {
  const third = (b.y - a.y) / 3;
  return `C${px(a.x)},${px(a.y + third)} ${px(b.x)},${px(b.y - third)} ${px(b.x)},${px(b.y)}`;
}

/** x of the curve from a to b at height y. */
function at(a: Point, b: Point, y: number): number {
  const t = (y - a.y) / (b.y - a.y);
  return a.x + (b.x - a.x) * t * t * (3 - 2 * t);
}
