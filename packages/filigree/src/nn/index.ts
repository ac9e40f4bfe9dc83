export { KeyValueCache, type Past, SharedPast } from './cache.js';
export { type Checkpoint, openCheckpoint } from './checkpoint.js';
export { checkpointFiles } from './checkpoint-write.js';
export { Cnn, type CnnOptions } from './cnn.js';
export { type Architecture, readConfig, type TransformerConfig } from './config.js';
export { fit, minimise } from './fit.js';
export type {
  CheckpointStore,
  EpochRecord,
  FitOptions,
  FitProgress,
  FitResult,
  RewireRecord,
  Trainable,
  TrainingData,
} from './fit-options.js';
export { type GenerateOptions, generate } from './generate.js';
export { type LabelledBatch, Layered, type LayeredOptions, type LayerUse } from './layered.js';
export { linear } from './linear.js';
export { loadTransformer } from './load.js';
export { Mlp, type MlpOptions } from './mlp.js';
export { loadMlp, saveMlp } from './mlp-file.js';
export { Optimiser, type OptimiserSettings, type Parameter, valuesOf } from './optimiser.js';
export { parameterShapes } from './parameters.js';
export { resolveSite, siteNames } from './sites.js';
export { SparseConv2d, type SparseLayerOptions, SparseLinear } from './sparse-layers.js';
export { type SparseProducts, sparseProducts } from './sparse-products.js';
export { createTokenizer, readTokenizer, type Tokenizer } from './tokenizer.js';
export { type TokenizerFiles, type TokenizerOptions, trainTokenizer } from './train-tokenizer.js';
export { storeParameters } from './training-state.js';
export { type Run, type RunOptions, type Tokens, Transformer } from './transformer.js';
export { type Parameters, randomParameters } from './weights.js';
