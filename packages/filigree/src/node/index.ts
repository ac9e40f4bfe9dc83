import { setPlatform } from '../platform.js';
import { nodePlatform } from './platform.js';

setPlatform(nodePlatform);

export { nodePlatform };
