import type { EdgeGraph } from './graph.js';
import type { EdgeSet } from './select.js';

/** Scores of all edges, in a table over the graph's edges (zero where no edge is possible), with the metric on both prompts. */
export interface EdgeScores {
  readonly graph: EdgeGraph;
  /** Estimated change of the metric when the edge takes its counterfactual; helpful edges are negative. */
  readonly scores: Float64Array;
  /** Mean metric over the pairs on the clean and on the corrupted prompts. */
  readonly metric: { readonly clean: number; readonly corrupt: number };
}

/** What a search or a learned mask gives: the scores, and the circuit, which need not be the best of them. */
export interface FoundCircuit extends EdgeScores {
  /** The circuit, pruned. */
  readonly edges: EdgeSet;
}
