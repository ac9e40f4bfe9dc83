export {
  type ArrayShape,
  type ArrayWork,
  arrayCycles,
  bdwpWork,
  type Dataflow,
  dataflows,
  innerSize,
  scheduleDataflows,
} from './accelerator.js';
export { accuracy, type Judged } from './accuracy.js';
export { bdwp } from './bdwp.js';
export { classAccuracy, fanInTopologies, mlpShapes, randomTopologies } from './classifier.js';
export {
  type Arm,
  type CompareOptions,
  type Comparison,
  compare,
  comparisonOf,
  type Estimate,
  estimate,
  type Outcome,
} from './compare.js';
export { readTrainingConfig, startModel, type TrainingConfig, trainClassifier } from './config.js';
export { type TrainingCost, trainingCost } from './cost.js';
export { type DstEeOptions, dstEe } from './dst-ee.js';
export {
  type TrainedModel,
  type TrainOptions,
  textWindows,
  tokenizerOf,
  trainLanguageModel,
} from './language-model.js';
export {
  denseWeights,
  gradientNorm,
  graspScores,
  magnitudeScores,
  snipScores,
  synflowScores,
  synflowTopologies,
  topologiesByScore,
  type WeightScores,
} from './pai-scores.js';
export { type PruneOptions, pruneWeights } from './prune-weights.js';
export {
  inputStrength,
  type QuickSelectionOptions,
  quickSelection,
  type SelectedFeatures,
  selectFeatures,
} from './quickselection.js';
export {
  embed,
  embeddingChance,
  type PlainNetwork,
  requiredWidth,
  requirements,
} from './rand-start-sparse.js';
export {
  calibrationError,
  classProbabilities,
  confidences,
  fastGradientSign,
  randomPruning,
} from './random-pruning.js';
export { Rbm, type RbmBatch, type RbmOptions, rbmBatches } from './rbm.js';
export { resizedRecipe } from './recipe-config.js';
export { findRecipe, type Recipe, recipes } from './recipes.js';
export { type RewiringOptions, rigl } from './rigl.js';
export { sad } from './sad.js';
export { type SetOptions, set } from './set.js';
export { sketch, sketchError, sketchProbabilities } from './sketching.js';
export { type SrSteOptions, srSte } from './sr-ste.js';
export { type SriglOptions, srigl } from './srigl.js';
export { StrongTicket, type StrongTicketOptions } from './strong-tickets.js';
export { withoutAblated } from './without-ablated.js';
