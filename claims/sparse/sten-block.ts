import {
  add,
  corpus,
  cosine,
  crossEntropy,
  einsum,
  gather,
  groupedNmMask,
  ingredientsOf,
  largest,
  mean,
  minimise,
  mul,
  noGrad,
  type Parameter,
  Random,
  relu,
  reshape,
  rsqrt,
  SparseRegistry,
  type Sparsifier,
  scope,
  slice,
  softmax,
  square,
  type Tensor,
  tensor,
  valuesOf,
  zeros,
} from 'filigree';
import type { MeasureOptions } from '../claim.js';

const [width, heads, inner, window] = [48, 4, 192, 32];
const group = { kind: 'nmg', n: 2, m: 4, g: 4 } as const;
/** The weights that become sparse, one after the other, first those with the most places. */
const sparse = ['up', 'down', 'qkv', 'out'] as const;
const shapes: Record<(typeof sparse)[number], [number, number]> = {
  up: [inner, width],
  down: [width, inner],
  qkv: [3 * width, width],
  out: [width, width],
};

export type BlockArm = 'dense' | 'unstructured' | 'nmg';

/** Characters of made-up Python functions, as numbers. */
export function sourceText(length: number, seed: number, letters?: string): { ids: Int32Array; letters: string } {
  let text = '';
  for (const passage of corpus({ seed, ingredients: ingredientsOf({ code: 1 }) })) {
    text += `${passage}\n\n`;
    if (text.length >= length) break;
  }
  const known = letters ?? [...new Set(text)].sort().join('');
  return { ids: Int32Array.from(text.slice(0, length), (c) => Math.max(0, known.indexOf(c))), letters: known };
}

/** One block of a transformer that reads characters; its linear maps go through a registry, whatever their layouts. */
export class Block {
  readonly parameters: Map<string, Parameter>;

  constructor(
    readonly registry: SparseRegistry,
    readonly letters: number,
    seed: number,
    parameters?: ReadonlyMap<string, Parameter>,
  ) {
    const random = new Random(seed);
    const made = (name: string, rows: number, columns: number, scale: number): [string, Tensor] => [
      name,
      tensor(random.fork(name).normals(rows * columns, scale), [rows, columns]),
    ];
    this.parameters = new Map<string, Parameter>(
      parameters ?? [
        made('embed', letters, width, 0.3),
        made('position', window, width, 0.3),
        ...sparse.map((name) => made(name, ...shapes[name], 1 / Math.sqrt(shapes[name][1]))),
        made('head', letters, width, 1 / Math.sqrt(width)),
        ['bias', zeros([letters])],
      ],
    );
  }

  /** Logits `[samples * window, letters]` for `[samples, window]` characters. */
  run(ids: Int32Array): Tensor {
    const dense = (name: string): Tensor => this.parameters.get(name) as Tensor;
    const map = (x: Tensor, name: string): Tensor =>
      this.registry.run('linear', x, this.parameters.get(name) as Parameter);
    const samples = ids.length / window;
    const rows = samples * window;
    const seen = gather(dense('embed'), tensor(ids, [samples, window], 'i32'));
    let state = reshape(add(seen, dense('position')), [rows, width]);
    const norm = (x: Tensor): Tensor => mul(x, rsqrt(add(mean(square(x), 1, true), 1e-5)));
    const qkv = reshape(map(norm(state), 'qkv'), [samples, window, 3, heads, width / heads]);
    const part = (k: number): Tensor => reshape(slice(qkv, 2, k, k + 1), [samples, window, heads, width / heads]);
    const scores = mul(einsum('sqhd,skhd->shqk', part(0), part(1)), Math.sqrt(heads / width));
    const mixed = einsum('shqk,skhd->sqhd', softmax(scores, { queries: window, shift: 0 }), part(2));
    state = add(state, map(reshape(mixed, [rows, width]), 'out'));
    state = add(state, map(relu(map(norm(state), 'up')), 'down'));
    return add(this.registry.run('linear', norm(state), dense('head')), dense('bias'));
  }
}

/** So many windows of a text and the characters that follow each of theirs, drawn by a seed. */
function windows(ids: Int32Array, samples: number, random: Random): { x: Int32Array; y: Int32Array } {
  const [x, y] = [new Int32Array(samples * window), new Int32Array(samples * window)];
  for (let s = 0; s < samples; s++) {
    const at = random.integer(ids.length - window - 1);
    x.set(ids.subarray(at, at + window), s * window);
    y.set(ids.subarray(at + 1, at + window + 1), s * window);
  }
  return { x, y };
}

