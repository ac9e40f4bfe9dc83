import { InputError } from '../errors.js';
import { minimise } from '../nn/fit.js';
import {
  add,
  addAxis,
  div,
  einsum,
  gather,
  max,
  mean,
  mul,
  noGrad,
  Random,
  relu,
  rsqrt,
  Scope,
  scope,
  sign,
  square,
  stack,
  sub,
  sum,
  type Tensor,
  tensor,
} from '../tensor/index.js';

export interface SparseAutoencoderOptions {
  /** Features, by default four times the width. */
  features?: number;
  /** Weight of the features' sum, in units of the activations' root variance. */
  l1?: number;
  steps?: number;
  /** Activations of one update. */
  batch?: number;
  lr?: number;
  seed?: number;
  signal?: AbortSignal;
  onProgress?: (state: { done: number; total: number; unit: string }) => void;
}

/** How well a dictionary gives activations back. */
export interface DictionaryFit {
  /** Variance that is not given back, as a share of all. */
  readonly unexplained: number;
  /** Mean number of features at work. */
  readonly active: number;
  /** Share of the features that never are. */
  readonly dead: number;
}

/**
 * A sparse autoencoder (Bricken et al. 2023; as trained by Marks et al. 2024): with activations x `[…, width]`,
 *
 *     f = relu(W_e (x - b) + b_e)   `[…, features]`        x^ = b + sum_i f_i d_i,  |d_i| = 1
 *
 * What x^ misses, x - x^, is the error; splicing x^ + error into a model changes nothing.
 */
export class SparseAutoencoder {
  private readonly owner = new Scope();

  /**
   * Takes over its parameters.
   * @param encoder `[features, width]`
   * @param encoderBias `[features]`
   * @param decoder `[features, width]`, rows of norm 1
   * @param bias `[width]`
   */
  constructor(
    readonly encoder: Tensor,
    readonly encoderBias: Tensor,
    readonly decoder: Tensor,
    readonly bias: Tensor,
  ) {
    for (const parameter of [encoder, encoderBias, decoder, bias]) this.owner.add(parameter);
  }

  get features(): number {
    return this.encoder.shape[0];
  }

  /** `[batch, positions, width]` to `[batch, positions, features]`. */
  encode(x: Tensor): Tensor {
    return relu(add(einsum('btd,fd->btf', sub(x, this.bias), this.encoder), this.encoderBias));
  }

  /** `[batch, positions, features]` to `[batch, positions, width]`. */
  decode(f: Tensor): Tensor {
    return add(einsum('btf,fd->btd', f, this.decoder), this.bias);
  }

  dispose(): void {
    this.owner.dispose();
  }
}

/**
 * Trains a sparse autoencoder on activations `[rows, width]` by Adam, lowering
 *
 *     mean |x - x^|^2 / v + l1 mean sum_i f_i / sqrt(v)        v: the activations' variance, summed over the width
 *
 * where decoder rows are kept at norm 1 by dividing by it. The encoder starts as the decoder's transpose, b at the mean. The same
 * seed gives the same dictionary.
 *
 * @throws InputError for options that make no sense, or activations that do not vary
 */
export async function trainSparseAutoencoder(
  activations: Tensor,
  options: SparseAutoencoderOptions = {},
): Promise<SparseAutoencoder> {
  const [rows, width] = activations.shape;
  const { features = 4 * width, l1 = 0.1, steps = 1000, batch = 256, lr = 3e-3, seed = 0, signal } = options;
  for (const [what, value] of Object.entries({ features, steps, batch })) {
    if (!(Number.isInteger(value) && value > 0)) throw new InputError(`${what} must be a whole number, not ${value}.`);
  }
  for (const [what, value] of Object.entries({ l1, lr })) {
    if (!(value >= 0 && Number.isFinite(value))) throw new InputError(`${what} must be at least 0, not ${value}.`);
  }
  const random = new Random(seed).fork('sparse autoencoder');
  const centre = scope(() => mean(activations, 0));
  const spread = scope(() => mean(sum(square(sub(activations, centre)), -1)));
  const [variance] = await spread.data();
  spread.dispose();
  if (!(variance > 0)) throw new InputError('The activations do not vary: there is nothing to find features of.');
  const starts = random.fork('decoder');
  const draws = Float64Array.from({ length: features * width }, () => starts.normal());
  const raw = tensor(draws, [features, width]);
  const encoder = scope(() => noGrad(() => unitRows(raw)));
  const encoderBias = tensor(new Float64Array(features));
  const order = random.fork('rows');
  const scale = Math.sqrt(variance);
  const loss = (): Tensor => {
    const ids = Int32Array.from({ length: batch }, () => order.integer(rows));
    const x = gather(activations, tensor(ids, [batch], 'i32'));
    const directions = unitRows(raw);
    const f = relu(add(einsum('bd,fd->bf', sub(x, centre), encoder), encoderBias));
    const missed = sub(sub(x, centre), einsum('bf,fd->bd', f, directions));
    const error = mul(mean(sum(square(missed), -1)), 1 / variance);
    return add(error, mul(mean(sum(f, -1)), l1 / scale));
  };
  try {
    await minimise(
      new Map([
        ['decoder', raw],
        ['encoder', encoder],
        ['encoder bias', encoderBias],
        ['bias', centre],
      ]),
      loss,
      {
        steps,
        lr,
        // Down to nothing over the last fifth.
        schedule: (t) => Math.min(1, 5 * (1 - t) + 1e-3),
        clip: 1,
        optimiser: { kind: 'adam' },
        signal,
        onProgress: ({ step }) => options.onProgress?.({ done: step, total: steps, unit: 'steps' }),
      },
    );
    const decoder = scope(() => noGrad(() => unitRows(raw)));
    return new SparseAutoencoder(encoder, encoderBias, decoder, centre);
  } catch (error) {
    for (const t of [encoder, encoderBias, centre]) t.dispose();
    throw error;
  } finally {
    raw.dispose();
  }
}

const unitRows = (rows: Tensor): Tensor => mul(rows, rsqrt(add(sum(square(rows), -1, true), 1e-12)));

/** How well a dictionary gives activations `[rows, width]` back, and with how few features. */
export async function dictionaryFit(dictionary: SparseAutoencoder, activations: Tensor): Promise<DictionaryFit> {
  const figures = scope(() =>
    noGrad(() => {
      const x = addAxis(activations, 0);
      const f = dictionary.encode(x);
      const missed = sum(square(sub(x, dictionary.decode(f))));
      const all = sum(square(sub(activations, mean(activations, 0, true))));
      const working = sign(f);
      return stack([div(missed, all), mean(sum(working, -1)), sub(1, mean(max(working, [0, 1])))], 0);
    }),
  );
  const [unexplained, active, dead] = await figures.data();
  figures.dispose();
  return { unexplained, active, dead };
}
