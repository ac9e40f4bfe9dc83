import { describe, expect, it } from 'vitest';
import { Random } from '../../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit, productKind } from '../circuit.js';
import { bernoulli, indicator } from '../inputs.js';
import { allStates, plainDistribution, randomCircuit } from '../random.testing.js';
import {
  aggregate,
  algebraic,
  backdoor,
  cauchySchwarz,
  condition,
  crossEntropy,
  determinismIn,
  divergenceOf,
  type ElementMap,
  entropyOf,
  explanation,
  frontdoor,
  isFirst,
  logOf,
  mapElements,
  marginalMaximum,
  maximum,
  multiply,
  multiplyAligned,
  mutualInformation,
  of,
  overlap,
  power,
  reciprocal,
  renyiEntropy,
  type Semiring,
  semirings,
  sizeOf,
  squaredDistance,
  total,
  twoLevelCount,
  valueAt,
  wholeRenyiEntropy,
} from './index.js';
import { randomDiagram } from './random-logic.testing.js';

/** Rows and probabilities of a circuit, by the definition. */
function enumerated(circuit: ProbabilisticCircuit) {
  const { rows, columns, values } = allStates(circuit);
  const p = plainDistribution(circuit);
  return Array.from({ length: rows }, (_, r) => ({ row: values.subarray(r * columns, (r + 1) * columns), p: p[r] }));
}

/** Σ over rows, by the values of some variables. */
function grouped(circuit: ProbabilisticCircuit, variables: readonly number[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { row, p } of enumerated(circuit)) {
    const key = variables.map((v) => row[v]).join();
    sums.set(key, (sums.get(key) ?? 0) + p);
  }
  return sums;
}

/** A normalised circuit that decides its variables in their order. */
const ordered = (seed: number, variables = 5): ProbabilisticCircuit =>
  randomCircuit(
    { states: new Array<number>(variables).fill(2), deterministic: true, ordered: true, normalised: true },
    new Random(seed),
  );

/** The same structure with other weights. */
function reweighed(circuit: ProbabilisticCircuit, seed: number): ProbabilisticCircuit {
  const random = new Random(seed);
  const { kind, first } = circuit;
  const logWeight = circuit.logWeight.map((w) => (w === 0 ? w : w + Math.log(0.2 + random.uniform())));
  for (let unit = 0; unit < kind.length; unit++)
    if (kind[unit] === productKind) logWeight.fill(0, first[unit], first[unit + 1]);
  return { ...circuit, logWeight };
}

const seeds = Array.from({ length: 25 }, (_, i) => i);
const sumOf = (values: Iterable<number>, f: (x: number) => number): number => [...values].reduce((a, x) => a + f(x), 0);
const xlogx = (x: number): number => (x > 0 ? x * Math.log(x) : 0);

