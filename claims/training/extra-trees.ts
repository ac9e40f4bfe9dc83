import { type Dataset, Random } from 'filigree';

/** A split by one feature, or the class of a leaf. */
type Node = { feature: number; threshold: number; below: Node; above: Node } | { label: number };

/**
 * Accuracy on other samples of extremely randomised trees (Geurts, Ernst, Wehenkel 2006) that see only some features: at each node a random
 * threshold for each of `sqrt(features)` random features, the best of them by Gini impurity, grown until leaves are pure.
 */
export function extraTreesAccuracy(
  train: Dataset,
  test: Dataset,
  features: ArrayLike<number>,
  { trees = 50, seed = 0 }: { trees?: number; seed?: number } = {},
): number {
  const random = new Random(seed).fork('trees');
  const all = Int32Array.from({ length: train.samples }, (_, s) => s);
  const votes = new Int32Array(test.samples * train.classes);
  for (let t = 0; t < trees; t++) {
    const root = grow(train, all, Array.from(features), random);
    for (let s = 0; s < test.samples; s++) {
      let node = root;
      while (!('label' in node)) {
        node = test.inputs[s * test.features + node.feature] < node.threshold ? node.below : node.above;
      }
      votes[s * train.classes + node.label]++;
    }
  }
  let right = 0;
  for (let s = 0; s < test.samples; s++) {
    const row = votes.subarray(s * train.classes, (s + 1) * train.classes);
    if (row.indexOf(Math.max(...row)) === test.labels[s]) right++;
  }
  return right / test.samples;
}

function counts(data: Dataset, samples: Int32Array): Int32Array {
  const found = new Int32Array(data.classes);
  for (const s of samples) found[data.labels[s]]++;
  return found;
}

/** Samples times Gini impurity. */
function impurity(list: Int32Array): number {
  let [total, squares] = [0, 0];
  for (const n of list) {
    total += n;
    squares += n * n;
  }
  return total === 0 ? 0 : total - squares / total;
}

function grow(data: Dataset, samples: Int32Array, features: readonly number[], random: Random): Node {
  const here = counts(data, samples);
  const leaf: Node = { label: here.indexOf(Math.max(...here)) };
  if (here.filter((n) => n > 0).length < 2) return leaf;
  let best: { feature: number; threshold: number; score: number } | undefined;
  for (let draw = Math.ceil(Math.sqrt(features.length)); draw > 0; draw--) {
    const feature = random.pick(features);
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const s of samples) {
      const x = data.inputs[s * data.features + feature];
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
    if (!(high > low)) continue;
    const threshold = low + (high - low) * random.uniform();
    const sides = [new Int32Array(data.classes), new Int32Array(data.classes)];
    for (const s of samples) sides[Number(data.inputs[s * data.features + feature] >= threshold)][data.labels[s]]++;
    const score = impurity(sides[0]) + impurity(sides[1]);
    if (!best || score < best.score) best = { feature, threshold, score };
  }
  if (!best) return leaf;
  const { feature, threshold } = best;
  const below = samples.filter((s) => data.inputs[s * data.features + feature] < threshold);
  if (below.length === 0 || below.length === samples.length) return leaf;
  const above = samples.filter((s) => data.inputs[s * data.features + feature] >= threshold);
  return { feature, threshold, below: grow(data, below, features, random), above: grow(data, above, features, random) };
}
