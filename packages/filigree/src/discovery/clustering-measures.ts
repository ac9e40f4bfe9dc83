import type { ClusteringHead } from './clustering-heads.js';
import type { AdditionData } from './modular-addition.js';

/**
 * How far the head maps rows with the same counts of relevant tokens to one point: variance of o within classes of counts over variance
 * between their means, 0 for a perfect clustering head.
 */
export function clusterRatio(model: ClusteringHead, data: AdditionData): number {
  const { length, relevant, modulus } = data.task;
  const rows = data.labels.length;
  const outputs = new Float64Array(2 * rows);
  model.evaluate(data, { outputs });
  const classes = new Map<string, number[]>();
  for (let r = 0; r < rows; r++) {
    const counts = new Array<number>(modulus).fill(0);
    for (let i = 0; i < relevant; i++) counts[data.tokens[r * length + i]]++;
    const key = counts.join();
    classes.set(key, [...(classes.get(key) ?? []), r]);
  }
  const centre = (members: readonly number[]): [number, number] => {
    let [x, y] = [0, 0];
    for (const r of members) {
      x += outputs[2 * r] / members.length;
      y += outputs[2 * r + 1] / members.length;
    }
    return [x, y];
  };
  const [cx, cy] = centre(Array.from({ length: rows }, (_, r) => r));
  let [within, between] = [0, 0];
  for (const members of classes.values()) {
    const [x, y] = centre(members);
    for (const r of members) within += (outputs[2 * r] - x) ** 2 + (outputs[2 * r + 1] - y) ** 2;
    between += members.length * ((x - cx) ** 2 + (y - cy) ** 2);
  }
  return within / between;
}

/**
 * What each position does to the head's output, `[length, 2]`: the mean over rows of o with a one there minus o with a zero. A clustering
 * head has equal effects at relevant positions and none elsewhere, whatever it attends to: values that coincide cancel.
 */
export function positionEffects(model: ClusteringHead, data: AdditionData): Float64Array {
  const { length } = data.task;
  const rows = data.labels.length;
  const effects = new Float64Array(2 * length);
  for (let i = 0; i < length; i++) {
    for (const bit of [0, 1]) {
      const tokens = data.tokens.map((token, place) => (place % length === i ? bit : token));
      const outputs = new Float64Array(2 * rows);
      model.evaluate({ ...data, tokens }, { outputs });
      outputs.forEach((o, place) => {
        effects[2 * i + (place % 2)] += ((2 * bit - 1) * o) / rows;
      });
    }
  }
  return effects;
}
