import { InputError } from '../errors.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  add,
  alias,
  backward,
  concat,
  expand,
  mean,
  mul,
  noGrad,
  ones,
  type Rules,
  reshape,
  Scope,
  scope,
  sub,
  sum,
  type Tensor,
  tensor,
  track,
  where,
} from '../tensor/index.js';
import type { Progress } from './batches.js';
import { integrationPoints } from './eap-ig.js';
import { repeat } from './gradients.js';
import { type MetricName, metric } from './metric.js';
import { oneLength } from './positions.js';
import { relpRules } from './relp.js';
import { rankUnits } from './select.js';

/** Features of what stands at a site: `x = decode(encode(x)) + error`, decode affine. */
export interface FeatureDictionary {
  readonly features: number;
  /** `[batch, positions, width]` to `[batch, positions, features]`. */
  encode(x: Tensor): Tensor;
  /** `[batch, positions, features]` to `[batch, positions, width]`. */
  decode(f: Tensor): Tensor;
}

/** Dictionaries by the site that they are of: `blocks.L.attn_out`, `.mlp_out`, `.resid_post`. */
export type Dictionaries = ReadonlyMap<string, FeatureDictionary>;

/** The dictionary whose features are the channels themselves, which misses nothing. */
export const identityDictionary = (width: number): FeatureDictionary => ({
  features: width,
  encode: alias,
  decode: alias,
});

export const featureMethods = ['eap', 'eap-ig-activations', 'relp'] as const;
export type FeatureMethod = (typeof featureMethods)[number];

/** Indirect effects of features, and of the errors of the dictionaries. */
export interface FeatureScores {
  /** The nodes of each site: its features, then its error, from `first` on. */
  readonly sites: readonly { readonly site: string; readonly first: number; readonly features: number }[];
  /** Estimated change of the metric when a feature or error takes its value of the corrupted prompt, at all positions. */
  readonly scores: Float64Array;
  /** Backward passes, counted by pair and point. */
  readonly passes: number;
}

export interface FeatureScoreOptions extends Progress {
  method?: FeatureMethod;
  metric?: MetricName;
  /** Points of `eap-ig-activations`, from the clean values on. */
  steps?: number;
}

/** Where a site stands, and from the entrance of which layer a run passes through it; what stands there may be that entrance. */
function placeOf(site: string, model: Transformer): { layer: number; entrance: boolean } {
  const match = /^blocks\.(\d+)\.(attn_out|mlp_out|resid_post)$/.exec(site);
  const layer = Number(match?.[1]);
  if (!match || layer >= model.config.layers || (model.config.mlpWidth === 0 && match[2] === 'mlp_out')) {
    throw new InputError(
      `Features are found in what attention, MLPs and layers write (blocks.0.attn_out, .mlp_out, .resid_post), not at '${site}'.`,
    );
  }
  return match[2] === 'resid_post' ? { layer: layer + 1, entrance: true } : { layer, entrance: false };
}

/**
 * Indirect effects of sparse features (Marks, Rager, Michaud, Belinkov, Bau, Mueller 2024, "Sparse Feature Circuits"): with feature
 * values f and errors e of each dictionary's site on both prompts,
 *
 *     IE(f_i) = (f~_i - f_i) dm/df_i        IE(error) = < e~ - e , dm/de >
 *
 * summed over positions, averaged over pairs. Gradients pass every site unchanged, so that dm/df_i = < d_i , dm/dx >. `eap` takes them
 * on the clean prompt, `relp` there with the rules of relevance propagation, `eap-ig-activations` averages them over `steps` points
 * between the clean and the corrupted value of the site, all else being clean (10 by default, as in the paper: alpha = k / steps from the
 * clean end). The scores of a site sum to the estimated effect of the whole site.
 *
 * @param pairs prompts of one length
 * @throws InputError for sites that have no features, or prompts of several lengths
 */
