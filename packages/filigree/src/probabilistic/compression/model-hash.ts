import { inputKind, type ProbabilisticCircuit, unitCount } from '../circuit.js';
import { inputTable } from '../inputs.js';
import { plainExp } from '../plain-math.js';

/** Named in the hash: another way to compute the same circuit gets another name, since its last digits would differ. */
const kernel = 'filigree stream model 1';

/**
 * SHA-256, hexadecimal, of all that the coder's arithmetic depends on: the order of units and edges, and the bits of weights and
 * input values.
 */
export async function modelHash(circuit: ProbabilisticCircuit): Promise<string> {
  const { states, kind, first, child, logWeight, inputs, inputOf, variables } = circuit;
  const text = new TextEncoder();
  const parts: Uint8Array[] = [
    text.encode(`${kernel} ${variables} ${unitCount(circuit)} ${child.length} ${inputs.length}\n`),
  ];
  const numbers = (values: ArrayLike<number>): void => {
    // Written byte by byte, so that the order of bytes does not depend on the machine.
    const view = new DataView(new ArrayBuffer(8 * values.length));
    for (let i = 0; i < values.length; i++) view.setFloat64(8 * i, values[i]);
    parts.push(new Uint8Array(view.buffer));
  };
  for (const column of [states, kind, first, child]) numbers(column);
  numbers(logWeight.map(plainExp));
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    if (kind[unit] !== inputKind) continue;
    const input = inputs[inputOf[unit]];
    if (input.kind === 'constant') numbers([-1, plainExp(input.log)]);
    else if (input.kind === 'gaussian') numbers([input.variable, input.mean, input.deviation]);
    else {
      numbers([input.variable]);
      numbers(inputTable(input, states[input.variable]).map(plainExp));
    }
  }
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', whole));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
