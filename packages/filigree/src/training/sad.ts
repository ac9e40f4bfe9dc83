/**
 * SAD (Zhou et al. 2021): how many places two masks of one layer differ in, `||M(i) - M(j)||_1`, and the share of that in the most that
 * could differ, `2 nnz`.
 */
export function sad(first: ArrayLike<number>, second: ArrayLike<number>): { count: number; share: number } {
  if (first.length !== second.length) throw new RangeError(`masks of ${first.length} and ${second.length} places`);
  let [count, weights] = [0, 0];
  for (let k = 0; k < first.length; k++) {
    count += Number((first[k] !== 0) !== (second[k] !== 0));
    weights += Number(first[k] !== 0) + Number(second[k] !== 0);
  }
  return { count, share: weights === 0 ? 0 : count / weights };
}
