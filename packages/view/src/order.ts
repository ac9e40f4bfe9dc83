/** A weighted link between two nodes of a layered drawing, by node number. */
export interface Link {
  readonly from: number;
  readonly to: number;
  readonly weight: number;
}

/** What `placeRows` needs: rows of node numbers from bottom to top, and per node its width. */
export interface Rows {
  readonly rows: readonly (readonly number[])[];
  readonly widths: readonly number[];
  /** Free space between two neighbours of a row. */
  readonly gap: number;
}

const sweeps = 24;
/** Crossings are counted pair by pair, so only the heaviest links take part. */
const judged = 300;

/**
 * Orders each row and places its nodes so that links are short and cross little: barycentre sweeps up and down (Sugiyama,
 * Tagawa and Toda 1981) over links of any length, each followed by the least-squares placement that keeps nodes apart; the
 * best placement seen wins. Deterministic.
 *
 * @returns Per node its centre, between half its width and the width of the widest row less that.
 */
export function placeRows(input: Rows, links: readonly Link[]): { x: number[]; width: number } {
  const { rows, widths, gap } = input;
  const rowOf = new Array<number>(widths.length).fill(-1);
  rows.forEach((row, r) => {
    for (const n of row) rowOf[n] = r;
  });
  const width = Math.max(0, ...rows.map((row) => row.reduce((sum, n) => sum + widths[n] + gap, -gap)));
  const crossing = links.filter(({ from, to }) => rowOf[from] !== rowOf[to]);
  const neighbours = widths.map((): { other: number; weight: number }[] => []);
  for (const { from, to, weight } of crossing) {
    neighbours[from].push({ other: to, weight });
    neighbours[to].push({ other: from, weight });
  }
  const heavy = [...crossing].sort((a, b) => b.weight - a.weight).slice(0, judged);

  const x = new Array<number>(widths.length).fill(width / 2);
  for (const row of rows) placeRow(row, x, widths, gap, width);
  let best = { x: [...x], cost: cost(x, heavy, rowOf, width) };
  const settle = (row: readonly number[], accept: (other: number) => boolean, reorder: boolean) => {
    for (const n of row) x[n] = centre(neighbours[n], x, accept) ?? x[n];
    placeRow(reorder ? [...row].sort((a, b) => x[a] - x[b] || a - b) : row, x, widths, gap, width);
  };
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const up = sweep % 2 === 0;
    // The middle sweeps look both ways, which pulls long links straight; the others follow one side, which untangles.
    const both = sweep % 6 > 3;
    for (const row of up ? rows : [...rows].reverse()) {
      settle(row, (other) => both || (up ? rowOf[other] < rowOf[row[0]] : rowOf[other] > rowOf[row[0]]), true);
    }
    const now = cost(x, heavy, rowOf, width);
    if (now < best.cost) best = { x: [...x], cost: now };
  }
  best.x.forEach((value, n) => {
    x[n] = value;
  });
  const ordered = rows.map((row) => [...row].sort((a, b) => x[a] - x[b] || a - b));
  for (let pass = 0; pass < 6; pass++) for (const row of ordered) settle(row, () => true, false);
  return cost(x, heavy, rowOf, width) <= best.cost ? { x, width } : { x: best.x, width };
}

function centre(
  neighbours: readonly { other: number; weight: number }[],
  x: readonly number[],
  accept: (other: number) => boolean,
): number | undefined {
  let sum = 0;
  let total = 0;
  for (const { other, weight } of neighbours) {
    if (!accept(other)) continue;
    sum += weight * x[other];
    total += weight;
  }
  return total > 0 ? sum / total : undefined;
}

/**
 * Moves the nodes of a row, whose order is given, as little as possible from where they want to be (least squares) so that
 * they keep their distance and stay inside the drawing: pool adjacent violators on positions less the room taken before.
 */
function placeRow(row: readonly number[], x: number[], widths: readonly number[], gap: number, width: number): void {
  const before: number[] = [];
  let used = 0;
  for (const n of row) {
    before.push(used + widths[n] / 2);
    used += widths[n] + gap;
  }
  const slack = Math.max(0, width - (used - gap));
  const pools: { mean: number; size: number }[] = [];
  row.forEach((n, i) => {
    let pool = { mean: x[n] - before[i], size: 1 };
    while (pools.length && pools.at(-1)!.mean >= pool.mean) {
      const last = pools.pop()!;
      const size = last.size + pool.size;
      pool = { mean: (last.mean * last.size + pool.mean * pool.size) / size, size };
    }
    pools.push(pool);
  });
  let i = 0;
  for (const { mean, size } of pools) {
    const offset = Math.min(slack, Math.max(0, mean));
    for (let k = 0; k < size; k++, i++) x[row[i]] = before[i] + offset;
  }
}

/** Crossings of the heavy links drawn straight, and, far behind, their total sideways way. */
function cost(x: readonly number[], heavy: readonly Link[], rowOf: readonly number[], width: number): number {
  let total = 0;
  const ends = heavy.map(({ from, to, weight }) => {
    total += (weight * Math.abs(x[from] - x[to])) / (width || 1);
    return rowOf[from] < rowOf[to] ? [from, to] : [to, from];
  });
  for (let i = 0; i < ends.length; i++) {
    for (let j = 0; j < i; j++) {
      if (cross(ends[i], ends[j], x, rowOf)) total += Math.min(heavy[i].weight, heavy[j].weight);
    }
  }
  return total;
}

function cross([a, b]: number[], [c, d]: number[], x: readonly number[], rowOf: readonly number[]): boolean {
  const low = Math.max(rowOf[a], rowOf[c]);
  const high = Math.min(rowOf[b], rowOf[d]);
  if (low >= high) return false;
  const at = (from: number, to: number, row: number) =>
    x[from] + ((x[to] - x[from]) * (row - rowOf[from])) / (rowOf[to] - rowOf[from]);
  return (at(a, b, low) - at(c, d, low)) * (at(a, b, high) - at(c, d, high)) < 0;
}