export async function featureScores(
  model: Transformer,
  pairs: readonly Pair[],
  dictionaries: Dictionaries,
  options: FeatureScoreOptions = {},
): Promise<FeatureScores> {
  const { method = 'eap-ig-activations', metric: name = 'logit-diff', steps = 10, signal, onProgress } = options;
  const length = oneLength(pairs);
  const places = [...dictionaries.keys()].map((site) => placeOf(site, model));
  const points = method === 'eap-ig-activations' ? integrationPoints('right', steps) : [1];
  const rules = method === 'relp' ? relpRules() : undefined;
  const sites = layOut(dictionaries);
  const scores = new Float64Array(sites.reduce((n, { features }) => n + features + 1, 0));
  // Small parts: what a run keeps for the backward pass is many times its activations.
  const size = Math.max(1, Math.floor(4096 / (length * points.length)));
  for (let start = 0; start < pairs.length; start += size) {
    signal?.throwIfAborted();
    const part = pairs.slice(start, start + size);
    const effects = scope(() => {
      const at = part.map(() => length - 1);
      const names = [...dictionaries.keys()];
      const streams = Array.from({ length: model.config.layers }, (_, l) => `blocks.${l}.resid_pre`);
      const [clean, corrupt] = noGrad(() =>
        (['clean', 'corrupt'] as const).map((side) =>
          model.run(
            part.map((pair) => pair[side]),
            { at, sites: [...names, ...streams] },
          ),
        ),
      );
      let gradients: Tensor[];
      if (method === 'eap-ig-activations') {
        gradients = names.map((site, i) => {
          const { layer, entrance } = places[i];
          const moving = track(alias(onLine(clean.site(site), corrupt.site(site), points)));
          const stream = entrance ? moving : onLine(clean.site(streams[layer]), clean.site(streams[layer]), points);
          const run = model.run([], {
            at: repeat(at, points.length),
            from: { layer, residual: stream },
            edit: (visited, value) => (visited === site ? moving : value),
          });
          const [gradient] = gradientsOf(name, run.logits, repeat(part, points.length), [moving], rules);
          return noGrad(() => mean(reshape(gradient, [points.length, part.length, length, -1]), 0));
        });
      } else {
        const run = model.run(
          part.map((pair) => pair.clean),
          { at, sites: names, edit: (site, value) => (site === 'embed' ? track(alias(value)) : value) },
        );
        gradients = gradientsOf(name, run.logits, part, names.map(run.site), rules);
      }
      return concat(
        [...dictionaries].map(([site, dictionary], i) =>
          effectsAt(dictionary, clean.site(site), corrupt.site(site), gradients[i]),
        ),
        0,
      );
    });
    (await effects.data()).forEach((effect, i) => {
      scores[i] += effect / pairs.length;
    });
    effects.dispose();
    onProgress?.({ done: Math.min(start + size, pairs.length), total: pairs.length, unit: 'pairs' });
  }
  const passes = method === 'eap-ig-activations' ? points.length * dictionaries.size : 1;
  return { sites, scores, passes };
}

function layOut(dictionaries: Dictionaries): FeatureScores['sites'] {
  let next = 0;
  return [...dictionaries].map(([site, { features }]) => {
    const first = next;
    next += features + 1;
    return { site, first, features };
  });
}

/** The values between two at each point of the line, from `other` (0) to `clean` (1): `[points * batch, positions, width]`. */
function onLine(clean: Tensor, other: Tensor, points: readonly number[]): Tensor {
  return noGrad(() =>
    concat(
      points.map((alpha) => add(mul(clean, alpha), mul(other, 1 - alpha))),
      0,
    ),
  );
}

function gradientsOf(
  name: MetricName,
  logits: Tensor,
  pairs: readonly Pair[],
  by: readonly Tensor[],
  rules: Rules | undefined,
): Tensor[] {
  const value = metric(name, logits, pairs, logits);
  return backward([{ tensor: value, seed: ones(value.shape) }], by, { rules }) as Tensor[];
}

/** Effects of a site's features, then that of its error, summed over pairs and positions: `[features + 1]`. */
function effectsAt(dictionary: FeatureDictionary, clean: Tensor, corrupt: Tensor, gradient: Tensor): Tensor {
  const f = track(noGrad(() => alias(dictionary.encode(clean))));
  const given = dictionary.decode(f);
  const [slope] = backward([{ tensor: given, seed: gradient }], [f]) as Tensor[];
  return noGrad(() => {
    const other = dictionary.encode(corrupt);
    const missed = sub(sub(corrupt, dictionary.decode(other)), sub(clean, given));
    const features = sum(mul(sub(other, f), slope), [0, 1]);
    return concat([features, reshape(sum(mul(missed, gradient)), [1])], 0);
  });
}