describe('queries equal enumeration', () => {
  it.each(seeds)('maximum, marginal maximum, entropy, Rényi, divergence (seed %i)', (seed) => {
    const p = ordered(seed);
    const q = reweighed(p, seed);
    const all = [...grouped(p, [0, 1, 2, 3, 4]).values()];
    const other = [...grouped(q, [0, 1, 2, 3, 4]).values()];
    expect(total(p).value()).toBeCloseTo(1, 9);
    expect(maximum(p).value()).toBeCloseTo(Math.max(...all), 9);
    expect(marginalMaximum(p, [0, 1, 2]).value()).toBeCloseTo(Math.max(...grouped(p, [0, 1, 2]).values()), 9);
    expect(entropyOf(p).value()).toBeCloseTo(-sumOf(all, xlogx), 9);
    const cross = all.reduce((sum, x, i) => (x > 0 ? sum - x * Math.log(other[i]) : sum), 0);
    expect(crossEntropy(p, q).value()).toBeCloseTo(cross, 9);
    expect(divergenceOf(p, q)).toBeCloseTo(cross + sumOf(all, xlogx), 9);
    for (const alpha of [0.5, 2, 3.3]) {
      const wanted = Math.log(sumOf(all, (x) => (x > 0 ? x ** alpha : 0))) / (1 - alpha);
      expect(renyiEntropy(p, alpha)).toBeCloseTo(wanted, 9);
      if (alpha === 2) expect(wholeRenyiEntropy(p, alpha)).toBeCloseTo(wanted, 9);
    }
    const marginals = [grouped(p, [0, 1]), grouped(p, [2, 3, 4])];
    const wanted = sumOf(all, xlogx) - sumOf(marginals[0].values(), xlogx) - sumOf(marginals[1].values(), xlogx);
    // Its second marginal is a mixture in general, for which logarithms are refused.
    try {
      expect(mutualInformation(p, [0, 1])).toBeCloseTo(wanted, 9);
    } catch (error) {
      expect((error as Error).message).toContain('a logarithm needs a circuit that is deterministic: sum unit');
    }
  });

  it('mutual information where both marginals are deterministic', () => {
    // x1 decides x2's distribution; each alone is a deterministic circuit, since every input stands for itself.
    for (const seed of seeds) {
      const random = new Random(seed);
      const build = new CircuitBuilder([2, 2]);
      const [a, b] = [0.1 + 0.8 * random.uniform(), 0.1 + 0.8 * random.uniform()];
      const p = build.finish(build.product([build.input(bernoulli(0, a)), build.input(bernoulli(1, b))]));
      expect(mutualInformation(p, [0])).toBeCloseTo(0, 12);
      // x1 decides x2, and how x3 is distributed: x1 and the pair are both deterministic, and share all of H(x1).
      const chain = new CircuitBuilder([2, 2, 2]);
      const parts = [a, b].map((chance, x) =>
        chain.product([
          chain.input(indicator(0, x)),
          chain.product([chain.input(indicator(1, x)), chain.input(bernoulli(2, chance))]),
        ]),
      );
      const q = chain.finish(chain.sum(parts, [0.3, 0.7]));
      expect(mutualInformation(q, [0])).toBeCloseTo(-(0.3 * Math.log(0.3) + 0.7 * Math.log(0.7)), 12);
    }
  });

  it.each(seeds)('overlap, squared distance, Cauchy-Schwarz of mixtures over one tree (seed %i)', (seed) => {
    const p = randomCircuit({ states: [2, 3, 2, 2], structured: true }, new Random(seed));
    const q = reweighed(p, seed);
    const [a, b] = [plainDistribution(p), plainDistribution(q)];
    const dot = (x: Float64Array, y: Float64Array): number => x.reduce((sum, value, i) => sum + value * y[i], 0);
    expect(overlap(p, q).value()).toBeCloseTo(dot(a, b), 9);
    expect(squaredDistance(p, q)).toBeCloseTo(dot(a, a) - 2 * dot(a, b) + dot(b, b), 9);
    expect(cauchySchwarz(p, q)).toBeCloseTo(-Math.log(dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))), 9);
    const alpha3 = Math.log(sumOf(a, (x) => x ** 3)) / -2;
    expect(wholeRenyiEntropy(p, 3)).toBeCloseTo(alpha3, 9);
  });

  it.each(seeds)('backdoor and frontdoor adjustment (seed %i)', (seed) => {
    // Decided in the order z, x, y for the back door and x, m, y for the front door.
    const p = ordered(seed + 100, 4);
    const at = (values: Record<number, number>): number =>
      enumerated(p).reduce(
        (sum, { row, p: x }) => (Object.entries(values).every(([v, k]) => row[Number(v)] === k) ? sum + x : sum),
        0,
      );
    const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
    let [back, front] = [0, 0];
    for (const z of [0, 1]) back += at({ 0: z }) * ratio(at({ 0: z, 1: 1, 2: 1 }), at({ 0: z, 1: 1 }));
    expect(backdoor(p, new Map([[1, 1]]), new Map([[2, 1]]), [0])).toBeCloseTo(back, 9);
    for (const m of [0, 1]) {
      let inner = 0;
      for (const x of [0, 1]) inner += ratio(at({ 0: x, 1: m, 2: 1 }), at({ 0: x, 1: m })) * at({ 0: x });
      front += ratio(at({ 0: 1, 1: m }), at({ 0: 1 })) * inner;
    }
    expect(frontdoor(p, new Map([[0, 1]]), new Map([[2, 1]]), [1])).toBeCloseTo(front, 9);
  });

  it('an effect found by the back door is that of the intervened network', () => {
    // z causes x and y, x causes y: p(y | do(x)) is the network with the arrow from z to x cut.
    for (const seed of seeds) {
      const random = new Random(seed);
      const [pz, px, py] = [1, 2, 4].map((n) => Array.from({ length: n }, () => 0.1 + 0.8 * random.uniform()));
      const { backdoorOf, cut } = network(pz[0], px, py);
      expect(backdoorOf).toBeCloseTo(cut, 12);
    }
  });

  it.each(seeds)('two-level counting: same decision, and the most of counts (seed %i)', (seed) => {
    const random = new Random(seed);
    const [variables, inside] = [6, 3];
    const f = randomDiagram(variables, random);
    const weight = (): number => 0.1 + random.uniform();
    const outer = new Map(Array.from({ length: inside }, (_, v) => [v, [weight(), weight()]] as const));
    const y = Array.from({ length: variables - inside }, (_, i) => [inside + i, [weight(), weight()]] as const);
    // Pairs: the weight of all of y, and of those where the last variable is on.
    const inner = new Map(
      y.map(([v, w]) => [v, w.map((x, value) => [x, v === variables - 1 && value === 0 ? 0 : x] as const)] as const),
    );
    const threshold: ElementMap<readonly [number, number], number> = {
      name: 'same decision',
      to: semirings.real,
      apply: ([all, on]) => (all > 0 && on / all >= 0.5 ? all : 0),
    };
    const first = Array.from({ length: inside }, (_, v) => v);
    const found = twoLevelCount(f, first, { semiring: semirings.pairs, weights: inner }, threshold, outer);
    const sums = new Map<string, [weight: number, all: number, on: number]>();
    for (const { row, p } of enumerated(f)) {
      if (p === 0) continue;
      const key = row.slice(0, inside).join();
      const own = sums.get(key) ?? [first.reduce((product, v) => product * outer.get(v)![row[v]], 1), 0, 0];
      const share = y.reduce((product, [v, w]) => product * w[row[v]], 1);
      own[1] += share;
      if (row[variables - 1] === 1) own[2] += share;
      sums.set(key, own);
    }
    const wanted = [...sums.values()].reduce((sum, [w, all, on]) => sum + (on / all >= 0.5 ? w * all : 0), 0);
    expect(found).toBeCloseTo(wanted, 9);
  });
});

