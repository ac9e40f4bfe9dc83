export { accuracy, type Judged } from './accuracy.js';
export { type TrainedModel, type TrainOptions, tokenizerOf, trainLanguageModel } from './language-model.js';
export { findRecipe, type Recipe, recipes } from './recipes.js';
