export { accuracy } from './accuracy.js';
export { classAccuracy, mlpShapes, randomTopologies } from './classifier.js';
export { type TrainedModel, type TrainOptions, trainLanguageModel } from './language-model.js';
export { findRecipe, type Recipe, recipes } from './recipes.js';
export { type RewiringOptions, rigl } from './rigl.js';
export { type SetOptions, set } from './set.js';
