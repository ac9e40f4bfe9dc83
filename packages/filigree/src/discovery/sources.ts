import { KeyValueCache, type Past, SharedPast } from '../nn/cache.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { addAxis, assign, at, mul, noGrad, permute, scope, slice, Tensor, tensor } from '../tensor/index.js';
import type { Ablation } from './ablation.js';
import type { EdgeGraph } from './graph.js';

/** Pairs that go through the model together, shorter ones padded on the right. */
export interface Batch {
  readonly pairs: readonly Pair[];
  readonly clean: readonly (readonly number[])[];
  readonly corrupt: readonly (readonly number[])[];
  /** Position of each pair's last token: its logits are the answer. */
  readonly last: readonly number[];
  /** What precedes `clean` and `corrupt` where a beginning that they share is left out; positions count from its end. */
  readonly past?: SharedPast;
}

export function makeBatch(pairs: readonly Pair[]): Batch {
  return {
    pairs,
    clean: pairs.map((p) => p.clean),
    corrupt: pairs.map((p) => p.corrupt),
    last: pairs.map((p) => p.clean.length - 1),
  };
}

/** How many tokens both prompts of a pair begin with, the last position left out. */
export function sharedTokens({ clean, corrupt }: Pair): number {
  const first = clean.findIndex((id, t) => t === clean.length - 1 || id !== corrupt[t]);
  return Math.max(0, first);
}

/**
 * A batch of pairs whose cut sources take the values of the other prompt, without the beginning that both prompts of every pair
 * share: it is run once, and what follows continues after it. Up to there nothing tells the prompts apart, so that sources differ by
 * nothing and no gradient is needed. With another counterfactual the batch is whole. Dispose of its past.
 */
export function sharingBatch(model: Transformer, pairs: readonly Pair[], { kind }: Ablation): Batch {
  const batch = makeBatch(pairs);
  const length = kind === 'patch' ? Math.min(...pairs.map(sharedTokens)) : 0;
  if (length === 0) return batch;
  const cache = new KeyValueCache(model.config, pairs.length, length);
  const beginnings = batch.clean.map((row) => row.slice(0, length));
  scope(() => noGrad(() => model.run(beginnings, { cache, at: beginnings.map(() => 0), narrow: true })));
  return {
    pairs,
    clean: batch.clean.map((row) => row.slice(length)),
    corrupt: batch.corrupt.map((row) => row.slice(length)),
    last: batch.last.map((t) => t - length),
    past: new SharedPast(cache),
  };
}

/**
 * What a run writes into the residual stream: `[sources, batch, positions, width]`, and its logits `[batch, vocabulary]`. What the
 * sources of the last layer write where no logits are asked for is nobody's concern; it stands as 0 there.
 */
export interface SourceValues {
  readonly values: Tensor;
  readonly logits: Tensor;
}

/** Copies what one component wrote into its places of a table of sources. `value` is the site's tensor. */
export function storeSources(table: Tensor, first: number, value: Tensor, perHead: boolean): void {
  if (perHead) assign(slice(table, 0, first, first + value.shape[2]), permute(value, [2, 0, 1, 3]));
  else assign(at(table, 0, first), value);
}

/** Where a site's value belongs in a table of sources; undefined for other sites. */
export function sourcePlaces(graph: EdgeGraph): Map<string, { first: number; perHead: boolean }> {
  const places = new Map([['blocks.0.resid_pre', { first: 0, perHead: false }]]);
  for (let layer = 0; layer < graph.config.layers; layer++) {
    const first = graph.firstSource(layer);
    places.set(`blocks.${layer}.attn.result`, { first, perHead: true });
    if (graph.config.mlpWidth > 0)
      places.set(`blocks.${layer}.mlp_out`, { first: first + graph.config.heads, perHead: false });
  }
  return places;
}

/**
 * Runs the model on one side of a batch and collects what every source writes. No gradients. With `everywhere` the last layer's
 * sources are computed at every position; `past` is what precedes the tokens.
 */
export function runSources(
  model: Transformer,
  graph: EdgeGraph,
  tokens: readonly (readonly number[])[],
  last: readonly number[],
  { everywhere = false, past }: { everywhere?: boolean; past?: Past } = {},
): SourceValues {
  return scope(() =>
    noGrad(() => {
      const places = sourcePlaces(graph);
      const length = Math.max(...tokens.map((row) => row.length));
      const values = Tensor.allocate([graph.sources.length, tokens.length, length, model.config.width]);
      const answers = tensor(
        last.flatMap((end) => Array.from({ length }, (_, t) => Number(t === end))),
        [tokens.length, length, 1],
      );
      const { logits } = model.run(tokens, {
        at: last,
        narrow: !everywhere,
        cache: past,
        results: true,
        edit(site, value) {
          const place = places.get(site);
          if (!place) return value;
          const whole = value.shape[1] === length ? value : mul(value, place.perHead ? addAxis(answers, 3) : answers);
          storeSources(values, place.first, whole, place.perHead);
          return value;
        },
      });
      return { values, logits };
    }),
  );
}

/** The clean residual stream at the entrance of every layer, and at the end. */
export function entrances(model: Transformer, batch: Batch): Tensor[] {
  return noGrad(() => {
    const { layers } = model.config;
    const sites = [...Array.from({ length: layers }, (_, l) => `blocks.${l}.resid_pre`), 'final_in'];
    const run = model.run(batch.clean, { at: batch.last, cache: batch.past, sites });
    return sites.map((site) => run.site(site));
  });
}
