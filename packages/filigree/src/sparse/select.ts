/**
 * Keeps the `count` candidates with the largest scores of a stream, in memory for `count`. Of equal scores the smaller key wins, so
 * that a choice can be repeated.
 */
export class Largest {
  /** A heap with the worst kept candidate on top. */
  private readonly scores: Float64Array;
  private readonly keys: Float64Array;
  private held = 0;

  constructor(readonly count: number) {
    this.scores = new Float64Array(count);
    this.keys = new Float64Array(count);
  }

  /** Throws RangeError for a score that is not a number. */
  offer(key: number, score: number): void {
    if (Number.isNaN(score)) throw new RangeError(`the score of weight ${key} is not a number`);
    if (this.count === 0) return;
    if (this.held < this.count) {
      let at = this.held++;
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!this.worse(score, key, parent)) break;
        this.move(parent, at);
        at = parent;
      }
      this.put(at, score, key);
    } else if (!this.worse(score, key, 0)) {
      let at = 0;
      for (;;) {
        const left = 2 * at + 1;
        if (left >= this.held) break;
        const right = left + 1;
        const child = right < this.held && this.worse(this.scores[right], this.keys[right], left) ? right : left;
        if (this.worse(score, key, child)) break;
        this.move(child, at);
        at = child;
      }
      this.put(at, score, key);
    }
  }

  /** Keys of what was kept, ascending. */
  result(): Float64Array {
    return this.keys.slice(0, this.held).sort();
  }

  /** Whether a candidate is worse than the kept one at `at`. */
  private worse(score: number, key: number, at: number): boolean {
    return score < this.scores[at] || (score === this.scores[at] && key > this.keys[at]);
  }

  private move(from: number, to: number): void {
    this.put(to, this.scores[from], this.keys[from]);
  }

  private put(at: number, score: number, key: number): void {
    this.scores[at] = score;
    this.keys[at] = key;
  }
}

/** Positions of the `count` largest scores, ascending; of equal ones the first. Throws RangeError for one that is not a number. */
export function largest(scores: ArrayLike<number>, count: number): Int32Array {
  const take = Math.min(count, scores.length);
  if (take === 0) return new Int32Array(0);
  const sorted = Float64Array.from(scores);
  const odd = sorted.findIndex(Number.isNaN);
  if (odd >= 0) throw new RangeError(`the score of weight ${odd} is not a number`);
  const threshold = sorted.sort()[sorted.length - take];
  let above = 0;
  for (let k = sorted.length - 1; k >= 0 && sorted[k] > threshold; k--) above++;
  const chosen = new Int32Array(take);
  let [at, ties] = [0, take - above];
  for (let k = 0; k < scores.length && at < take; k++) {
    if (scores[k] > threshold || (scores[k] === threshold && ties-- > 0)) chosen[at++] = k;
  }
  return chosen;
}

/**
 * The key of a draw without replacement with probabilities in proportion to `weight` (Efraimidis, Spirakis 2006), in logarithms:
 * the `count` largest of `ln(u) / weight` are the sample. A weight of 0 is drawn last.
 */
export function drawKey(uniform: number, weight: number): number {
  return weight > 0 ? Math.log(1 - uniform) / weight : Number.NEGATIVE_INFINITY;
}
