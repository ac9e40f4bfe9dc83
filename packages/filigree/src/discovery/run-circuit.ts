import type { Transformer } from '../nn/transformer.js';
import {
  add,
  assign,
  custom,
  einsum,
  neg,
  noGrad,
  permute,
  reshape,
  scope,
  slice,
  stopGradient,
  sub,
  Tensor,
  tensor,
} from '../tensor/index.js';
import type { EdgeGraph } from './graph.js';
import type { EdgeSet } from './select.js';
import { type Batch, sourcePlaces } from './sources.js';

/**
 * Runs the model on the clean prompts with only the kept edges of each circuit in place: a destination's input becomes
 *
 *     x_v + sum over cut edges u -> v of (y~_u - y_u)
 *
 * where y_u is what source u writes in this very run and y~_u its counterfactual, so cut edges carry counterfactuals and kept ones
 * what the circuit computes; norms are recomputed. Several circuits go through as one batch.
 *
 * @param counterfactual what the sources write instead, `[sources, batch, positions, width]`
 * @returns logits at the pairs' last positions, `[circuits, batch, vocabulary]`
 */
export function runCircuits(
  model: Transformer,
  graph: EdgeGraph,
  batch: Batch,
  counterfactual: Tensor,
  circuits: readonly EdgeSet[],
): Tensor {
  const shape = [circuits.length, graph.destinations.length, graph.sources.length];
  const anyCut = graph.destinations.map(({ reads }, d) =>
    circuits.some((kept) => {
      for (let s = 0; s < reads; s++) if (!kept[graph.index(s, d)]) return true;
      return false;
    }),
  );
  return scope(() =>
    noGrad(() => {
      const cut = tensor(cutTable(graph, circuits), shape);
      return runCut(model, graph, batch, counterfactual, cut, (destination) => anyCut[destination]);
    }),
  );
}

/** What one component wrote in a run: the sources `first .. first + count - 1`, as the site's tensor. */
interface Written {
  readonly first: number;
  readonly count: number;
  readonly value: Tensor;
}

/**
 * The same run with edges cut in part: a destination's input becomes x_v + sum_u cut_uv (y~_u - y_u), that is
 * sum_u (1 - cut_uv) y_u + cut_uv y~_u. Differentiable in `cut`, through everything downstream; nothing is freed, so call it in
 * a scope.
 *
 * @param counterfactual what the sources write instead, `[sources, batch, positions, width]`
 * @param cut share of each edge that is cut, `[circuits, destinations, sources]`, or `[circuits, batch, destinations, sources]`
 *   where each pair has shares of its own; impossible edges are not read
 * @param anyCut destinations into which nothing is cut need no correction; by default all may be cut
 * @returns logits at the pairs' last positions, `[circuits, batch, vocabulary]`
 */
export function runCut(
  model: Transformer,
  graph: EdgeGraph,
  batch: Batch,
  counterfactual: Tensor,
  cut: Tensor,
  anyCut: (destination: number) => boolean = () => true,
): Tensor {
  const { heads, width } = model.config;
  const [sources, pairs, length] = counterfactual.shape;
  const [count] = cut.shape;
  const places = sourcePlaces(graph);
  const readers = readerPlaces(graph);
  // Differences y~_u - y_u of the sources that have written so far in this run; later sources only add rows.
  const differences = Tensor.allocate([count, sources, pairs, length, width]);
  const written: Written[] = [];

  const keep = (first: number, perHead: boolean, value: Tensor): void => {
    const n = perHead ? heads : 1;
    written.push({ first, count: n, value });
    noGrad(() => {
      const own = permute(reshape(value, [count, pairs, length, n, width]), [0, 3, 1, 2, 4]);
      assign(slice(differences, 1, first, first + n), sub(slice(counterfactual, 0, first, first + n), own));
    });
  };
  const edit = (site: string, value: Tensor): Tensor => {
    const source = places.get(site);
    if (source) keep(source.first, source.perHead, value);
    const reader = readers.get(site);
    if (!reader) return value;
    const { first, perHead } = reader;
    const n = perHead ? heads : 1;
    if (!Array.from({ length: n }, (_, i) => anyCut(first + i)).includes(true)) return value;
    const { reads } = graph.destinations[first];
    const shares = slice(slice(cut, -2, first, first + n), -1, 0, reads);
    // The MLP of a parallel block does not read what its layer's heads have written by now.
    const read = written.filter((w) => w.first < reads);
    const sums = weigh(shares, slice(differences, 1, 0, reads), read);
    if (!perHead) return add(value, reshape(sums, value.shape));
    const copies = reshape(value, [count, pairs, length, heads, width]);
    return reshape(add(copies, permute(sums, [0, 2, 3, 1, 4])), value.shape);
  };
  const repeat = <T>(items: readonly T[]): T[] => Array.from({ length: count }, () => items).flat();
  const { logits } = model.run(repeat(batch.clean), {
    at: repeat(batch.last),
    cache: batch.past,
    split: true,
    results: true,
    edit,
  });
  return reshape(logits, [count, pairs, -1]);
}