/** p(y = 1 | do(x = 1)) in a network z → x, z → y, x → y, by the back door and by cutting. */
function network(pz: number, px: readonly number[], py: readonly number[]) {
  const build = new CircuitBuilder([2, 2, 2]);
  const zs = [0, 1].map((z) => {
    const xs = [0, 1].map((x) =>
      build.product([build.input(bernoulli(1, x)), build.input(bernoulli(2, py[2 * z + x]))]),
    );
    return build.product([build.input(bernoulli(0, z)), build.sum(xs, [1 - px[z], px[z]])]);
  });
  const p = build.finish(build.sum(zs, [1 - pz, pz]));
  return {
    backdoorOf: backdoor(p, new Map([[1, 1]]), new Map([[2, 1]]), [0]),
    cut: (1 - pz) * py[1] + pz * py[3],
  };
}

describe('operators', () => {
  it('over other semirings give what they say', () => {
    const p = ordered(3);
    const all = enumerated(p);
    const into = <T>(to: Semiring<T>, apply: (x: number) => T): ElementMap<number, T> => ({
      name: 'as',
      to,
      apply,
      multiplicative: true,
    });
    const value = <T>(to: Semiring<T>, apply: (x: number) => T): T => of(p).map(into(to, apply)).sum().value();
    expect(value(semirings.counting, (x) => (x > 0 ? 1n : 0n))).toBe(BigInt(all.filter(({ p: x }) => x > 0).length));
    expect(value(semirings.boolean, (x) => x > 0)).toBe(true);
    expect(value(semirings.logarithmic, Math.log)).toBeCloseTo(0, 9);
    expect(Math.exp(-value(semirings.minPlus, (x) => -Math.log(x)))).toBeCloseTo(Math.max(...all.map((s) => s.p)), 9);
    const best = all.map((s) => s.p).sort((a, b) => b - a);
    const three = value(semirings.kBest(3), (x) => (x > 0 ? [x] : []));
    three.forEach((x, i) => {
      expect(x).toBeCloseTo(best[i], 9);
    });
    // The polynomial Σ p(x) t^(number of ones), by marking the inputs.
    const marked = algebraic(p);
    const polynomial = {
      semiring: semirings.polynomial(5),
      states: marked.states,
      units: marked.units.map((unit) =>
        unit.kind === 'input'
          ? { kind: unit.kind, input: { ...unit.input, table: unit.input.table.map((x, v) => (v ? [0, x] : [x])) } }
          : unit.kind === 'sum'
            ? { ...unit, weights: unit.weights.map((w) => [w]) }
            : unit,
      ),
    };
    const coefficients = valueAt(aggregate(polynomial, new Set([0, 1, 2, 3, 4])));
    for (let ones = 0; ones <= 5; ones++) {
      const wanted = all.reduce((sum, { row, p: x }) => (row.reduce((a, b) => a + b, 0) === ones ? sum + x : sum), 0);
      expect(coefficients[ones] ?? 0).toBeCloseTo(wanted, 9);
    }
  });

  it('semirings keep their laws', () => {
    const random = new Random(1);
    const check = <T>(s: Semiring<T>, draw: () => T): void => {
      for (let i = 0; i < 20; i++) {
        const [a, b, c] = [draw(), draw(), draw()];
        const close = (x: T, y: T): void => expect(rounded(x)).toEqual(rounded(y));
        close(s.add(a, s.zero), a);
        close(s.multiply(a, s.one), a);
        close(s.add(a, b), s.add(b, a));
        close(s.multiply(s.multiply(a, b), c), s.multiply(a, s.multiply(b, c)));
        close(s.multiply(a, s.add(b, c)), s.add(s.multiply(a, b), s.multiply(a, c)));
        expect(s.isZero(s.multiply(a, s.zero))).toBe(true);
      }
    };
    const u = (): number => random.uniform();
    for (const s of [semirings.real, semirings.maxTimes, semirings.maxMin]) check(s, u);
    check(semirings.logarithmic, () => Math.log(u()));
    check(semirings.minPlus, u);
    check(semirings.boolean, () => u() < 0.5);
    check(semirings.counting, () => BigInt(random.integer(9)));
    check<readonly [number, number]>(semirings.dual, () => [u(), u()]);
    check<readonly [number, number]>(semirings.pairs, () => [u(), u()]);
    check(semirings.kBest(3), () => [u(), u()].sort((a, b) => b - a));
    check(semirings.polynomial(3), () => [u(), u(), u()]);
    // Sets of facts, none in another.
    check<readonly (readonly string[])[]>(semirings.provenance, () =>
      random.pick([[], [[]], [['a']], [['a', 'b'], ['c']], [['b'], ['c']]]),
    );
  });

  it('keep to the sizes that theory allows', () => {
    for (const seed of seeds.slice(0, 10)) {
      const p = ordered(seed, 6);
      const a = algebraic(p);
      expect(sizeOf(mapElements(a, power(2)))).toBe(sizeOf(a));
      expect(sizeOf(aggregate(a, new Set([1, 4])))).toBeLessThanOrEqual(sizeOf(a));
      expect(sizeOf(multiply(a, a))).toBeLessThanOrEqual(sizeOf(a) ** 2);
      const aligned = multiplyAligned(a, mapElements(a, power(0.5)));
      expect(sizeOf(aligned)).toBe(sizeOf(a));
      const wanted = enumerated(p).reduce((sum, { p: x }) => sum + x ** 1.5, 0);
      expect(valueAt(aggregate(aligned, new Set([0, 1, 2, 3, 4, 5])))).toBeCloseTo(wanted, 9);
      const fixed = condition(a, new Map([[0, 1]]));
      expect(valueAt(aggregate(fixed, new Set([1, 2, 3, 4, 5])))).toBeCloseTo(grouped(p, [0]).get('1') ?? 0, 12);
    }
  });
});

