import type { Transformer } from '../nn/transformer.js';
import {
  add,
  assign,
  at,
  einsum,
  noGrad,
  permute,
  reshape,
  scope,
  slice,
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
  return scope(() =>
    noGrad(() => {
      const { heads, width } = model.config;
      const [sources, pairs, length] = counterfactual.shape;
      const count = circuits.length;
      const cut = tensor(cutTable(graph, circuits), [count, graph.destinations.length, sources]);
      const places = sourcePlaces(graph);
      // Differences y~_u - y_u of the sources that have written so far in this run.
      const differences = Tensor.allocate([count, sources, pairs, length, width]);

      /** The sum over cut edges for destinations `first ..`, `[circuits, destinations, batch, positions, width]`. */
      const correction = (first: number, n: number): Tensor => {
        const { reads } = graph.destinations[first];
        const sums = einsum(
          'cvu,cux->cvx',
          slice(slice(cut, 1, first, first + n), 2, 0, reads),
          slice(reshape(differences, [count, sources, pairs * length * width]), 1, 0, reads),
        );
        return reshape(sums, [count, n, pairs, length, width]);
      };
      const anyCut = (first: number, n: number): boolean =>
        circuits.some((kept) => {
          for (let d = first; d < first + n; d++) {
            for (let s = 0; s < graph.destinations[d].reads; s++) if (!kept[graph.index(s, d)]) return true;
          }
          return false;
        });
      const readers = new Map<string, { first: number; perHead: boolean }>();
      for (let layer = 0; layer < model.config.layers; layer++) {
        const first = graph.firstDestination(layer);
        ['q_input', 'k_input', 'v_input'].forEach((site, i) => {
          readers.set(`blocks.${layer}.${site}`, { first: first + i * heads, perHead: true });
        });
        if (model.config.mlpWidth > 0)
          readers.set(`blocks.${layer}.mlp_in`, { first: first + 3 * heads, perHead: false });
      }
      readers.set('final_in', { first: graph.destinations.length - 1, perHead: false });

      const repeat = <T>(items: readonly T[]): T[] => circuits.flatMap(() => items);
      const { logits } = model.run(repeat(batch.clean), {
        at: repeat(batch.last),
        split: true,
        results: true,
        edit(site, value) {
          const source = places.get(site);
          if (source) {
            const { first, perHead } = source;
            if (perHead) {
              const written = permute(reshape(value, [count, pairs, length, heads, width]), [0, 3, 1, 2, 4]);
              const change = sub(slice(counterfactual, 0, first, first + heads), written);
              assign(slice(differences, 1, first, first + heads), change);
            } else {
              const written = reshape(value, [count, pairs, length, width]);
              assign(at(differences, 1, first), sub(at(counterfactual, 0, first), written));
            }
          }
          const reader = readers.get(site);
          if (!reader || !anyCut(reader.first, reader.perHead ? heads : 1)) return value;
          if (reader.perHead) {
            const sums = permute(correction(reader.first, heads), [0, 2, 3, 1, 4]);
            const copies = reshape(value, [count, pairs, length, heads, width]);
            return reshape(add(copies, sums), value.shape);
          }
          return add(value, reshape(correction(reader.first, 1), value.shape));
        },
      });
      return reshape(logits, [count, pairs, -1]);
    }),
  );
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
