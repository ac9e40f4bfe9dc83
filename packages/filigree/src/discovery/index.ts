export { type Ablation, type AblationName, type AblationOptions, ablationNames, makeAblation } from './ablation.js';
export { type AcdcSearchOptions, acdc } from './acdc.js';
export { type AcdcOptions, acdcEdgesText, readAcdcEdges } from './acdc-edges.js';
export {
  attentionPatterns,
  type HeadPatterns,
  type HeadScoreName,
  type HeadScores,
  headScoreNames,
  headScores,
  type RepeatedTokensOptions,
  repeatedRandomTokens,
} from './attention-scores.js';
export type { EstimateOptions } from './attribute.js';
export { defaultMemory, type Progress } from './batches.js';
export {
  causalHeadGating,
  type GateModularity,
  gatedNll,
  gateGradients,
  gateModularity,
  type HeadGating,
  type HeadGatingOptions,
} from './causal-head-gating.js';
export {
  binarisedMargins,
  type Levels,
  levelsOf,
  nonsensePairs,
  resampledMargins,
  sameSupport,
  twoMeans,
} from './channel-checks.js';
export { channelCircuit } from './channel-circuit.js';
export {
  type ChannelSearch,
  type ChannelSearchOptions,
  type FoundChannels,
  type MaskSettings,
  searchChannels,
} from './channel-search.js';
export {
  type ChannelFamily,
  type ChannelGroup,
  type ChannelModel,
  ChannelSpace,
  channelFamilies,
  channelModel,
  constantValues,
  type LeftOut,
  runChannels,
} from './channels.js';
export { type CircuitFileKind, readCircuitFile } from './circuit-files.js';
export { cleanCorrupted } from './clean-corrupted.js';
export { ClusteringHead } from './clustering-heads.js';
export { clusterRatio, positionEffects } from './clustering-measures.js';
export { type ClusteringTrainingOptions, trainClusteringHead } from './clustering-training.js';
export { pearson, rocAuc } from './compare.js';
export { type CircuitComparison, compareCircuits, type EdgeOverlap, type Overlap } from './compare-circuits.js';
export { type DirectLogits, directByLayer, directLogits } from './direct-logit.js';
export { eap } from './eap.js';
export { type AttributionOptions, eapIg, type IntegrationRule } from './eap-ig.js';
export { eapIgActivations } from './eap-ig-activations.js';
export type { Sign } from './edge-names.js';
export { type EdgePruningOptions, edgePruning } from './edge-pruning.js';
export {
  type Evaluation,
  type EvaluationOptions,
  evaluateCircuit,
  evaluateScores,
  measureCircuits,
} from './evaluate.js';
export {
  evaluateNodeScores,
  evaluateNodes,
  exactNodes,
  measureNodes,
  type NodeEvaluation,
  type NodeEvaluationOptions,
  selectNodes,
  weightedEdges,
} from './evaluate-nodes.js';
export { type ExactOptions, exactPatching } from './exact.js';
export { type ChannelExamination, examineChannels } from './examine-channels.js';
export {
  type Dictionaries,
  type FeatureDictionary,
  type FeatureMethod,
  type FeatureScoreOptions,
  type FeatureScores,
  type FeatureSet,
  featureFaithfulness,
  featureMethods,
  featureScores,
  identityDictionary,
  measureFeatureCircuits,
} from './feature-circuits.js';
export { EdgeGraph } from './graph.js';
export { type GreedyDirection, selectGreedy } from './greedy.js';
export { fractions } from './judge.js';
export type { MaskOptions } from './learn-mask.js';
export {
  type Lens,
  type LensCell,
  type LensCurve,
  type LensOptions,
  type LensToken,
  lensCurve,
  lensRows,
  logitLens,
} from './lens.js';
export type { Measured, MeasureOptions } from './measure.js';
export { type MetricName, metric, metricNames, parseMetric } from './metric.js';
export { type MibOptions, mibGraphText, readMibGraph } from './mib-graph.js';
export { type AdditionData, additionData, type ModularAddition, sparseParity } from './modular-addition.js';
export {
  channelGradients,
  cutChannels,
  judgeChannels,
  learnChannelMask,
  type NodePruningOptions,
  nodePruningDefaults,
  type PrunedChannels,
  targetLoss,
} from './node-pruning.js';
export {
  type NodeLevel,
  type NodeMethod,
  type NodeScoreOptions,
  type NodeScores,
  nodeMethods,
  nodeScores,
} from './node-scores.js';
export { type NodeScoresFile, nodeScoresFile, readNodeScores } from './node-scores-file.js';
export {
  headSites,
  isHeadSite,
  type PatchDirection,
  type PatchMap,
  type PatchOptions,
  type PatchSite,
  patchActivations,
  streamSites,
} from './patching.js';
export { alignedPairs, type PositionTokens, positionTokens } from './positions.js';
export { randomNodes, randomScores } from './random-scores.js';
export { type RelpOptions, type RelpRules, relp, relpRules } from './relp.js';
export { runCircuits } from './run-circuit.js';
export { type NodeSet, runNodes } from './run-nodes.js';
export type { EdgeScores, FoundCircuit } from './scores.js';
export { readScores, type ScoresFile, scoresFile } from './scores-file.js';
export {
  complement,
  countEdges,
  type EdgeSet,
  prune,
  type Ranking,
  rank,
  rankUnits,
  selectThreshold,
  selectTop,
} from './select.js';
export { hessianProduct, sharpness } from './sharpness.js';
export { type Batch, makeBatch, runSources, type SourceValues } from './sources.js';
export { fromCircuit, nodesFromCircuit, nodesToCircuit, toCircuit } from './to-circuit.js';
export {
  type Calibration,
  calibrate,
  calibratedLoss,
  marginsUnder,
  maskedMargins,
  type Question,
  questionsOf,
  shareRight,
  twoWayLoss,
} from './two-way.js';
export { type UgsOptions, ugs } from './ugs.js';
export { type WeightEdge, weightEdges } from './weight-edges.js';