/**
 * The corrections of destinations, `[circuits, destinations, batch, positions, width]`: the sources' differences weighed by the
 * shares that are cut. An operation of its own, so that the table of differences, which the run fills in place, is kept once
 * for all destinations and yet passes gradients on to what was written.
 */
function weigh(shares: Tensor, differences: Tensor, written: readonly Written[]): Tensor {
  const [circuits, , pairs, length, width] = differences.shape;
  const perPair = shares.shape.length === 4;
  const destinations = shares.shape[shares.shape.length - 2];
  const flat = (x: Tensor): Tensor =>
    reshape(x, [circuits, x.shape[1], ...(perPair ? [pairs, length * width] : [pairs * length * width])]);
  const spec = perPair
    ? { sums: 'cpvu,cupx->cvpx', shares: 'cvpx,cupx->cpvu', written: 'cpvu,cvpx->cupx' }
    : { sums: 'cvu,cux->cvx', shares: 'cvx,cux->cvu', written: 'cvu,cvx->cux' };
  const values = stopGradient(shares);
  return custom({
    name: 'weigh',
    inputs: [shares, ...written.map((w) => w.value)],
    forward: () =>
      reshape(einsum(spec.sums, values, flat(differences)), [circuits, destinations, pairs, length, width]),
    backward(gradient) {
      const g = flat(gradient);
      const toWritten = ({ first, count, value }: Written): Tensor | null => {
        if (!value.tracked) return null;
        const part = neg(einsum(spec.written, slice(values, -1, first, first + count), g));
        const bySource = reshape(part, [circuits, count, pairs, length, width]);
        return reshape(permute(bySource, [0, 2, 3, 1, 4]), value.shape);
      };
      return [shares.tracked ? einsum(spec.shares, g, flat(differences)) : null, ...written.map(toWritten)];
    },
  });
}

/** Which destinations a site's value is read by: per head the `heads` from `first` on, else one. */
function readerPlaces(graph: EdgeGraph): Map<string, { first: number; perHead: boolean }> {
  const { layers, heads, mlpWidth } = graph.config;
  const readers = new Map([['final_in', { first: graph.destinations.length - 1, perHead: false }]]);
  for (let layer = 0; layer < layers; layer++) {
    const first = graph.firstDestination(layer);
    ['q_input', 'k_input', 'v_input'].forEach((site, i) => {
      readers.set(`blocks.${layer}.${site}`, { first: first + i * heads, perHead: true });
    });
    if (mlpWidth > 0) readers.set(`blocks.${layer}.mlp_in`, { first: first + 3 * heads, perHead: false });
  }
  return readers;
}

/** 1 where an edge is cut, `[circuits, destinations, sources]`; impossible edges are 0. */
function cutTable(graph: EdgeGraph, circuits: readonly EdgeSet[]): Float32Array {
  const { sources, destinations } = graph;
  const table = new Float32Array(circuits.length * destinations.length * sources.length);
  circuits.forEach((kept, c) => {
    for (const place of graph.places()) {
      const { source, destination } = graph.ends(place);
      if (!kept[place]) table[(c * destinations.length + destination) * sources.length + source] = 1;
    }
  });
  return table;
}
