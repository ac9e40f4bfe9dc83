/** A flat block butterfly; see `LayoutSpec`. */
export interface ButterflySpec {
  readonly kind: 'butterfly';
  readonly b: number;
  readonly k: number;
}

/** Why a matrix of that shape has no such butterfly, or undefined. */
export function butterflyMisfit(rows: number, cols: number, { b, k }: ButterflySpec): string | undefined {
  const power = (x: number) => Number.isInteger(x) && x > 0 && (x & (x - 1)) === 0;
  if (!(Number.isInteger(b) && b > 0)) return 'blocks have one row at least';
  if (!power(k)) return 'the maximum stride is a power of two';
  if (rows % b !== 0 || cols % b !== 0) return `${b} has to divide the rows and the columns`;
  const blocks = Math.min(rows, cols) / b;
  if (blocks === 0) return undefined;
  if (!power(blocks)) return `the shorter side has to be ${b} times a power of two`;
  if (k > blocks) return `the shorter side has ${blocks} blocks, fewer than the maximum stride`;
  return undefined;
}

/**
 * The columns of blocks, ascending, of block row `i`: `j = i`, and `j = i xor 2^s` for `2^s < k`, on the square of the shorter side; the longer
 * side repeats its neighbours' blocks.
 */
export function butterflyBlocks(i: number, rows: number, cols: number, k: number): number[] {
  const square = Math.min(rows, cols);
  const own = Math.floor((i * square) / rows);
  const partners = new Set([own]);
  for (let s = 1; s < k; s *= 2) partners.add(own ^ s);
  const ascending = [...partners].sort((a, b) => a - b);
  return ascending.flatMap((partner) => {
    const [from, to] = [partner, partner + 1].map((p) => Math.ceil((p * cols) / square));
    return Array.from({ length: to - from }, (_, j) => from + j);
  });
}
