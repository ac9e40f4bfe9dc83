export { KeyValueCache } from './cache.js';
export { resolveSite, siteNames } from './sites.js';
export { type Run, type RunOptions, type Tokens, Transformer } from './transformer.js';
export { type Parameters, parameterShapes, randomParameters } from './weights.js';
