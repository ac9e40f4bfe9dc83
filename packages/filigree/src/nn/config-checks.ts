import { InputError } from '../errors.js';
import { quote } from '../validate.js';
import type { TransformerConfig } from './config.js';

const activations: Readonly<Record<string, TransformerConfig['activation']>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_fast: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  relu: 'relu',
};

/** Refuses, by name, each key whose value the test calls unsupported. */
export function refuse(
  raw: Record<string, unknown>,
  what: string,
  tests: Record<string, (value: unknown) => boolean>,
): void {
  for (const [key, unsupported] of Object.entries(tests)) {
    if (unsupported(raw[key])) {
      throw new InputError(`${what} asks for "${key}": ${quote(JSON.stringify(raw[key]))}, which is not supported`);
    }
  }
}

/** The activation of a name in a file. */
export function activationOf(name: string, what: string): TransformerConfig['activation'] {
  if (Object.hasOwn(activations, name)) return activations[name];
  const known = Object.keys(activations).join(', ');
  throw new InputError(`${what} asks for the activation ${quote(name)}, which is not supported; known are ${known}`);
}

/** The special tokens that exist: a file may name one outside a vocabulary that was cut, or leave the family's default there. */
export function special(
  file: { bos_token_id: number | null; eos_token_id: number | number[] | null },
  vocabulary: number,
): Pick<TransformerConfig, 'bos' | 'eos'> {
  const bos = file.bos_token_id;
  const eos = Array.isArray(file.eos_token_id) ? file.eos_token_id[0] : file.eos_token_id;
  return {
    ...(bos !== null && bos < vocabulary ? { bos } : {}),
    ...(eos != null && eos < vocabulary ? { eos } : {}),
  };
}

/** Checks how the numbers of a configuration fit together. */
export function checked(config: TransformerConfig, what: string): TransformerConfig {
  const { heads, kvHeads, width, headWidth, rotaryWidth, positions } = config;
  if (!Number.isInteger(headWidth)) {
    throw new InputError(`${what}: the width ${width} is not a multiple of the number of heads, ${heads}`);
  }
  if (heads % kvHeads !== 0) {
    throw new InputError(`${what}: the number of heads, ${heads}, is not a multiple of the ${kvHeads} key-value heads`);
  }
  if (positions === 'rotary' && rotaryWidth === headWidth && headWidth % 2 !== 0) {
    throw new InputError(`${what}: rotary positions need an even head width, not ${headWidth}`);
  }
  if (positions === 'rotary' && (rotaryWidth < 2 || rotaryWidth > headWidth || rotaryWidth % 2 !== 0)) {
    throw new InputError(
      `${what}: rotary positions need an even number of the ${headWidth} features, not ${rotaryWidth}`,
    );
  }
  return config;
}