/** Which features and errors are kept: 1 per node of `FeatureScores`. */
export type FeatureSet = Uint8Array;

/**
 * Runs circuits of features on the clean prompts and measures them on every pair: at each site of the dictionaries what is kept is
 * computed from what stands there in this very run, every other feature or error takes its mean over the corrupted prompts, position by
 * position, as in Marks et al. 2024. Sites without a dictionary are left alone.
 *
 * @returns per circuit, per pair; a circuit of all nodes is the model
 * @throws InputError as `featureScores`
 */
export async function measureFeatureCircuits(
  model: Transformer,
  pairs: readonly Pair[],
  dictionaries: Dictionaries,
  circuits: readonly FeatureSet[],
  options: Progress & { metric?: MetricName } = {},
): Promise<Float64Array[]> {
  const { metric: name = 'logit-diff', signal, onProgress } = options;
  const length = oneLength(pairs);
  for (const site of dictionaries.keys()) placeOf(site, model);
  const sites = layOut(dictionaries);
  const at = pairs.map(() => length - 1);
  const prompts = { clean: pairs.map((p) => p.clean), corrupt: pairs.map((p) => p.corrupt) };
  const owner = new Scope();
  try {
    /** Mean values and mean errors of each site, `[1, positions, …]`, and the clean logits. */
    const { means, reference } = owner.run(() =>
      noGrad(() => {
        const run = model.run(prompts.corrupt, { at, sites: dictionaries.keys() });
        const means = new Map(
          [...dictionaries].map(([site, dictionary]) => {
            const x = run.site(site);
            const f = dictionary.encode(x);
            return [site, { f: mean(f, 0, true), error: mean(sub(x, dictionary.decode(f)), 0, true) }];
          }),
        );
        return { means, reference: model.run(prompts.clean, { at }).logits };
      }),
    );
    const results: Float64Array[] = [];
    for (const circuit of circuits) {
      signal?.throwIfAborted();
      const keeps = new Map(
        sites.map(({ site, first, features }) => [site, circuit.subarray(first, first + features + 1)]),
      );
      const values = scope(() =>
        noGrad(() => {
          const { logits } = model.run(prompts.clean, {
            at,
            edit(site, x) {
              const [dictionary, kept, other] = [dictionaries.get(site), keeps.get(site), means.get(site)];
              if (!dictionary || !kept || !other) return x;
              const f = dictionary.encode(x);
              const mask = expand(tensor(kept.subarray(0, -1), [1, 1, dictionary.features]), f.shape);
              const mixed = where(mask, f, expand(other.f, f.shape));
              const error = kept[kept.length - 1] ? sub(x, dictionary.decode(f)) : other.error;
              return add(dictionary.decode(mixed), error);
            },
          });
          return metric(name, logits, pairs, reference);
        }),
      );
      results.push(Float64Array.from(await values.data()));
      values.dispose();
      onProgress?.({ done: results.length, total: circuits.length, unit: 'circuits' });
    }
    return results;
  } finally {
    owner.dispose();
  }
}

/** How faithful the circuits of the first so many nodes by |score| are, between all nodes at their means (0) and the model (1). */
export async function featureFaithfulness(
  model: Transformer,
  pairs: readonly Pair[],
  dictionaries: Dictionaries,
  scores: Float64Array,
  sizes: readonly number[],
  options: Progress & { metric?: MetricName } = {},
): Promise<number[]> {
  const order = rankUnits(scores, 'abs');
  const circuits = [0, ...sizes, scores.length].map((n) => {
    const kept = new Uint8Array(scores.length);
    for (const node of order.slice(0, n)) kept[node] = 1;
    return kept;
  });
  const values = await measureFeatureCircuits(model, pairs, dictionaries, circuits, options);
  const [empty, ...rest] = values.map((each) => each.reduce((a, b) => a + b, 0) / each.length);
  const full = rest.pop() as number;
  return rest.map((value) => (value - empty) / (full - empty));
}
