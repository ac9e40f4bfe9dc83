import { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { gather, less, noGrad, Random, reshape, scope, type Tensor, tensor, where } from '../tensor/index.js';
import { type ChannelGroup, type ChannelModel, constantValues, masked, runChannels } from './channels.js';
import { marginsOf, promptsOf, type Question } from './two-way.js';

/**
 * Margins of the questions in a run in which what is left out carries what it does on another prompt of the same length, drawn anew for each
 * prompt, at the same positions (resample ablation).
 */
export async function resampledMargins(
  own: ChannelModel,
  questions: readonly Question[],
  kept: ArrayLike<number>,
  options: { seed?: number; signal?: AbortSignal } = {},
): Promise<Float64Array<ArrayBuffer>> {
  const random = new Random(options.seed ?? 0).fork('resampled channels');
  const margins = new Float64Array(questions.length);
  for (const places of bySameLength(questions)) {
    options.signal?.throwIfAborted();
    const part = places.map((place) => questions[place]);
    const donors = places.map(() => random.integer(places.length));
    const values = scope(() =>
      noGrad(() => {
        const clean = valuesOf(own, part);
        const rows = tensor(donors, [donors.length], 'i32');
        const given = (group: ChannelGroup): Tensor => {
          const x = clean.get(group.site) as Tensor;
          return reshape(gather(reshape(x, [x.shape[0], -1]), rows), x.shape);
        };
        return marginsOf(runChannels(own, promptsOf(part), masked(tensor(kept, [own.space.size]), given)), part);
      }),
    );
    (await values.data()).forEach((margin, i) => {
      margins[places[i]] = margin;
    });
    values.dispose();
  }
  return margins;
}

/** What every site holds on the prompts, with the last layer at the last positions where the run has only these. */
function valuesOf(
  own: ChannelModel,
  questions: readonly Question[],
  change: (group: ChannelGroup, value: Tensor) => Tensor = (_, value) => value,
): ReadonlyMap<string, Tensor> {
  const values = new Map<string, Tensor>();
  runChannels(own, promptsOf(questions), (group, value) => {
    const changed = change(group, value);
    values.set(group.site, changed);
    return changed;
  });
  return values;
}

function bySameLength(questions: readonly Question[]): number[][] {
  const groups = new Map<number, number[]>();
  for (const [place, { tokens }] of questions.entries()) {
    const group = groups.get(tokens.length);
    if (group) group.push(place);
    else groups.set(tokens.length, [place]);
  }
  return [...groups.values()];
}

/** The two levels that stand for what a channel carries: `low` up to the threshold, `high` above it. */
export interface Levels {
  readonly threshold: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Two levels per kept channel: what it carries at all positions of the prompts, in the circuit, parted where the two means leave the
 * smallest sum of squares (2-means on a line, exactly). Channels that never change have one level.
 */
export async function levelsOf(
  own: ChannelModel,
  questions: readonly Question[],
  kept: ArrayLike<number>,
): Promise<ReadonlyMap<number, Levels>> {
  const seen = new Map<number, number[]>();
  for (const places of bySameLength(questions)) {
    const part = places.map((place) => questions[place]);
    const sites = new Map<string, Float32Array | Float64Array>();
    const held = scope(() =>
      noGrad(() => {
        const { size } = own.space;
        const change = masked(tensor(kept, [size]), constantValues(tensor(own.means, [size])));
        return [...valuesOf(own, part, change)];
      }),
    );
    for (const [site, value] of held) {
      sites.set(site, (await value.data()) as Float32Array);
      value.dispose();
    }
    for (const { site, first, size } of own.space.groups) {
      const values = sites.get(site) ?? [];
      for (let i = 0; i < size; i++) {
        if (!kept[first + i]) continue;
        const list = seen.get(first + i) ?? [];
        for (let at = i; at < values.length; at += size) list.push(values[at]);
        seen.set(first + i, list);
      }
    }
  }
  return new Map([...seen].map(([channel, values]) => [channel, twoMeans(values)]));
}

/** The exact split of numbers in two whose sums of squares about their means are smallest. */
export function twoMeans(values: readonly number[]): Levels {
  const sorted = Float64Array.from(values).sort();
  const total = sorted.reduce((a, b) => a + b, 0);
  let best = { gain: 0, at: 0 };
  let left = 0;
  for (let i = 1; i < sorted.length; i++) {
    left += sorted[i - 1];
    if (sorted[i] === sorted[i - 1]) continue;
    // Sum of squares falls by n1 n2 / n (mean1 - mean2)^2.
    const difference = left / i - (total - left) / (sorted.length - i);
    const gain = ((i * (sorted.length - i)) / sorted.length) * difference ** 2;
    if (gain > best.gain) best = { gain, at: i };
  }
  if (best.at === 0) return { threshold: Number.POSITIVE_INFINITY, low: sorted[0] ?? 0, high: sorted[0] ?? 0 };
  const mean = (from: number, to: number): number => sorted.subarray(from, to).reduce((a, b) => a + b, 0) / (to - from);
  return {
    threshold: (sorted[best.at - 1] + sorted[best.at]) / 2,
    low: mean(0, best.at),
    high: mean(best.at, sorted.length),
  };
}

/** Margins of a circuit in which every kept channel carries one of its two levels. */
export async function binarisedMargins(
  own: ChannelModel,
  questions: readonly Question[],
  levels: ReadonlyMap<number, Levels>,
): Promise<Float64Array<ArrayBuffer>> {
  const margins = new Float64Array(questions.length);
  for (const places of bySameLength(questions)) {
    const part = places.map((place) => questions[place]);
    const values = scope(() =>
      noGrad(() =>
        marginsOf(
          runChannels(own, promptsOf(part), (group, x) => stepped(own, group, x, levels)),
          part,
        ),
      ),
    );
    (await values.data()).forEach((margin, i) => {
      margins[places[i]] = margin;
    });
    values.dispose();
  }
  return margins;
}

function stepped({ means }: ChannelModel, group: ChannelGroup, x: Tensor, levels: ReadonlyMap<number, Levels>): Tensor {
  const { first, size, shape } = group;
  const own = Array.from({ length: size }, (_, i) => {
    const mean = means[first + i];
    return levels.get(first + i) ?? { threshold: Number.POSITIVE_INFINITY, low: mean, high: mean };
  });
  const column = (of: keyof Levels): Tensor =>
    tensor(
      own.map((each) => each[of]),
      shape,
    );
  return where(less(column('threshold'), x), column('high'), column('low'));
}

/** The same pairs with the answers of every second one, by a coin of its own, exchanged: a task that no rule can do. */
export function nonsensePairs(pairs: readonly Pair[], seed: number): Pair[] {
  const random = new Random(seed).fork('nonsense');
  return pairs.map((pair) => (random.uniform() < 0.5 ? pair : { ...pair, answers: pair.wrongs, wrongs: pair.answers }));
}

/** A model whose matrices have new normal weights where the given one's are not zero, with the same spread, and the same vectors. */
export async function sameSupport(model: Transformer, seed: number): Promise<Transformer> {
  const random = new Random(seed).fork('same support');
  const parameters = new Map<string, Tensor>();
  for (const [name, parameter] of model.parameters) {
    const values = Float64Array.from(await parameter.data());
    if (parameter.shape.length > 1) {
      const places = [...values.keys()].filter((i) => values[i] !== 0);
      const spread = Math.sqrt(places.reduce((sum, i) => sum + values[i] ** 2, 0) / Math.max(1, places.length));
      random.normals(places.length, spread).forEach((value, i) => {
        values[places[i]] = value;
      });
    }
    parameters.set(name, tensor(values, parameter.shape));
  }
  return new Transformer(model.config, parameters);
}
