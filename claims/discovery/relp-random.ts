import {
  add,
  backward,
  div,
  einsum,
  gelu,
  mean,
  mul,
  noGrad,
  ones,
  pearson,
  Random,
  type RelpRules,
  relpRules,
  scope,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tagged,
  tensor,
  track,
} from 'filigree';
import type { Row, Stages } from '../claim.js';

const width = 32;
const hidden = 128;
const inputs = 40;

/** A kind of random network: its depth, its weights' gain, and how much more its first layer writes than the others. */
export interface Kind {
  readonly depth: number;
  readonly gain: number;
  readonly first: number;
  /** Correlations of a double-precision prototype of the same setting, for attribution patching and relevance patching. */
  readonly prototype: readonly [atp: number, relp: number];
}

export const kinds = {
  shallow: { depth: 12, gain: 1, first: 1, prototype: [0.852, 0.913] },
  steep: { depth: 12, gain: 2, first: 1, prototype: [0.656, 0.829] },
  'large first layer': { depth: 12, gain: 2, first: 20, prototype: [0.786, 0.98] },
  deep: { depth: 24, gain: 2, first: 1, prototype: [0.634, 0.737] },
} as const satisfies Record<string, Kind>;
export type KindName = keyof typeof kinds;

/** What is compared: the plain gradient, all rules, and each rule alone. There is no gated product in these networks. */
const estimators: readonly { method: string; baseline?: boolean; rules: RelpRules }[] = [
  { method: 'AtP', baseline: true, rules: { norm: 'grad', act: 'grad' } },
  { method: 'RelP', rules: {} },
  { method: 'norm rule alone', rules: { act: 'grad' } },
  { method: 'activation rule alone', rules: { norm: 'grad' } },
];

/** Stages of `randomRows`. */
export const randomStages = 1;

interface Network {
  readonly layers: readonly { readonly up: Tensor; readonly down: Tensor }[];
  readonly readout: Tensor;
}

/**
 * Residual MLPs x <- x + W2 gelu(W1 rms(x)) without biases, read by a random direction after a last norm: what each layer writes is
 * patched with what it writes for another input, and estimated from the gradient.
 */
export async function randomRows(name: KindName, seed: number, stages: Stages): Promise<Row[]> {
  return stages.run(async () => {
    const kind = kinds[name];
    const { exact, found } = scope(() => {
      const random = new Random(seed).fork(`random residual networks, ${name}`);
      const network = draw(kind, random);
      const [clean, other] = [0, 1].map(() => tensor(random.normals(inputs * width), [inputs, width]));
      return {
        exact: patched(network, clean, other),
        found: estimators.map((e) => estimated(network, clean, other, e.rules)),
      };
    });
    return estimators.map(({ method, baseline }, i) => ({
      setting: setting(name),
      method,
      baseline,
      figures: { r: pearson(found[i].scores, exact), leak: found[i].leak },
      seed,
      ...(i < 2 && { prototype: { r: kind.prototype[i] } }),
    }));
  });
}

export function setting(name: KindName): string {
  const { depth, gain, first } = kinds[name];
  return `random, ${depth} layers, gain ${gain}${first === 1 ? '' : `, first layer times ${first}`}`;
}

function draw({ depth, gain, first }: Kind, random: Random): Network {
  const layers = Array.from({ length: depth }, (_, layer) => {
    const up = tensor(random.normals(hidden * width, gain / Math.sqrt(width)), [hidden, width]);
    const scale = (gain / Math.sqrt(hidden)) * (layer === 0 ? first : 1);
    return { up, down: tensor(random.normals(width * hidden, scale), [width, hidden]) };
  });
  return { layers, readout: tensor(random.normals(width, 1 / Math.sqrt(width)), [1, width]) };
}

interface Forward {
  /** What is read, `[inputs]`. */
  readonly value: Tensor;
  /** The stream before each layer and at the end, and what each layer writes, `[inputs, width]`. */
  readonly streams: Tensor[];
  readonly written: Tensor[];
}

/** Runs the network; one layer's output may be replaced. */
function forward({ layers, readout }: Network, input: Tensor, replace?: { layer: number; by: Tensor }): Forward {
  const norm = (x: Tensor): Tensor => {
    const scale = tagged('norm.scale', () => sqrt(mean(square(x), -1, true)));
    return div(x, scale);
  };
  const streams = [input];
  const written = layers.map(({ up, down }, layer) => {
    const x = streams[layer];
    const z = einsum('bd,hd->bh', norm(x), up);
    const own = einsum(
      'bh,dh->bd',
      tagged('act', () => gelu(z)),
      down,
    );
    const y = replace?.layer === layer ? replace.by : own;
    streams.push(add(x, y));
    return y;
  });
  return { value: sum(einsum('bd,od->bo', norm(streams[layers.length]), readout), 1), streams, written };
}

/** Change of what is read when a layer's output is that of the other input, layer by layer, for all inputs. */
function patched(network: Network, clean: Tensor, other: Tensor): number[] {
  return noGrad(() => {
    const base = forward(network, clean).value;
    const { written } = forward(network, other);
    return written.flatMap((by, layer) => [...sub(forward(network, clean, { layer, by }).value, base).dataSync()]);
  });
}

/** The same by gradients, and how far sum_i x_i rho_i is from what is read, relative to it, where it is furthest in the stream. */
function estimated(
  network: Network,
  clean: Tensor,
  other: Tensor,
  rules: RelpRules,
): { scores: number[]; leak: number } {
  const run = forward(network, track(sub(clean, 0)));
  const counterfactual = noGrad(() => forward(network, other).written);
  const seed = ones(run.value.shape);
  const wanted = [...run.written, ...run.streams];
  const gradients = backward([{ tensor: run.value, seed }], wanted, { rules: relpRules(rules) }) as Tensor[];
  return noGrad(() => {
    const depth = run.written.length;
    const scores = run.written.flatMap((y, l) => [...sum(mul(sub(counterfactual[l], y), gradients[l]), 1).dataSync()]);
    const value = run.value.dataSync();
    const size = Math.hypot(...value);
    const leaks = run.streams.map((x, l) => {
      const relevance = sum(mul(x, gradients[depth + l]), 1).dataSync();
      return Math.hypot(...Array.from(relevance, (r, i) => r - value[i])) / size;
    });
    return { scores, leak: Math.max(...leaks) };
  });
}
