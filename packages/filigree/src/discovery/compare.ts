/**
 * Area under the receiver operating characteristic: the chance that a true item scores higher than a false one, ties counting
 * half. Throws RangeError when the lengths differ, a score is not a number, or all items are true or all false.
 */
export function rocAuc(scores: ArrayLike<number>, truth: ArrayLike<boolean>): number {
  if (scores.length !== truth.length) {
    throw new RangeError(`rocAuc: ${scores.length} scores for ${truth.length} items`);
  }
  const order = Array.from(scores, (_, i) => i).sort((a, b) => scores[a] - scores[b]);
  let ranks = 0;
  let positives = 0;
  for (let start = 0; start < order.length; ) {
    const score = scores[order[start]];
    if (Number.isNaN(score)) throw new RangeError('rocAuc: a score is not a number');
    let end = start;
    let tied = 0;
    for (; end < order.length && scores[order[end]] === score; end++) if (truth[order[end]]) tied++;
    // All of a tie share the mean of their ranks.
    ranks += (tied * (start + end - 1)) / 2;
    positives += tied;
    start = end;
  }
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) throw new RangeError('rocAuc: needs true items and false ones');
  return (ranks - (positives * (positives - 1)) / 2) / (positives * negatives);
}

/**
 * Pearson's correlation; NaN when one side does not vary.
 * Throws RangeError when the lengths differ.
 */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new RangeError(`pearson: ${a.length} values against ${b.length}`);
  const mean = (x: ArrayLike<number>): number => Array.from(x).reduce((s, v) => s + v, 0) / x.length;
  const [ma, mb] = [mean(a), mean(b)];
  let [aa, ab, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    aa += (a[i] - ma) ** 2;
    ab += (a[i] - ma) * (b[i] - mb);
    bb += (b[i] - mb) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}
