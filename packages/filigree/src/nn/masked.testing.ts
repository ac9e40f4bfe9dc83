/**
 * Training with dense weights and masks in plain loops, as frameworks do it: the second implementation that sparse training is
 * compared with. One list per array, weights `[out][in]`.
 */
export interface MaskedLayer {
  readonly out: number;
  readonly in: number;
  w: Float64Array;
  b: Float64Array;
  mask: Uint8Array;
  vw: Float64Array;
  vb: Float64Array;
}

/** Mean cross-entropy of a batch, and the gradients by all weights (masked ones too) and biases. */
export function lossAndGradients(
  layers: readonly MaskedLayer[],
  inputs: ArrayLike<number>,
  labels: ArrayLike<number>,
): { loss: number; gw: Float64Array[]; gb: Float64Array[] } {
  const n = labels.length;
  const states: Float64Array[] = [Float64Array.from(inputs)];
  layers.forEach((layer, l) => {
    const y = new Float64Array(n * layer.out);
    for (let s = 0; s < n; s++) {
      for (let i = 0; i < layer.out; i++) {
        let sum = layer.b[i];
        for (let j = 0; j < layer.in; j++) {
          const at = i * layer.in + j;
          sum += layer.mask[at] * layer.w[at] * states[l][s * layer.in + j];
        }
        y[s * layer.out + i] = l === layers.length - 1 ? sum : Math.max(0, sum);
      }
    }
    states.push(y);
  });
  const classes = layers[layers.length - 1].out;
  const logits = states[layers.length];
  let loss = 0;
  let g = new Float64Array(n * classes);
  for (let s = 0; s < n; s++) {
    const row = logits.subarray(s * classes, (s + 1) * classes);
    const top = Math.max(...row);
    const total = row.reduce((sum, x) => sum + Math.exp(x - top), 0);
    loss += (top + Math.log(total) - row[labels[s]]) / n;
    for (let c = 0; c < classes; c++) {
      g[s * classes + c] = (Math.exp(row[c] - top) / total - (c === labels[s] ? 1 : 0)) / n;
    }
  }
  const gw: Float64Array[] = [];
  const gb: Float64Array[] = [];
  for (let l = layers.length - 1; l >= 0; l--) {
    const layer = layers[l];
    const x = states[l];
    const dw = new Float64Array(layer.w.length);
    const db = new Float64Array(layer.out);
    const dx = new Float64Array(x.length);
    for (let s = 0; s < n; s++) {
      for (let i = 0; i < layer.out; i++) {
        const slope = g[s * layer.out + i];
        db[i] += slope;
        for (let j = 0; j < layer.in; j++) {
          const at = i * layer.in + j;
          dw[at] += slope * x[s * layer.in + j];
          dx[s * layer.in + j] += slope * layer.mask[at] * layer.w[at];
        }
      }
    }
    if (l > 0) for (let k = 0; k < dx.length; k++) if (!(x[k] > 0)) dx[k] = 0;
    gw[l] = dw;
    gb[l] = db;
    g = dx;
  }
  return { loss, gw, gb };
}

/** SGD with momentum and decay of weights, on what the masks leave. */
export function update(
  layers: readonly MaskedLayer[],
  { gw, gb }: { gw: Float64Array[]; gb: Float64Array[] },
  o: { lr: number; momentum: number; weightDecay: number },
): void {
  layers.forEach((layer, l) => {
    for (let k = 0; k < layer.w.length; k++) {
      if (!layer.mask[k]) continue;
      layer.vw[k] = o.momentum * layer.vw[k] + gw[l][k] + o.weightDecay * layer.w[k];
      layer.w[k] -= o.lr * layer.vw[k];
    }
    for (let i = 0; i < layer.out; i++) {
      layer.vb[i] = o.momentum * layer.vb[i] + gb[l][i];
      layer.b[i] -= o.lr * layer.vb[i];
    }
  });
}

/** RigL on masks: the smallest go, the largest gradients among all that are not kept come, and new ones start at 0. */
export function rewireMasked(layers: readonly MaskedLayer[], gw: Float64Array[], fraction: number): void {
  layers.forEach((layer, l) => {
    const places = Array.from(layer.w.keys());
    const active = places.filter((k) => layer.mask[k]);
    const count = Math.floor(fraction * active.length);
    const kept = active
      .sort((a, b) => Math.abs(layer.w[b]) - Math.abs(layer.w[a]) || a - b)
      .slice(0, active.length - count);
    const held = new Set(kept);
    const grown = places
      .filter((k) => !held.has(k))
      .sort((a, b) => Math.abs(gw[l][b]) - Math.abs(gw[l][a]) || a - b)
      .slice(0, count);
    const next = new Uint8Array(layer.mask.length);
    for (const k of [...kept, ...grown]) next[k] = 1;
    for (const k of places) {
      if (layer.mask[k] && next[k]) continue;
      layer.w[k] = 0;
      layer.vw[k] = 0;
    }
    layer.mask = next;
  });
}