/** Share of characters of other text that the block gets right. */
async function accuracyOf(block: Block, ids: Int32Array): Promise<number> {
  const random = new Random(9);
  let [right, all] = [0, 0];
  for (let part = 0; part < 4; part++) {
    const { x, y } = windows(ids, 64, random);
    const logits = scope(() => noGrad(() => block.run(x)));
    const values = await logits.data();
    logits.dispose();
    y.forEach((answer, k) => {
      const row = values.subarray(k * block.letters, (k + 1) * block.letters);
      right += Number(row.indexOf(Math.max(...row)) === answer);
      all++;
    });
  }
  return right / all;
}

async function train(
  block: Block,
  ids: Int32Array,
  name: string,
  o: { steps: number; lr: number; falling: boolean; seed: number; signal?: MeasureOptions['signal'] },
): Promise<void> {
  const loss = (step: number): Tensor => {
    const { x, y } = windows(ids, 16, new Random(o.seed).fork(`${name} ${step}`));
    return crossEntropy(block.run(x), y);
  };
  await minimise(block.parameters, loss, {
    steps: o.steps,
    lr: o.lr,
    schedule: o.falling ? cosine({ warmup: 0 }) : undefined,
    optimiser: { kind: 'adam' },
    seed: o.seed,
    signal: o.signal,
  });
}

/**
 * Trains a block dense, then from there three copies with equal updates: dense; the larger half of each weight, one weight after the other,
 * anywhere; and so in grouped 2:4. Shares of characters of unseen text that they get right, and how many products ran dense for want of an operator.
 */
export async function fineTuned(
  seed: number,
  { steps, signal }: { steps: number; signal?: MeasureOptions['signal'] },
): Promise<Record<BlockArm, { accuracy: number; density: number; fallbacks: number }>> {
  const { ids, letters } = sourceText(200_000, 2 * seed + 1);
  const unseen = sourceText(20_000, 2 * seed + 2, letters).ids;
  const first = new Block(new SparseRegistry(), letters.length, seed);
  await train(first, ids, 'first', { steps: 2 * steps, lr: 3e-3, falling: false, seed, signal });
  const half: Sparsifier = {
    name: 'half',
    kind: 'materialising',
    mask(x) {
      const mask = new Uint8Array(x.length);
      for (const k of largest(Float64Array.from(x, Math.abs), x.length / 2)) mask[k] = 1;
      return mask;
    },
  };
  const grouped: Sparsifier = {
    name: 'grouped 2:4',
    kind: 'blocking',
    mask: (x, [rows, columns]) => groupedNmMask(x, rows, columns, group),
  };
  const rules = { dense: undefined, unstructured: [half, 'csr'], nmg: [grouped, 'nmg 2:4:4'] } as const;
  const result = {} as Record<BlockArm, { accuracy: number; density: number; fallbacks: number }>;
  for (const [arm, rule] of Object.entries(rules) as [BlockArm, (typeof rules)[BlockArm]][]) {
    const copies = new Map<string, Parameter>();
    for (const [name, p] of first.parameters) copies.set(name, tensor(await valuesOf(p).data(), p.shape));
    const block = new Block(new SparseRegistry(), letters.length, seed, copies);
    for (const name of sparse) {
      if (rule) {
        const dense = block.parameters.get(name) as Tensor;
        block.parameters.set(name, (await block.registry.sparsify(dense, rule[0], rule[1])) as Parameter);
        dense.dispose();
      }
      await train(block, ids, name, { steps: Math.ceil(steps / 4), lr: 1e-3, falling: false, seed, signal });
    }
    await train(block, ids, 'last', { steps, lr: 1e-3, falling: true, seed, signal });
    const fallbacks = [...block.registry.report().fallbacks.values()].reduce((a, b) => a + b, 0);
    let [kept, all] = [0, 0];
    for (const name of sparse) {
      const p = block.parameters.get(name) as Parameter;
      kept += valuesOf(p).size;
      all += p.shape[0] * p.shape[1];
    }
    result[arm] = { accuracy: await accuracyOf(block, unseen), density: kept / all, fallbacks };
    for (const p of block.parameters.values()) p.dispose();
  }
  for (const p of first.parameters.values()) p.dispose();
  return result;
}
