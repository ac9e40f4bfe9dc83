/**
 * Sets all but the `budget` largest magnitudes of `values` `[rows, cols]` to zero, in place. The `least` largest of every row stay before
 * all others, as far as the budget has that many for each row; what is left of it is spent on the whole matrix (Gao et al. 2025,
 * "Weight-sparse transformers have interpretable circuits"). Of equal magnitudes the first stay.
 */
export function keepLargest(values: Float32Array, rows: number, cols: number, budget: number, least = 0): void {
  if (budget >= values.length) return;
  const each = Math.min(cols, least, Math.floor(budget / rows));
  // Magnitudes of floats are ordered as their bits are.
  const bits = new Uint32Array(values.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let k = 0; k < bits.length; k++) bits[k] = words[k] & 0x7fffffff;
  if (each > 0) for (let i = 0; i < rows; i++) protect(bits.subarray(i * cols, (i + 1) * cols), each);
  const { threshold, equal } = largestBits(bits, budget);
  let left = equal;
  for (let k = 0; k < bits.length; k++) {
    if (bits[k] > threshold || (bits[k] === threshold && left-- > 0)) continue;
    values[k] = 0;
  }
}

/** No float's magnitude has the highest bit: what is marked by it stands above all others. */
const PROTECTED = 0x80000000;

/** Marks the `count` largest of a row. */
function protect(row: Uint32Array, count: number): void {
  const places = new Int32Array(count).fill(-1);
  let least = -1;
  for (let j = 0; j < row.length; j++) {
    if (row[j] <= least) continue;
    let slot = count - 1;
    while (slot > 0 && (places[slot - 1] < 0 || row[places[slot - 1]] < row[j])) {
      places[slot] = places[slot - 1];
      slot--;
    }
    places[slot] = j;
    if (places[count - 1] >= 0) least = row[places[count - 1]];
  }
  for (const j of places) row[j] += PROTECTED;
}

/** The smallest of the `count` largest words, and how many of those that equal it belong to them; two passes of counting. */
function largestBits(words: Uint32Array, count: number): { threshold: number; equal: number } {
  const high = new Uint32Array(65_536);
  for (let k = 0; k < words.length; k++) high[words[k] >>> 16]++;
  let left = count;
  let top = 65_535;
  while (top > 0 && high[top] < left) left -= high[top--];
  const low = new Uint32Array(65_536);
  for (let k = 0; k < words.length; k++) if (words[k] >>> 16 === top) low[words[k] & 0xffff]++;
  let bottom = 65_535;
  while (bottom > 0 && low[bottom] < left) left -= low[bottom--];
  return { threshold: top * 65_536 + bottom, equal: left };
}
