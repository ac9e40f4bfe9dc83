export { type AcdcOptions, acdc } from './acdc.js';
export { defaultMemory, type Progress } from './batches.js';
export { pearson, rocAuc } from './compare.js';
export { eap } from './eap.js';
export { type AttributionOptions, eapIg, type IntegrationRule } from './eap-ig.js';
export { type EdgePruningOptions, edgePruning } from './edge-pruning.js';
export {
  type Evaluation,
  type EvaluationOptions,
  evaluateCircuit,
  evaluateScores,
  fractions,
  type Measured,
  measureCircuits,
} from './evaluate.js';
export { type ExactOptions, exactPatching } from './exact.js';
export { EdgeGraph } from './graph.js';
export type { MaskOptions } from './learn-mask.js';
export { type MetricName, metric, metricNames, parseMetric } from './metric.js';
export { runCircuits } from './run-circuit.js';
export type { EdgeScores, FoundCircuit } from './scores.js';
export { readScores, type ScoresFile, scoresFile } from './scores-file.js';
export {
  complement,
  countEdges,
  type EdgeSet,
  prune,
  type Ranking,
  rank,
  selectThreshold,
  selectTop,
} from './select.js';
export { fromCircuit, toCircuit } from './to-circuit.js';
export { type UgsOptions, ugs } from './ugs.js';
