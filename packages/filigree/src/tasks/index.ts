export { corpus, mixture } from './corpus.js';
export { readPairs } from './jsonl.js';
export { type Planted, type PlantedInductionOptions, plantedInduction } from './planted-induction.js';
export { findTask, tasks } from './registry.js';
export type { Pair, Part, Task, TaskMetric, TextPair } from './task.js';
export { type FittedPairs, taskPairs } from './tokenize.js';
