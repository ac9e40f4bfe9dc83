import {
  batchesOf,
  Cnn,
  cosine,
  fit,
  glyphs,
  type LabelledBatch,
  mul,
  type Parameter,
  pruneWeights,
  Random,
  SparseTensor,
  scope,
  type Tensor,
  tensor,
  valueAndGrad,
  valuesOf,
  zeros,
} from 'filigree';
import type { MeasureOptions, Row } from '../claim.js';

/** Every host has it; the library's types do not name hosts. */
const { performance } = globalThis as unknown as { performance: { now(): number } };

export const fineTuning = 'convolutions 32-64-64 on glyphs-28, pruned to 5 %, fine-tuned sparse and with masks';

/** SGD with momentum; gradients of dense weights are masked. */
class Tuned {
  readonly #velocities = new Map<string, Tensor>();
  ms = 0;

  constructor(
    readonly model: Cnn,
    readonly masks?: ReadonlyMap<string, Tensor>,
  ) {
    for (const [name, p] of model.parameters) this.#velocities.set(name, zeros(valuesOf(p).shape));
  }

  async step(batch: LabelledBatch, lr: number): Promise<number> {
    const start = performance.now();
    const value = scope(() => {
      const names = [...this.model.parameters.keys()];
      const list = [...this.model.parameters.values()].map(valuesOf);
      const { value, gradients } = valueAndGrad(() => this.model.loss(batch), list);
      names.forEach((name, k) => {
        const [gradient, velocity, mask] = [gradients[k], this.#velocities.get(name), this.masks?.get(name)];
        if (!gradient || !velocity) return;
        const slope = mask ? mul(gradient, mask) : gradient;
        const options = { lr, momentum: 0.9, weightDecay: 0, nesterov: false };
        velocity.device.sgd(list[k].view('sgd'), slope.view('sgd'), velocity.view('sgd'), options);
      });
      return value;
    });
    const [loss] = await value.data();
    value.dispose();
    this.ms += performance.now() - start;
    return loss;
  }

  dispose(): void {
    for (const t of [...this.#velocities.values(), ...(this.masks?.values() ?? [])]) t.dispose();
    this.model.dispose();
  }
}

/** Trains a network of convolutions for a moment, prunes it, and goes on in both ways on the same batches. */
export async function fineTuningRow(seed: number, steps: number, { signal }: MeasureOptions): Promise<Row> {
  const data = glyphs({ samples: 800, seed: 1 });
  const first = new Cnn({ image: [28, 28, 1], channels: [32, 64, 64], strides: [1, 2, 1], outputs: 20, seed });
  const settings = { optimiser: { kind: 'sgd', momentum: 0.9 }, lr: 0.1, schedule: cosine({ warmup: 0.1 }) } as const;
  await fit(first, batchesOf(data), { ...settings, batch: 32, seed, signal });
  const sparse = await pruneWeights(first, { density: 0.05 });
  const [copies, masks] = [new Map<string, Parameter>(), new Map<string, Tensor>()];
  for (const [name, p] of sparse.parameters) {
    if (p instanceof SparseTensor) {
      copies.set(name, tensor(await p.toDense(), p.shape));
      masks.set(name, tensor(p.layout.support.toMask(), p.shape));
    } else copies.set(name, tensor(await p.data(), p.shape));
  }
  first.dispose();
  const arms = [new Tuned(sparse), new Tuned(sparse.with(copies), masks)];
  const order = new Random(seed).fork('tuning');
  const losses: number[][] = [];
  for (let epoch = 0; losses.length < steps; epoch++) {
    for (const batch of batchesOf(data).epoch({ epoch, size: 32, random: order.fork(`${epoch}`) })) {
      signal?.throwIfAborted();
      if (losses.length === steps) break;
      losses.push([await arms[0].step(batch, 0.1), await arms[1].step(batch, 0.1)]);
    }
  }
  const difference = losses.reduce((most, [a, b]) => Math.max(most, Math.abs(a / b - 1)), 0);
  const figures = {
    difference,
    first: losses[0][0],
    last: losses[steps - 1][0],
    'ms sparse': arms[0].ms / steps,
    'ms masked': arms[1].ms / steps,
  };
  for (const arm of arms) arm.dispose();
  return { setting: fineTuning, method: 'sparse', figures, seed };
}
