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
export { type TrainedModel, type TrainOptions, trainLanguageModel } from './language-model.js';
export { type PruneOptions, pruneWeights } from './prune-weights.js';
export { findRecipe, type Recipe, recipes } from './recipes.js';
export { type RewiringOptions, rigl } from './rigl.js';
export { sad } from './sad.js';
export { type SetOptions, set } from './set.js';
export { type SrSteOptions, srSte } from './sr-ste.js';
export { type SriglOptions, srigl } from './srigl.js';
