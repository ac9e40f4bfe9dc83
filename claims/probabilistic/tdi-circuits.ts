import { bernoulli, CircuitBuilder, categorical, indicator, type ProbabilisticCircuit, Random } from 'filigree';

const shares = (count: number, random: Random): number[] => {
  const raw = Array.from({ length: count }, () => 0.1 + random.uniform());
  const total = raw.reduce((a, b) => a + b, 0);
  return raw.map((x) => x / total);
};

/** A binary tree over `variables` two-valued variables, a power of two: K units a region, products of pairs, sums over all K. */
export function binaryTree(variables: number, k: number, seed: number): ProbabilisticCircuit {
  const random = new Random(seed);
  const build = new CircuitBuilder(new Array<number>(variables).fill(2));
  const units = (make: (i: number) => number): number[] => Array.from({ length: k }, (_, i) => make(i));
  let regions = Array.from({ length: variables }, (_, v) => units(() => build.input(bernoulli(v, random.uniform()))));
  while (regions.length > 1) {
    const last = regions.length === 2;
    regions = Array.from({ length: regions.length / 2 }, (_, r) => {
      const products = units((i) => build.product([regions[2 * r][i], regions[2 * r + 1][i]]));
      const mix = (): number => build.sum(products, shares(k, random));
      return last ? [mix()] : units(mix);
    });
  }
  return build.finish(regions[0][0]);
}

export interface RatShape {
  /** Pixels. */
  readonly variables: number;
  readonly levels: number;
  readonly classes: number;
  readonly depth: number;
  readonly repetitions: number;
  /** Units of each region. */
  readonly sums: number;
  readonly seed: number;
}

/**
 * A random tensorised circuit with one head a class: pixels are halved at random `depth` times, in several repetitions; leaf regions
 * hold factorised inputs, products take units of two halves in pairs, and the heads mix all repetitions. The class is the last variable.
 */
export function classifier(shape: RatShape): ProbabilisticCircuit {
  const { variables, levels, classes, depth, repetitions, sums, seed } = shape;
  const random = new Random(seed);
  const build = new CircuitBuilder([...new Array<number>(variables).fill(levels), classes]);
  const units = (make: (i: number) => number): number[] => Array.from({ length: sums }, (_, i) => make(i));
  const products = (pixels: readonly number[], left: number): number[] => {
    if (left === 0) {
      return units(() => build.product(pixels.map((v) => build.input(categorical(v, shares(levels, random))))));
    }
    const order = random.shuffle(pixels);
    const [a, b] = [order.slice(0, order.length >> 1), order.slice(order.length >> 1)].map((half) =>
      region(half, left - 1),
    );
    return units((i) => build.product([a[i], b[i]]));
  };
  const region = (pixels: readonly number[], left: number): number[] => {
    const children = products(pixels, left);
    return left === 0 ? children : units(() => build.sum(children, shares(sums, random)));
  };
  const all = Array.from({ length: variables }, (_, v) => v);
  const tops = Array.from({ length: repetitions }, () => products(all, depth)).flat();
  const heads = Array.from({ length: classes }, (_, y) =>
    build.product([build.input(indicator(variables, y)), build.sum(tops, shares(tops.length, random))]),
  );
  return build.finish(build.sum(heads, new Array<number>(classes).fill(1 / classes)));
}
