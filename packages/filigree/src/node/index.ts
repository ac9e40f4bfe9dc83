import { setPlatform } from '../platform.js';
import { nodePlatform } from './platform.js';

setPlatform(nodePlatform);

export { type EngineSettings, startEngine } from '../tensor/index.js';
export { openDataset } from './datasets.js';
export { folderFiles, openFile } from './files.js';
export { type HubOptions, hubFiles, isHubId } from './hub.js';
export { openModelFiles } from './open.js';
export { type OpenedModel, openModel } from './open-model.js';
export { writeFileAtomic } from './write.js';
