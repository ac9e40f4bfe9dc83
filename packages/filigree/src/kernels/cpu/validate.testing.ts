import { setFlagsFromString } from 'node:v8';
import wabtFactory from 'wabt';

// Lets tests cover both kinds of arithmetic where the host knows the relaxed one but keeps it behind a flag.
setFlagsFromString('--experimental-wasm-relaxed-simd');

const wabt = await wabtFactory();
const features = {
  simd: true,
  threads: true,
  bulk_memory: true,
  sat_float_to_int: true,
  relaxed_simd: true,
  reference_types: true,
};

/** For tests: throws where `bytes` is not a valid module by the judgement of wabt. */
export function validate(bytes: Uint8Array): void {
  const module = wabt.readWasm(bytes, features);
  try {
    // The package's types leave out that `validate` too has to be told the features.
    (module.validate as (features: object) => void)(features);
  } finally {
    module.destroy();
  }
}
