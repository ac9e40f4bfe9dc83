import { Random } from '../tensor/index.js';
import type { Progress } from './batches.js';
import type { ClusteringHead } from './clustering-heads.js';
import type { AdditionData } from './modular-addition.js';

export interface ClusteringTrainingOptions extends Progress {
  epochs?: number;
  lr?: number;
  batch?: number;
  seed?: number;
  /** Called after each epoch; true ends the training. */
  onEpoch?: (epoch: number) => boolean | undefined;
}

/** Trains in place by Adam on shuffled batches; gives the number of epochs done. */
export async function trainClusteringHead(
  model: ClusteringHead,
  data: AdditionData,
  options: ClusteringTrainingOptions = {},
): Promise<number> {
  const { epochs = 1000, lr = 3e-3, batch = 32, seed = 0, signal, onProgress, onEpoch } = options;
  const { parameters: p } = model;
  const [m, v, g] = [p, p, p].map((x) => new Float64Array(x.length));
  const random = new Random(seed).fork('batches');
  const rows = data.labels.length;
  let step = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    signal?.throwIfAborted();
    const order = random.shuffle(Array.from({ length: rows }, (_, i) => i));
    for (let start = 0; start < rows; start += batch) {
      g.fill(0);
      model.evaluate(data, { gradient: g, rows: order.slice(start, start + batch) });
      step++;
      const rate = (lr * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step);
      const small = 1e-8 * Math.sqrt(1 - 0.999 ** step);
      for (let i = 0; i < p.length; i++) {
        m[i] = 0.9 * m[i] + 0.1 * g[i];
        v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
        p[i] -= (rate * m[i]) / (Math.sqrt(v[i]) + small);
      }
    }
    onProgress?.({ done: epoch, total: epochs, unit: 'epochs' });
    if (onEpoch?.(epoch)) return epoch;
    // Lets others run, and a stop be heard.
    if (epoch % 10 === 0) await Promise.resolve();
  }
  return epochs;
}
