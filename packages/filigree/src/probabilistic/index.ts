export { type GradientOptions, trainByGradient } from './adam.js';
export * as atlas from './atlas/index.js';
export { type ChowLiuOptions, chowLiuCircuit, chowLiuTree, type VariableTree } from './chow-liu.js';
export {
  CircuitBuilder,
  inputKind,
  type ProbabilisticCircuit,
  productKind,
  sumKind,
  unitCount,
} from './circuit.js';
export { type CircuitNotes, readCircuitTensors, writeCircuitFile } from './circuit-file.js';
export { type ClassPosterior, classPosterior } from './classes.js';
export { type Cnf, readCnf, satisfies, weighted } from './cnf.js';
export {
  type Compressed,
  type CompressOptions,
  compress,
  compressedHeader,
  decompress,
} from './compression/compress.js';
export type { CompressedHeader, StoredLayout } from './compression/container.js';
export { modelHash } from './compression/model-hash.js';
export { klDivergence } from './divergence.js';
export { type EmOptions, em, type Learned, type LearnMemory, type LearnOptions, type LearnState } from './em.js';
export { entropy, sampledEntropy } from './entropy.js';
export { type Flows, flows, logLikelihood, type RowOptions } from './evaluate.js';
export { type Evidence, logProbability } from './evidence.js';
export { type GrowOptions, grow } from './grow.js';
export { type HcltOptions, hclt } from './hclt.js';
export { type HmmOptions, hmm } from './hmm.js';
export { type ImageOptions, type PoonDomingosOptions, poonDomingos, quadTree } from './images.js';
export {
  drawInput,
  inputEntropy,
  inputLog,
  inputMass,
  inputMode,
  inputMoment,
  type VariableInput,
} from './input-queries.js';
export {
  bernoulli,
  binomial,
  categorical,
  gaussian,
  type InputUnit,
  indicator,
  inputTable,
  logistic,
} from './inputs.js';
export { readJpc, writeJpc } from './jpc.js';
export { type LearnSpnOptions, learnSpn } from './learn-spn.js';
export { readLearnState, writeLearnState } from './learn-state.js';
export { meanLogLikelihood } from './learner.js';
export { type MostProbable, mostProbable } from './map.js';
export { covariance, expectation, type Moments, moments } from './moments.js';
export { readNnf } from './nnf.js';
export { type PlantedTreeOptions, plantedTree } from './planted-tree.js';
export {
  checkProperties,
  type Properties,
  type PropertyName,
  requireNormalised,
  type Violation,
} from './properties.js';
export {
  type CircuitFlows,
  type DropBound,
  dropBound,
  edgeDrop,
  type Pruned,
  type PruneEdgesOptions,
  type PruneScore,
  pruneEdges,
  pruneScores,
  rowFlows,
  scoreEdges,
} from './prune.js';
export { readPsdd } from './psdd.js';
export { type RatSpnOptions, ratSpn } from './rat-spn.js';
export { type SampleOptions, sampleRows } from './sample.js';
export { readSdd } from './sdd.js';
export { smooth } from './smooth.js';
export { softEvidence } from './soft-evidence.js';
export {
  type DropoutClasses,
  type DropoutMoments,
  type DropoutOptions,
  dropoutClasses,
  dropoutMoments,
} from './tdi.js';
export { edgeFlows, edgeUse, keepMostUsed, probabilisticGraph } from './to-circuit.js';
export { checkRespects, readVtree, type Vtree } from './vtree.js';
