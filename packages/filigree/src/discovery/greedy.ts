import type { EdgeGraph } from './graph.js';
import { type EdgeSet, type Ranking, worthOf } from './select.js';

/** Where a greedy circuit starts: at the logits, growing towards the input, or the other way round. */
export type GreedyDirection = 'greedy' | 'greedy-reverse';

/**
 * Grows a circuit edge by edge (Hanna, Pezzelle, Belinkov 2024). Open at first are the edges into the logits; the most important open
 * edge is taken, and if its source is new, the edges into that source open, those into a head's queries, keys and values alike; until
 * `n` edges are taken or none is open. So every edge leads to the logits. `greedy-reverse` starts with the edges out of the input and
 * opens those out of each new node, so that every edge comes from the input. Equally important edges by place.
 */
export function selectGreedy(
  graph: EdgeGraph,
  scores: ArrayLike<number>,
  n: number,
  options: { ranking?: Ranking; direction?: GreedyDirection } = {},
): EdgeSet {
  const { ranking = 'abs', direction = 'greedy' } = options;
  const worth = worthOf(scores, ranking);
  const kept = new Uint8Array(graph.tableSize);
  const open = new Heap((a, b) => worth(a) > worth(b) || (worth(a) === worth(b) && a < b));
  const writers = graph.destinations.map((d) => graph.writerOf(d));
  /** Opens the edges into the component that writes as a source; -1 stands for the logits. */
  const openInto = (component: number): void => {
    graph.destinations.forEach((destination, d) => {
      if (writers[d] !== component) return;
      for (let s = 0; s < destination.reads; s++) open.push(graph.index(s, d));
    });
  };
  const openOutOf = (source: number): void => {
    for (let d = 0; d < writers.length; d++) if (graph.possible(source, d)) open.push(graph.index(source, d));
  };
  const forward = direction === 'greedy-reverse';
  const seen = new Set([forward ? 0 : -1]);
  if (forward) openOutOf(0);
  else openInto(-1);
  for (let taken = 0; taken < n; taken++) {
    const place = open.pop();
    if (place === undefined) break;
    kept[place] = 1;
    const { source, destination } = graph.ends(place);
    const node = forward ? writers[destination] : source;
    if (seen.has(node)) continue;
    seen.add(node);
    if (!forward) openInto(node);
    else if (node >= 0) openOutOf(node);
  }
  return kept;
}

/** A binary heap of places; `before` says which of two comes first. */
class Heap {
  private readonly items: number[] = [];

  constructor(private readonly before: (a: number, b: number) => boolean) {}

  push(item: number): void {
    const { items } = this;
    let i = items.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.before(item, items[parent])) break;
      items[i] = items[parent];
      i = parent;
    }
    items[i] = item;
  }

  pop(): number | undefined {
    const { items } = this;
    const first = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child + 1 < items.length && this.before(items[child + 1], items[child])) child++;
      if (child >= items.length || !this.before(items[child], last)) break;
      items[i] = items[child];
      i = child;
    }
    items[i] = last;
    return first;
  }
}
