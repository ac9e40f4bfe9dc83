import { InputError } from '../errors.js';
import type { TransformerConfig } from '../nn/config.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { add, concat, expand, mul, noGrad, reshape, Scope, sum, type Tensor, tensor } from '../tensor/index.js';
import { bytesPerRun, defaultMemory, type Progress, planBatches } from './batches.js';
import { EdgeGraph } from './graph.js';
import { type MetricName, metric } from './metric.js';
import { oneLength } from './positions.js';
import { readValues } from './read-values.js';
import { type Batch, makeBatch } from './sources.js';

/** Sites with one vector a position: the residual stream and what is written into it. */
export const streamSites = ['resid_pre', 'resid_mid', 'resid_post', 'attn_out', 'mlp_out'] as const;
/** Sites that heads have of their own: outputs before the output map, queries, keys, values, and rows of the pattern. */
export const headSites = ['z', 'q', 'k', 'v', 'pattern'] as const;
export type PatchSite = (typeof streamSites)[number] | (typeof headSites)[number];

/** `noising` runs the clean prompt and patches in corrupted values, `denoising` the other way round. */
export type PatchDirection = 'noising' | 'denoising';

export interface PatchOptions extends Progress {
  metric?: MetricName;
  direction?: PatchDirection;
  /** One run for each position instead of one for all; on by default where a site has no heads. */
  byPosition?: boolean;
  /** Bytes that activations may take; batches are split to fit. */
  memory?: number;
}

/** What patching a site does. The tables are `[layers, heads, positions]`, row-major. */
export interface PatchMap {
  readonly site: PatchSite;
  readonly direction: PatchDirection;
  readonly layers: number;
  /** 1 where the site has no heads. */
  readonly heads: number;
  /** 1 where all positions are patched together. */
  readonly positions: number;
  /** The metric of the patched run, averaged over pairs. */
  readonly metrics: Float64Array;
  /** `(metric - clean) / (corrupt - clean)`: 0 as on the clean prompt, 1 as on the corrupted one; not finite where the two agree. */
  readonly effects: Float64Array;
  /** The metric of whole runs, averaged over pairs. */
  readonly metric: { readonly clean: number; readonly corrupt: number };
}

/** Runs that go together: enough to fill the products, few enough to fit. */
const runsAtOnce = 32;

/**
 * Activation patching (Vig et al. 2020, "Investigating Gender Bias in Language Models Using Causal Mediation Analysis"; Meng et
 * al. 2022; both directions as in Heimersheim and Nanda 2024, "How to use and interpret activation patching"): the metric of a
 * run of one prompt in which one activation takes the value that it has on the other prompt,
 *
 *     effect(site, layer, head, position) = (m(run | site <- other prompt's) - m(clean)) / (m(corrupt) - m(clean))
 *
 * a ratio of means over pairs. Every cell costs a forward pass from its layer on; cells of a layer run as batches.
 *
 * @throws InputError for pairs that the model cannot read, for positions of pairs that differ in length (see `alignedPairs`), and
 * for `mlp_out` in a model without MLPs or `resid_mid` in one of parallel blocks.
 */
export async function patchActivations(
  model: Transformer,
  pairs: readonly Pair[],
  site: PatchSite,
  options: PatchOptions = {},
): Promise<PatchMap> {
  const { config } = model;
  const perHead = isHeadSite(site);
  const { metric: name = 'logit-diff', direction = 'noising', byPosition = !perHead, memory = defaultMemory } = options;
  if (site === 'mlp_out' && config.mlpWidth === 0) throw new InputError('The model has no MLPs, so no mlp_out.');
  if (site === 'resid_mid' && config.parallel) {
    throw new InputError(
      'The blocks of the model are parallel: MLPs do not read what heads add, and there is no resid_mid.',
    );
  }
  const parts = [...planBatches(config, new EdgeGraph(config), pairs, 1, memory / 2)([1])].map((part) => part.pairs);
  const positions = byPosition ? oneLength(pairs) : 1;
  const heads = perHead ? config.heads : 1;
  const cells = heads * positions;
  const metrics = new Float64Array(config.layers * cells);
  let [clean, corrupt, done] = [0, 0, 0];
  const total = metrics.length * pairs.length;
  for (const part of parts) {
    const batch = makeBatch(part);
    const state = new Scope();
    try {
      const runs = state.run(() => noGrad(() => bothRuns(model, batch, site, direction)));
      const totalOf = async (logits: Tensor): Promise<number> =>
        (await readValues(() => sum(metric(name, logits, part, runs.clean))))[0];
      clean += await totalOf(runs.clean);
      corrupt += await totalOf(runs.corrupt);
      const longest = Math.max(...part.map((pair) => pair.clean.length));
      const room = Math.floor(memory / 2 / (bytesPerRun(config, longest) * part.length));
      const atOnce = Math.max(1, Math.min(runsAtOnce, room));
      for (let layer = 0; layer < config.layers; layer++) {
        for (let first = 0; first < cells; first += atOnce) {
          options.signal?.throwIfAborted();
          const chosen = Array.from({ length: Math.min(atOnce, cells - first) }, (_, i): Cell => {
            const [head, position] = [Math.floor((first + i) / positions), (first + i) % positions];
            return { head: perHead ? head : undefined, position: byPosition ? position : undefined };
          });
          const values = await readValues(() => {
            const logits = patchedLogits(model, batch, runs, site, layer, chosen);
            const reference = concat(
              chosen.map(() => runs.clean),
              0,
            );
            const each = metric(
              name,
              logits,
              chosen.flatMap(() => part),
              reference,
            );
            return sum(reshape(each, [chosen.length, part.length]), 1);
          });
          values.forEach((value, i) => {
            metrics[layer * cells + first + i] += value / pairs.length;
          });
          done += chosen.length * part.length;
          options.onProgress?.({ done, total, unit: 'runs' });
        }
      }
    } finally {
      state.dispose();
    }
  }
  const whole = { clean: clean / pairs.length, corrupt: corrupt / pairs.length };
  const effects = metrics.map((value) => (value - whole.clean) / (whole.corrupt - whole.clean));
  return { site, direction, layers: config.layers, heads, positions, metrics, effects, metric: whole };
}

