export { type CorpusOptions, corpus, type Ingredient, ingredientsOf, type Mixture } from './corpus.js';
export { type Profession, professions } from './gender.js';
export { type PairFileOptions, readPairs } from './jsonl.js';
export type { DecoyOptions, Planted } from './planted.js';
export { type PlantedDepthOptions, plantedDepth } from './planted-depth.js';
export { type PlantedGates, type PlantedGatesOptions, plantedGates } from './planted-gates.js';
export { type PlantedInductionOptions, plantedInduction } from './planted-induction.js';
export { type PlantedIoiOptions, plantedIoi } from './planted-ioi.js';
export {
  type PlantedPositional,
  type PlantedPositionalOptions,
  plantedPositional,
  type SpanName,
  type SpannedPair,
  spanNames,
} from './planted-positional.js';
export { type PlantedTwoHop, type PlantedTwoHopOptions, plantedTwoHop } from './planted-two-hop.js';
export { programTasks } from './program-tasks.js';
export { allTasks, findTask, tasks } from './registry.js';
export type { Pair, Part, Task, TaskMetric, TextPair, TextRequest } from './task.js';
export { answerToken, type FittedPairs, fitPair, type Misfit, type PairsOptions, taskPairs } from './tokenize.js';
