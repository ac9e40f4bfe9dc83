import {
  add,
  type ButterflyWeights,
  batchesOf,
  butterflyBudget,
  butterflyLinear,
  butterflyWeights,
  classAccuracy,
  cosine,
  crossEntropy,
  fit,
  type LabelledBatch,
  Layout,
  linear,
  matmul,
  mean,
  mul,
  type Parameter,
  patches,
  permute,
  Random,
  relu,
  reshape,
  rsqrt,
  SparseTensor,
  type Split,
  scope,
  sparseLinear,
  square,
  sum,
  type Tensor,
  Topology,
  tensor,
  valueAndGrad,
  valuesOf,
  zeros,
} from 'filigree';
import type { MeasureOptions } from '../claim.js';
import { fastestOf } from './tools.js';

const [side, patch, width, inner, depth] = [16, 4, 128, 256, 4];
const tokens = (side / patch) ** 2;
/** Neurons between the two maps over tokens. */
const between = 32;

export const mixerArms = ['dense', 'flat butterfly and low rank', 'random blocks and low rank'] as const;
export type MixerArm = (typeof mixerArms)[number];

/** So many random blocks of `b` by `b`. */
export function randomBlocks(rows: number, columns: number, b: number, count: number, random: Random): Layout {
  const across = columns / b;
  const chosen = random.shuffle(Array.from({ length: (rows / b) * across }, (_, k) => k)).slice(0, count);
  const keys = chosen.flatMap((block) =>
    Array.from(
      { length: b * b },
      (_, k) => (Math.floor(block / across) * b + Math.floor(k / b)) * columns + (block % across) * b + (k % b),
    ),
  );
  return new Layout(Topology.fromKeys(keys, rows, columns), { kind: 'block', r: b, c: b });
}

/** A small MLP-Mixer on pictures of 16 x 16: the maps over channels are dense, or a quarter as many weights. */
export class Mixer {
  readonly parameters = new Map<string, Parameter>();

  constructor(
    readonly arm: MixerArm,
    readonly classes: number,
    seed: number,
  ) {
    const random = new Random(seed);
    const dense = (name: string, rows: number, columns: number, gain = 1): void => {
      const values = random.fork(name).normals(rows * columns, gain / Math.sqrt(columns));
      this.parameters.set(name, tensor(values, [rows, columns]));
    };
    dense('embed', width, patch * patch, 2);
    for (let l = 0; l < depth; l++) {
      dense(`${l}.tokens.up`, between, tokens);
      dense(`${l}.tokens.down`, tokens, between);
      for (const [name, rows, columns] of [
        [`${l}.up`, inner, width],
        [`${l}.down`, width, inner],
      ] as const) {
        if (arm === 'dense') dense(name, rows, columns);
        else this.#sparse(name, rows, columns, seed * 100 + l);
        this.parameters.set(`${name}.bias`, zeros([rows]));
      }
    }
    dense('head', classes, width);
  }

  #sparse(name: string, rows: number, columns: number, seed: number): void {
    const { b, k, rank } = butterflyBudget([rows, columns], 0.25, { b: 4 });
    const w = butterflyWeights([rows, columns], { b, k, rank, seed });
    let { blocks } = w;
    if (this.arm === 'random blocks and low rank') {
      const random = new Random(seed).fork(name);
      const layout = randomBlocks(rows, columns, b, blocks.layout.size / (b * b), random);
      blocks.dispose();
      const values = random.normals(layout.size, Math.sqrt(rows / layout.size));
      blocks = new SparseTensor(tensor(values, [layout.size]), layout);
    }
    for (const [part, p] of Object.entries({ ...w, blocks })) this.parameters.set(`${name}.${part}`, p);
  }

  get weights(): number {
    return [...this.parameters.values()].reduce((total, p) => total + valuesOf(p).size, 0);
  }

  /** `gamma` of every sparse map: the share of the blocks. */
  async shares(): Promise<number[]> {
    const found: number[] = [];
    for (const [name, p] of this.parameters) if (name.endsWith('.gamma')) found.push((await valuesOf(p).data())[0]);
    return found;
  }

  /** Logits of `x` `[samples, 256]`. */
  run(x: Tensor): Tensor {
    const get = <P extends Parameter>(name: string): P => this.parameters.get(name) as P;
    const samples = x.shape[0];
    const rows = samples * tokens;
    const norm = (t: Tensor): Tensor => mul(t, rsqrt(add(mean(square(t), -1, true), 1e-5)));
    const map = (t: Tensor, name: string): Tensor => {
      const bias = get<Tensor>(`${name}.bias`);
      if (this.arm === 'dense') return linear(t, get(name), bias);
      const w: ButterflyWeights = {
        blocks: get(`${name}.blocks`),
        u: get(`${name}.u`),
        v: get(`${name}.v`),
        gamma: get(`${name}.gamma`),
      };
      return butterflyLinear(t, w, bias);
    };
    const seen = patches(reshape(x, [samples, side, side, 1]), { kernel: [patch, patch], stride: patch, padding: 0 });
    let state = linear(reshape(seen, [rows, patch * patch]), get('embed'));
    for (let l = 0; l < depth; l++) {
      const turned = permute(reshape(norm(state), [samples, tokens, width]), [0, 2, 1]);
      const mixed = linear(relu(linear(turned, get(`${l}.tokens.up`))), get(`${l}.tokens.down`));
      state = add(state, reshape(permute(mixed, [0, 2, 1]), [rows, width]));
      state = add(state, map(relu(map(norm(state), `${l}.up`)), `${l}.down`));
    }
    return linear(mean(reshape(norm(state), [samples, tokens, width]), 1), get('head'));
  }

  loss({ inputs, samples, labels }: LabelledBatch): Tensor {
    return crossEntropy(this.run(tensor(inputs, [samples, side * side])), labels ?? []);
  }

  dispose(): void {
    for (const p of this.parameters.values()) p.dispose();
  }
}

