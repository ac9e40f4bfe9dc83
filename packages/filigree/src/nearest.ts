import { InputError } from './errors.js';

/**
 * Number of single-letter insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`
 * (optimal string alignment distance), on lower-cased text.
 */
export function editDistance(a: string, b: string): number {
  const from = [...a.toLowerCase()];
  const to = [...b.toLowerCase()];
  let older: number[] = [];
  let old = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1] ? 0 : 1;
      let best = Math.min(old[j] + 1, row[j - 1] + 1, old[j - 1] + same);
      if (i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]) {
        best = Math.min(best, older[j - 2] + 1);
      }
      row.push(best);
    }
    older = old;
    old = row;
  }
  return old[to.length];
}

/**
 * The candidate most like `word`, or undefined when none is near enough to be what was meant: at most two fifths of the
 * longer word's letters (and at least two) may differ, unless one begins with the other. The first of equals wins.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const [a, b] = [word.toLowerCase(), candidate.toLowerCase()];
    const distance = editDistance(a, b);
    const allowed = Math.max(2, Math.floor(0.4 * Math.max(a.length, b.length)));
    const begins = a.length >= 2 && (b.startsWith(a) || a.startsWith(b));
    if (distance < least && (begins || (distance <= allowed && distance < Math.max(a.length, b.length)))) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/**
 * The item of this name. Throws InputError, with the nearest name and all there are, when there is none.
 * @param kind what an item is called, in the singular
 * @param more added to the list of names
 */
export function findNamed<T>(
  kind: string,
  name: string,
  items: readonly T[],
  nameOf: (item: T) => string,
  more = '',
): T {
  const found = items.find((item) => nameOf(item) === name);
  if (found !== undefined) return found;
  const names = items.map(nameOf);
  const near = nearest(name, names);
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`;
  throw new InputError(`There is no ${kind} "${name}".${hint} The ${kind}s are ${names.join(', ')}${more}.`);
}
