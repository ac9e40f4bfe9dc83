import {
  add,
  crossEntropy,
  matmul,
  mul,
  Random,
  relu,
  SparseTensor,
  scope,
  sparseLinear,
  type Tensor,
  tensor,
  valueAndGrad,
  zeros,
} from 'filigree';
import { randomMask } from './tools.js';

export interface TrainSettings {
  readonly sizes: readonly number[];
  readonly density: number;
  readonly batch: number;
  readonly steps: number;
  readonly lr: number;
  readonly seed: number;
}

/** Ten classes of Gaussian clouds around random centres, `[samples, features]`. */
export function clouds(samples: number, features: number, seed: number, spread = 1) {
  const random = new Random(seed).fork('clouds');
  const centres = random.normals(10 * features, 0.25);
  const labels = Int32Array.from({ length: samples }, () => random.integer(10));
  const inputs = new Float32Array(samples * features);
  for (let k = 0; k < inputs.length; k++) {
    inputs[k] = centres[labels[Math.floor(k / features)] * features + (k % features)] + spread * random.normal();
  }
  return { inputs, labels };
}

/** A network of sparse layers, or of dense ones with a mask, with the same weights and the same order of data. */
export class Twin {
  readonly #weights: (Tensor | SparseTensor)[] = [];
  readonly #masks: (Tensor | undefined)[] = [];
  readonly #biases: Tensor[] = [];
  readonly #velocities: Tensor[];
  readonly supports: Uint8Array[] = [];

  constructor(
    readonly settings: TrainSettings,
    readonly masked: boolean,
  ) {
    const { sizes, density, seed } = settings;
    for (let l = 0; l + 1 < sizes.length; l++) {
      const [inputs, out] = [sizes[l], sizes[l + 1]];
      const mask = randomMask(out, inputs, density, seed + l);
      const scale = Math.sqrt(2 / (density * inputs));
      const dense = new Random(seed * 100 + l).normals(out * inputs, scale).map((v, k) => v * mask[k]);
      this.supports.push(mask);
      this.#weights.push(
        masked ? tensor(dense, [out, inputs]) : SparseTensor.fromDense(dense, [out, inputs], undefined, { mask }),
      );
      this.#masks.push(masked ? tensor(mask, [out, inputs]) : undefined);
      this.#biases.push(zeros([out]));
    }
    this.#velocities = this.#trained().map((p) => zeros(p.shape));
  }

  #trained(): Tensor[] {
    return [...this.#weights.map((w) => (w instanceof SparseTensor ? w.values : w)), ...this.#biases];
  }

  logits(x: Tensor): Tensor {
    return this.#weights.reduce<Tensor>((state, w, l) => {
      const mask = this.#masks[l];
      const bias = this.#biases[l];
      const y =
        w instanceof SparseTensor
          ? sparseLinear(state, w, bias)
          : add(matmul(state, mask ? mul(w, mask) : w, { transposeB: true }), bias);
      return l === this.#weights.length - 1 ? y : relu(y);
    }, x);
  }

  /** One step of SGD with momentum 0.9; the loss before it. */
  step(x: Tensor, labels: Int32Array): Tensor {
    return scope(() => {
      const trained = this.#trained();
      const { value, gradients } = valueAndGrad(() => crossEntropy(this.logits(x), labels), trained);
      trained.forEach((p, k) => {
        const gradient = gradients[k];
        const options = { lr: this.settings.lr, momentum: 0.9, weightDecay: 0, nesterov: false };
        if (gradient) p.device.sgd(p.view('sgd'), gradient.view('sgd'), this.#velocities[k].view('sgd'), options);
      });
      return value;
    });
  }

  /** Bytes of weights, biases and velocities, and of indices. */
  bytes(): { parameters: number; indices: number } {
    const parameters = 8 * this.#trained().reduce((sum, p) => sum + p.size, 0);
    const indices = this.#weights.reduce(
      (sum, w) => sum + (w instanceof SparseTensor ? w.layout.statistics().bytes - 4 * w.layout.size : 0),
      0,
    );
    return { parameters, indices };
  }

  dispose(): void {
    const masks = this.#masks.flatMap((mask) => mask ?? []);
    for (const p of [...this.#weights, ...masks, ...this.#biases, ...this.#velocities]) p.dispose();
  }
}

/** Losses of both twins over the steps, on the same batches; the largest relative difference. */
export async function lossDifference(
  settings: TrainSettings,
): Promise<{ difference: number; first: number; last: number }> {
  const twins = [new Twin(settings, false), new Twin(settings, true)];
  const { inputs, labels } = clouds(settings.batch * 10, settings.sizes[0], settings.seed);
  const size = settings.batch * settings.sizes[0];
  const losses: number[][] = [[], []];
  for (let step = 0; step < settings.steps; step++) {
    const b = step % 10;
    const x = tensor(inputs.subarray(b * size, (b + 1) * size), [settings.batch, settings.sizes[0]]);
    for (const [k, twin] of twins.entries()) {
      const loss = twin.step(x, labels.subarray(b * settings.batch, (b + 1) * settings.batch));
      losses[k].push((await loss.data())[0]);
      loss.dispose();
    }
    x.dispose();
  }
  for (const twin of twins) twin.dispose();
  const difference = losses[0].reduce((most, v, k) => Math.max(most, Math.abs(v / losses[1][k] - 1)), 0);
  return { difference, first: losses[0][0], last: losses[0][losses[0].length - 1] };
}
