/** Probability that a chi-square variable of `freedom` degrees is above `x`: the upper regularised gamma function Q(freedom / 2, x / 2). */
export function chiSquareTail(x: number, freedom: number): number {
  if (!(x > 0) || freedom <= 0) return 1;
  const [a, z] = [freedom / 2, x / 2];
  const front = Math.exp(a * Math.log(z) - z - logGamma(a));
  if (z < a + 1) {
    // The series of the lower function.
    let term = 1 / a;
    let sum = term;
    for (let n = 1; n < 1000 && term > sum * 1e-16; n++) {
      term *= z / (a + n);
      sum += term;
    }
    return Math.max(0, 1 - front * sum);
  }
  // The continued fraction of the upper one, by Lentz's method.
  let b = z + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let value = d;
  for (let n = 1; n < 1000; n++) {
    const factor = -n * (n - a);
    b += 2;
    d = 1 / (factor * d + b);
    c = b + factor / c;
    const step = c * d;
    value *= step;
    if (Math.abs(step - 1) < 1e-15) break;
  }
  return front * value;
}

/** Stirling's series, after shifting the argument above 8. */
export function logGamma(x: number): number {
  let shift = 0;
  let y = x;
  for (; y < 8; y++) shift -= Math.log(y);
  const r = 1 / (y * y);
  const series = (1 / 12 - r * (1 / 360 - r * (1 / 1260 - r * (1 / 1680 - r / 1188)))) / y;
  return shift + (y - 0.5) * Math.log(y) - y + 0.5 * Math.log(2 * Math.PI) + series;
}