describe('conditions', () => {
  const build = new CircuitBuilder([2, 2]);
  const parts = [0.2, 0.7].map((a) => build.product([build.input(bernoulli(0, a)), build.input(bernoulli(1, 1 - a))]));
  const mixture = build.finish(build.sum(parts, [0.4, 0.6]));

  it('that fail are told with the unit', () => {
    expect(() => maximum(mixture).value()).toThrow(
      'sums into maxima needs a circuit that is deterministic: sum unit 6',
    );
    expect(() => entropyOf(mixture).value()).toThrow('a logarithm needs a circuit that is deterministic');
    expect(() => of(mixture).map(reciprocal).value()).toThrow('1/x needs a circuit that is deterministic');
    const tau: ElementMap<number, number> = { name: 'tau', to: semirings.real, apply: (x) => x + 1, additive: false };
    expect(() => mapElements(algebraic(ordered(1)), tau)).toThrow(
      'tau needs a circuit that is mapped to zero where it is zero',
    );
    const odd = { ...tau, apply: (x: number) => (x > 0.5 ? 1 : 0) };
    expect(() => mapElements(algebraic(ordered(1)), odd)).toThrow('of products of zeros and ones');
    const other = new CircuitBuilder([2, 2, 2]);
    const split = (order: readonly number[]) => {
      const [a, b, c] = order.map((v) => other.input(bernoulli(v, 0.3)));
      return other.finish(other.product([a, other.product([b, c])]));
    };
    expect(() => overlap(split([0, 1, 2]), split([1, 0, 2])).value()).toThrow('compatible');
    expect(() => backdoor(mixture, new Map([[0, 1]]), new Map([[0, 1]]), [])).toThrow('different variables');
  });

  it('are explained step by step, up to the first that fails', () => {
    const text = explanation(marginalMaximum(ordered(2), [3, 4]) as never);
    expect(text.at(-1)).toMatch(/mapped to zero where it is zero: yes/);
    expect(text.some((line) => line.startsWith('sums into maxima: refused'))).toBe(true);
    expect(text.some((line) => /deterministic: no, sum unit \d+/.test(line))).toBe(true);
    const good = explanation(marginalMaximum(ordered(2), [0, 1]) as never);
    expect(good.join('\n')).not.toContain('refused');
    expect(good.some((line) => /edges \(at most \d+\); smooth, decomposable, deterministic/.test(line))).toBe(true);
    expect(explanation(logOf(of(mixture)) as never).join('\n')).toContain('log: refused');
  });

  it('bite: forced, most answers are wrong', () => {
    let [wrong, tries] = [0, 0];
    for (const seed of seeds) {
      const p = randomCircuit({ states: [2, 2, 2, 2], structured: true, normalised: true }, new Random(seed));
      if (determinismIn(p, [0, 1, 2, 3])) continue;
      const all = [...plainDistribution(p)];
      const pairs: [number, number][] = [
        [maximum(p).value({ force: true }), Math.max(...all)],
        [renyiEntropy(p, 0.5, { force: true }), Math.log(sumOf(all, Math.sqrt)) / 0.5],
      ];
      for (const [found, wanted] of pairs) {
        tries++;
        if (Math.abs(found - wanted) > 1e-9) wrong++;
      }
    }
    expect(tries).toBeGreaterThan(20);
    expect(wrong / tries).toBeGreaterThan(0.8);
  });

  it('of X-first diagrams hold for prefixes only', () => {
    const f = randomDiagram(6, new Random(5));
    expect(isFirst(algebraic(f), new Set([0, 1])).holds).toBe(true);
    expect(isFirst(algebraic(f), new Set([3])).why).toMatch(/product unit \d+ has two children/);
    expect(determinismIn(f, [0, 1, 2])).toBe(true);
  });
});

/** Numbers to nine digits, inside anything. */
function rounded(x: unknown): unknown {
  if (typeof x === 'number') return Number(x.toPrecision(9));
  return Array.isArray(x) ? x.map(rounded) : x;
}
