export { siteActivations } from './site-activations.js';
export {
  type DictionaryFit,
  dictionaryFit,
  SparseAutoencoder,
  type SparseAutoencoderOptions,
  trainSparseAutoencoder,
} from './sparse-autoencoder.js';