/** Accuracy on unseen samples after training, weights, and the least and the most share of the blocks. */
export async function trainMixer(
  arm: MixerArm,
  split: Split,
  seed: number,
  { epochs, signal }: { epochs: number; signal?: MeasureOptions['signal'] },
): Promise<Record<string, number>> {
  const model = new Mixer(arm, split.train.classes, seed);
  await fit(model, batchesOf(split.train), {
    optimiser: { kind: 'adam' },
    lr: 2e-3,
    schedule: cosine({ warmup: 0.1 }),
    epochs,
    batch: 50,
    seed,
    signal,
  });
  const accuracy = await classAccuracy(model, split.test);
  const shares = await model.shares();
  const figures = {
    accuracy,
    weights: model.weights,
    ...(shares.length > 0 && { 'least gamma': Math.min(...shares), 'most gamma': Math.max(...shares) }),
  };
  model.dispose();
  return figures;
}

/** Seconds of forward and backward of a Mixer's batch, dense and with butterflies. */
export function mixerTimes(batch: LabelledBatch, seed: number): Record<'dense' | 'flat', number> {
  const models = (['dense', 'flat butterfly and low rank'] as const).map((arm) => new Mixer(arm, 20, seed));
  const step = (model: Mixer) => () =>
    scope(() => void valueAndGrad(() => model.loss(batch), [...model.parameters.values()].map(valuesOf)));
  const seconds = fastestOf({ dense: step(models[0]), flat: step(models[1]) });
  for (const model of models) model.dispose();
  return seconds;
}

/** Seconds of forward and backward of one layer: dense, flat with its low rank, and the product of butterfly factors that it stands for. */
export function layerTimes(seed: number): Record<'dense' | 'flat' | 'product', number> {
  const [n, batch, b, k, rank] = [1024, 128, 16, 16, 32];
  const random = new Random(seed);
  const x = tensor(random.normals(batch * n), [batch, n]);
  const w = tensor(random.normals(n * n, 1 / Math.sqrt(n)), [n, n]);
  const flat = butterflyWeights([n, n], { b, k, rank, seed });
  const factors: SparseTensor[] = [];
  for (let stride = 1; stride < k; stride *= 2) {
    const keys: number[] = [];
    for (let i = 0; i < n; i++) {
      for (const block of [Math.floor(i / b), Math.floor(i / b) ^ stride]) {
        for (let j = 0; j < b; j++) keys.push(i * n + block * b + j);
      }
    }
    const layout = new Layout(Topology.fromKeys(keys, n, n), { kind: 'block', r: b, c: b });
    factors.push(new SparseTensor(tensor(random.normals(layout.size, 0.1), [layout.size]), layout));
  }
  const timed = (run: () => Tensor, of: readonly Parameter[]) => () =>
    scope(() => void valueAndGrad(() => sum(square(run())), [x, ...of.map(valuesOf)]));
  const seconds = fastestOf({
    dense: timed(() => matmul(x, w, { transposeB: true }), [w]),
    flat: timed(() => butterflyLinear(x, flat), [flat.blocks, flat.u, flat.v, flat.gamma]),
    product: timed(() => factors.reduce((state, f) => sparseLinear(state, f), x), factors),
  });
  for (const t of [x, w, flat.blocks, flat.u, flat.v, flat.gamma, ...factors]) t.dispose();
  return seconds;
}
