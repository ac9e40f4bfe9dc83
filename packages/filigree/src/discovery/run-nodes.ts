import type { Transformer } from '../nn/transformer.js';
import { expand, noGrad, permute, reshape, scope, slice, type Tensor, tensor, where } from '../tensor/index.js';
import type { EdgeGraph } from './graph.js';
import { type Batch, sourcePlaces } from './sources.js';

/** Which nodes or neurons belong to a circuit: 1 per kept feature of each source, `[sources, width]`. */
export type NodeSet = Uint8Array;

/**
 * Runs the model on the clean prompts with features of its sources replaced: what is kept writes what it computes in this very run,
 * every other feature its counterfactual, for all that read it. To cut a whole node is to cut all edges out of it. Several circuits go
 * through as one batch.
 *
 * @param counterfactual `[sources, batch, positions, width]`
 * @returns logits at the pairs' last positions, `[circuits, batch, vocabulary]`
 */
export function runNodes(
  model: Transformer,
  graph: EdgeGraph,
  batch: Batch,
  counterfactual: Tensor,
  circuits: readonly NodeSet[],
): Tensor {
  return scope(() =>
    noGrad(() => {
      const { width } = model.config;
      const [sources, pairs, length] = counterfactual.shape;
      const count = circuits.length;
      const table = new Float32Array(count * sources * width);
      circuits.forEach((kept, c) => {
        table.set(kept, c * sources * width);
      });
      const kept = tensor(table, [count, sources, 1, 1, width]);
      const places = sourcePlaces(graph);
      const repeat = <T>(items: readonly T[]): T[] => circuits.flatMap(() => items);
      const { logits } = model.run(repeat(batch.clean), {
        at: repeat(batch.last),
        cache: batch.past,
        results: true,
        edit(site, value) {
          const place = places.get(site);
          if (!place) return value;
          const n = place.perHead ? model.config.heads : 1;
          // Heads stand before positions in tables of sources, and after them in the run.
          const written = permute(reshape(value, [count, pairs, length, n, width]), [0, 3, 1, 2, 4]);
          const other = reshape(slice(counterfactual, 0, place.first, place.first + n), [1, n, pairs, length, width]);
          const mask = expand(slice(kept, 1, place.first, place.first + n), written.shape);
          const mixed = where(mask, written, other);
          return reshape(permute(mixed, [0, 2, 3, 1, 4]), value.shape);
        },
      });
      return reshape(logits, [count, pairs, -1]);
    }),
  );
}
