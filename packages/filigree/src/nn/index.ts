export { KeyValueCache } from './cache.js';
export { type Checkpoint, openCheckpoint } from './checkpoint.js';
export { type Architecture, readConfig, type TransformerConfig } from './config.js';
export { loadTransformer } from './load.js';
export { parameterShapes } from './parameters.js';
export { resolveSite, siteNames } from './sites.js';
export { readTokenizer, type Tokenizer } from './tokenizer.js';
export { type Run, type RunOptions, type Tokens, Transformer } from './transformer.js';
export { type Parameters, randomParameters } from './weights.js';
