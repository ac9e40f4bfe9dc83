/** Addition and multiplication with their neutral elements; `zero` also makes products zero. */
export interface Semiring<T> {
  readonly name: string;
  readonly zero: T;
  readonly one: T;
  add(a: T, b: T): T;
  multiply(a: T, b: T): T;
  /** Whether an element is `zero`, by which the support of a circuit is known. */
  isZero(a: T): boolean;
}

const plain = <T>(name: string, zero: T, one: T, add: (a: T, b: T) => T, multiply: (a: T, b: T) => T): Semiring<T> => ({
  name,
  zero,
  one,
  add,
  multiply,
  isZero: (a) => a === zero,
});

/** Real numbers: probabilities, and differences of them. */
export const real = plain(
  'real (+, ×)',
  0,
  1,
  (a, b) => a + b,
  (a, b) => a * b,
);

/** Logarithms of numbers that are not negative. */
export const logarithmic = plain(
  'log (logsumexp, +)',
  Number.NEGATIVE_INFINITY,
  0,
  (a, b) => {
    const [most, least] = a > b ? [a, b] : [b, a];
    return most === Number.NEGATIVE_INFINITY ? most : most + Math.log1p(Math.exp(least - most));
  },
  (a, b) => a + b,
);

/** The largest of products of numbers that are not negative. */
export const maxTimes = plain('(max, ×)', 0, 1, Math.max, (a, b) => a * b);

/** The least of sums: shortest ways. */
export const minPlus = plain('(min, +)', Number.POSITIVE_INFINITY, 0, Math.min, (a, b) => a + b);

/** The widest bottleneck, from 0 to 1. */
export const maxMin = plain('(max, min)', 0, 1, Math.max, Math.min);

/** Truth. */
export const boolean = plain(
  'Boolean (or, and)',
  false,
  true,
  (a, b) => a || b,
  (a, b) => a && b,
);

/** Exact counting. */
export const counting = plain(
  'counting (+, ×)',
  0n,
  1n,
  (a, b) => a + b,
  (a, b) => a * b,
);

/** A number with its derivative along one direction. */
export const dual: Semiring<readonly [value: number, slope: number]> = {
  name: 'dual numbers',
  zero: [0, 0],
  one: [1, 0],
  add: (a, b) => [a[0] + b[0], a[1] + b[1]],
  multiply: (a, b) => [a[0] * b[0], a[0] * b[1] + a[1] * b[0]],
  isZero: (a) => a[0] === 0 && a[1] === 0,
};

/** Two real numbers side by side: two counts at once, or the least and the greatest value of numbers that are not negative. */
export const pairs: Semiring<readonly [number, number]> = {
  name: 'pairs',
  zero: [0, 0],
  one: [1, 1],
  add: (a, b) => [a[0] + b[0], a[1] + b[1]],
  multiply: (a, b) => [a[0] * b[0], a[1] * b[1]],
  isZero: (a) => a[0] === 0 && a[1] === 0,
};

/** The `count` largest of products, falling. */
export const kBest = (count: number): Semiring<readonly number[]> => ({
  name: `${count} best`,
  zero: [],
  one: [1],
  add: (a, b) => [...a, ...b].sort((x, y) => y - x).slice(0, count),
  multiply: (a, b) =>
    a
      .flatMap((x) => b.map((y) => x * y))
      .sort((x, y) => y - x)
      .slice(0, count),
  isZero: (a) => a.length === 0,
});

/** Polynomials of one unknown, lowest coefficient first, up to `degree`. */
export const polynomial = (degree: number): Semiring<readonly number[]> => ({
  name: `polynomials up to degree ${degree}`,
  zero: [],
  one: [1],
  add: (a, b) => Array.from({ length: Math.max(a.length, b.length) }, (_, i) => (a[i] ?? 0) + (b[i] ?? 0)),
  multiply: (a, b) => {
    if (a.length === 0 || b.length === 0) return [];
    const result = new Array<number>(Math.min(degree + 1, a.length + b.length - 1)).fill(0);
    a.forEach((x, i) => {
      b.forEach((y, j) => {
        if (i + j <= degree) result[i + j] += x * y;
      });
    });
    return result;
  },
  isZero: (a) => a.every((x) => x === 0),
});

/** Which facts an answer rests on: sets of facts, each enough, none in another. */
export const provenance: Semiring<readonly (readonly string[])[]> = {
  name: 'provenance',
  zero: [],
  one: [[]],
  add: (a, b) => minimal([...a, ...b]),
  multiply: (a, b) => minimal(a.flatMap((x) => b.map((y) => [...new Set([...x, ...y])].sort()))),
  isZero: (a) => a.length === 0,
};

function minimal(sets: readonly (readonly string[])[]): (readonly string[])[] {
  const unique = [...new Map(sets.map((set) => [set.join('\u0000'), set])).values()];
  return unique
    .filter((set) => !unique.some((other) => other !== set && other.every((fact) => set.includes(fact))))
    .sort((a, b) => (a.join('\u0000') < b.join('\u0000') ? -1 : 1));
}
