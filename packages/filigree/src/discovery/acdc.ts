import { InputError } from '../errors.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { measureCircuits } from './evaluate.js';
import { EdgeGraph } from './graph.js';
import type { MeasureOptions } from './measure.js';
import type { FoundCircuit } from './scores.js';
import { type EdgeSet, prune } from './select.js';

export interface AcdcSearchOptions extends MeasureOptions {
  /** Loss of the metric below which an edge is cut, in the metric's unit: nats for `kl`. */
  tau?: number;
}

/** Most circuits that are tried in one go. */
const mostAhead = 16;

/**
 * Automatic circuit discovery (Conmy, Mavor-Parker, Lynch, Heimersheim, Garriga-Alonso 2023, "Towards Automated Circuit Discovery
 * for Mechanistic Interpretability"): from the full graph, destinations are visited from the output back, their sources latest
 * first, and an edge u -> v is cut for good if
 *
 *     m(C) - m(C without u -> v) < tau
 *
 * with C what is left so far, cut edges carrying what the ablation says (by default their corrupted values); what then lies on no path is pruned. The metric m is
 * `kl` unless asked otherwise: minus KL(full model || circuit), so the left side is the divergence that the cut adds. The
 * score of an edge is m(C without it) - m(C) when its turn came: kept edges have at most -tau, but the scores of two edges
 * belong to different circuits.
 *
 * Decisions are made one after another, but circuits for the next edges are run together on the guess that all of these will
 * be cut, as most edges are; what follows a wrong guess is run again. An edge into a component that no kept edge leaves costs
 * no run (but in models with post-norms, whose heads of a layer share the norm's scale).
 *
 * @throws InputError when tau is not a positive number, and for pairs that the model cannot read
 */
export async function acdc(
  model: Transformer,
  pairs: readonly Pair[],
  options: AcdcSearchOptions = {},
): Promise<FoundCircuit> {
  const { tau = 0.01, metric = 'kl', ablation, memory, signal, onProgress } = options;
  if (!(tau > 0 && Number.isFinite(tau))) throw new InputError(`tau must be a positive number, not ${tau}.`);
  if (pairs.length === 0) throw new InputError('There are no pairs to run on.');
  const graph = new EdgeGraph(model.config);
  const measure = (circuits: readonly EdgeSet[]) =>
    measureCircuits(model, graph, pairs, circuits, { metric, ablation, memory, signal });
  const scores = new Float64Array(graph.tableSize);
  const kept: EdgeSet = new Uint8Array(graph.tableSize);
  for (const place of graph.places()) kept[place] = 1;
  const order = visits(graph);
  const { clean, corrupt, circuits: full } = await measure([kept]);
  let current = mean(full[0]);
  let ahead = 1;
  for (let next = 0; next < order.length; ) {
    const guesses = guess(graph, kept, order, next, ahead, !model.config.postNorms);
    const trials = guesses.flatMap(({ circuit }) => circuit ?? []);
    const values = trials.length > 0 ? (await measure(trials)).circuits.map(mean) : [];
    let right = true;
    let run = 0;
    for (const { place, circuit } of guesses) {
      const value = circuit ? values[run++] : current;
      scores[place] = value - current;
      next++;
      right = current - value < tau;
      if (!right) break;
      kept[place] = 0;
      current = value;
    }
    ahead = right ? Math.min(mostAhead, 2 * ahead) : Math.max(1, ahead >> 1);
    onProgress?.({ done: next, total: order.length, unit: 'edges' });
  }
  return { graph, scores, metric: { clean: mean(clean), corrupt: mean(corrupt) }, edges: prune(graph, kept) };
}

/** Places of all edges in the order of the search. */
function visits(graph: EdgeGraph): number[] {
  const order: number[] = [];
  for (let d = graph.destinations.length - 1; d >= 0; d--) {
    for (let s = graph.destinations[d].reads - 1; s >= 0; s--) order.push(graph.index(s, d));
  }
  return order;
}

/**
 * The next edges, each with the circuit that is left if it and all guessed before it are cut, or, with `skip`, without one where
 * the cut cannot matter. At most `ahead` circuits.
 */
function guess(
  graph: EdgeGraph,
  kept: EdgeSet,
  order: readonly number[],
  next: number,
  ahead: number,
  skip: boolean,
): { place: number; circuit?: EdgeSet }[] {
  const guesses: { place: number; circuit?: EdgeSet }[] = [];
  const trial = Uint8Array.from(kept);
  for (let i = next, runs = 0; i < order.length && runs < ahead; i++) {
    const place = order[i];
    trial[place] = 0;
    const writer = graph.writerOf(graph.destinations[graph.ends(place).destination]);
    const used = !skip || writer < 0 || graph.destinations.some((_, d) => trial[graph.index(writer, d)] === 1);
    guesses.push(used ? { place, circuit: Uint8Array.from(trial) } : { place });
    if (used) runs++;
  }
  return guesses;
}

const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