/** What is patched: one head or all, one position or all. */
interface Cell {
  readonly head: number | undefined;
  readonly position: number | undefined;
}

/** What patched runs begin with and what they take over. */
interface Runs {
  /** Logits of the whole runs, `[pairs, vocabulary]`. */
  readonly clean: Tensor;
  readonly corrupt: Tensor;
  /** By layer, and after the last: the residual stream of the prompt that is run. */
  readonly entrances: readonly Tensor[];
  /** By layer: the site's values on the other prompt. */
  readonly others: readonly Tensor[];
}

export const isHeadSite = (site: PatchSite): boolean => headSites.some((known) => known === site);

/** The layer from which a run has to go on for a patched site, and the site's name. The stream after a layer is that before the next. */
function placeOf(config: TransformerConfig, site: PatchSite, layer: number): { from: number; name: string } {
  if (site === 'resid_post') return { from: layer + 1, name: entranceOf(config, layer + 1) };
  return { from: layer, name: `blocks.${layer}.${isHeadSite(site) ? `attn.${site}` : site}` };
}

const entranceOf = (config: TransformerConfig, layer: number): string =>
  layer < config.layers ? `blocks.${layer}.resid_pre` : 'final_in';

function bothRuns(model: Transformer, batch: Batch, site: PatchSite, direction: PatchDirection): Runs {
  const { config } = model;
  const entrances = Array.from({ length: config.layers + 1 }, (_, l) => entranceOf(config, l));
  const places = Array.from({ length: config.layers }, (_, l) => placeOf(config, site, l).name);
  const noising = direction === 'noising';
  // Keys and values that heads share are patched head by head too.
  const common = { at: batch.last, ungroup: true };
  const own = model.run(noising ? batch.clean : batch.corrupt, { ...common, sites: entrances });
  const other = model.run(noising ? batch.corrupt : batch.clean, { ...common, sites: places });
  return {
    clean: noising ? own.logits : other.logits,
    corrupt: noising ? other.logits : own.logits,
    entrances: entrances.map(own.site),
    others: places.map(other.site),
  };
}

/** Logits of one run for each cell and pair, `[cells * pairs, vocabulary]`. */
function patchedLogits(
  model: Transformer,
  batch: Batch,
  runs: Runs,
  site: PatchSite,
  layer: number,
  cells: readonly Cell[],
): Tensor {
  const { from, name } = placeOf(model.config, site, layer);
  const entrance = runs.entrances[from];
  const other = runs.others[layer];
  const shape = [cells.length, ...entrance.shape];
  const residual = reshape(expand(reshape(entrance, [1, ...entrance.shape]), shape), [-1, ...entrance.shape.slice(1)]);
  const taken = maskOf(site, cells, other, 1);
  const left = maskOf(site, cells, other, 0);
  return model.run([], {
    from: { layer: from, residual },
    at: cells.flatMap(() => batch.last),
    ungroup: true,
    edit(visited, value) {
      if (visited !== name) return value;
      const byCell = reshape(value, [cells.length, ...other.shape]);
      return reshape(add(mul(byCell, left), mul(reshape(other, [1, ...other.shape]), taken)), value.shape);
    },
  }).logits;
}

/** `[cells, 1, …axes of positions and heads…, 1]`: `inside` at what a cell patches, 1 - `inside` elsewhere. */
function maskOf(site: PatchSite, cells: readonly Cell[], { shape, device }: Tensor, inside: 0 | 1): Tensor {
  const [, a, b] = shape;
  // Axes after the batch: positions alone, positions and heads, or heads and (attending) positions.
  const [heads, positions] = !isHeadSite(site) ? [1, a] : site === 'pattern' ? [a, b] : [b, a];
  const mask = new Float32Array(cells.length * heads * positions).fill(1 - inside);
  cells.forEach((cell, c) => {
    for (let h = 0; h < heads; h++) {
      for (let t = 0; t < positions; t++) {
        if ((cell.head ?? h) !== h || (cell.position ?? t) !== t) continue;
        mask[c * heads * positions + (site === 'pattern' ? h * positions + t : t * heads + h)] = inside;
      }
    }
  });
  const axes = !isHeadSite(site) ? [positions] : [a, b];
  return tensor(mask, [cells.length, 1, ...axes, 1], undefined, device);
}
