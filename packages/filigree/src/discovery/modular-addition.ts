import { InputError } from '../errors.js';
import type { Random } from '../tensor/index.js';

/** Sparse modular addition: `length` tokens uniform in 0 .. modulus - 1, of which the first `relevant` are added. */
export interface ModularAddition {
  readonly modulus: 2 | 3;
  readonly length: number;
  readonly relevant: number;
}

export interface AdditionData {
  readonly task: ModularAddition;
  /** `[rows, length]`. */
  readonly tokens: Uint8Array;
  /** `[rows]`: the sum of the relevant tokens mod the modulus. */
  readonly labels: Uint8Array;
}

export const sparseParity: ModularAddition = { modulus: 2, length: 12, relevant: 5 };

/** @throws InputError for a task whose numbers make no sense */
export function additionData(task: ModularAddition, rows: number, random: Random): AdditionData {
  const { modulus, length, relevant } = task;
  if (!(Number.isInteger(relevant) && relevant > 0 && Number.isInteger(length) && relevant < length)) {
    throw new InputError(
      `Of ${length} tokens, ${relevant} cannot be relevant: give fewer than there are, and at least 1.`,
    );
  }
  const tokens = Uint8Array.from({ length: rows * length }, () => random.integer(modulus));
  const labels = Uint8Array.from({ length: rows }, (_, r) => {
    let total = 0;
    for (let i = 0; i < relevant; i++) total += tokens[r * length + i];
    return total % modulus;
  });
  return { task, tokens, labels };
}
