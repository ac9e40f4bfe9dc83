export { type CorpusOptions, corpus, type Ingredient, mixture } from './corpus.js';
export { type PairFileOptions, readPairs } from './jsonl.js';
export type { DecoyOptions, Planted } from './planted.js';
export { type PlantedDepthOptions, plantedDepth } from './planted-depth.js';
export { type PlantedInductionOptions, plantedInduction } from './planted-induction.js';
export { type PlantedIoiOptions, plantedIoi } from './planted-ioi.js';
export { findTask, tasks } from './registry.js';
export type { Pair, Part, Task, TaskMetric, TextPair, TextRequest } from './task.js';
export { answerToken, type FittedPairs, fitPair, type Misfit, type PairsOptions, taskPairs } from './tokenize.js';
