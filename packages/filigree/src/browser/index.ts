import { setPlatform } from '../platform.js';
import { browserPlatform } from './platform.js';

setPlatform(browserPlatform);

export { type EngineSettings, startEngine } from '../tensor/index.js';
export { type BlobLike, blobFiles, type ServedFile, servedFiles } from './files.js';
