import { EdgeGraph, type EdgeSet, measureCircuits, plantedInduction, Random } from 'filigree';
import type { Row, Stages } from '../claim.js';

/** Stages of `overlapIsNotFaithfulness`. */
export const overlapStages = 1;

/** Edges beside the five true ones. */
const fillers = 7;
const pairCount = 64;

/** The edges by which circuits differ: the key's way into the induction head goes to its query instead. */
const swap = { from: 'a0.h0->a1.h0<k>', to: 'a0.h0->a1.h0<q>' };

/**
 * Two changes of one circuit (the true edges and some others) with the same overlap: one true edge for an idle one between the same
 * nodes, one idle edge for another. Overlap cannot tell them apart, faithfulness can. Unpruned, so that sizes stay equal.
 */
export async function overlapIsNotFaithfulness(seed: number, stages: Stages): Promise<Row[]> {
  const setting = 'planted, circuits of equal size';
  const { model, truth, pairs } = plantedInduction({ beta: 12, seed });
  try {
    const data = pairs(pairCount, seed);
    const graph = new EdgeGraph(model.config);
    const idle = [...graph.places()].map((p) => graph.edgeName(p)).filter((e) => !truth.has(e) && e !== swap.to);
    const others = new Random(seed)
      .fork('fillers')
      .shuffle(idle)
      .slice(0, fillers + 1);
    const base = new Set([...truth, ...others.slice(0, fillers)]);
    const swapped = (out: string, into: string): Set<string> => new Set([...base].map((e) => (e === out ? into : e)));
    const circuits: [string, Set<string>][] = [
      ['true edges and others', base],
      ['true edges swapped', swapped(swap.from, swap.to)],
      ['other edges swapped', swapped(others[0], others[fillers])],
    ];
    const sets = [new Set<string>(), ...circuits.map(([, edges]) => edges)].map((edges) => edgeSet(graph, edges));
    const measured = await stages.run((o) => measureCircuits(model, graph, data, sets, o));
    const mean = (x: Float64Array): number => x.reduce((a, b) => a + b, 0) / x.length;
    const [empty, ...values] = measured.circuits.map(mean);
    const faithfulness = values.map((m) => (m - empty) / (mean(measured.clean) - empty));
    return circuits.map(([method, edges], i) => ({
      setting,
      method,
      figures: {
        edges: edges.size,
        IoU: overlap(edges, base),
        'node recall': recall(nodesOf(truth), nodesOf(edges)),
        f: faithfulness[i],
        'change of f': faithfulness[i] - faithfulness[0],
      },
      seed,
    }));
  } finally {
    model.dispose();
  }
}

function edgeSet(graph: EdgeGraph, names: ReadonlySet<string>): EdgeSet {
  const edges = new Uint8Array(graph.tableSize);
  for (const place of graph.places()) if (names.has(graph.edgeName(place))) edges[place] = 1;
  return edges;
}

/** Components at either end of the edges. */
function nodesOf(edges: ReadonlySet<string>): Set<string> {
  return new Set([...edges].flatMap((edge) => edge.replace(/<.>$/, '').split('->')));
}

const shared = (a: ReadonlySet<string>, b: ReadonlySet<string>): number => [...a].filter((x) => b.has(x)).length;
const recall = (truth: ReadonlySet<string>, found: ReadonlySet<string>): number => shared(truth, found) / truth.size;
const overlap = (a: ReadonlySet<string>, b: ReadonlySet<string>): number =>
  shared(a, b) / (a.size + b.size - shared(a, b));
