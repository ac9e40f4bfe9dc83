import { inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';
import { inputTable } from './inputs.js';

/**
 * Which values of which variables each unit can see at all, as a number per unit: equal numbers, equal sets. Children of a sum that cover
 * other literals tell rows apart, as in a deterministic circuit, and must not be pruned.
 */
export function literalsOf(circuit: ProbabilisticCircuit): Int32Array {
  const { kind, first, child, inputs, inputOf, states } = circuit;
  /** By number: the values seen, as text, by variable. */
  const boxes: Map<number, string>[] = [];
  const numbers = new Map<string, number>();
  const known = new Map<string, number>();
  const intern = (box: Map<number, string>): number => {
    const key = [...box].sort(([a], [b]) => a - b).join(';');
    const found = numbers.get(key);
    if (found !== undefined) return found;
    numbers.set(key, boxes.length);
    boxes.push(box);
    return boxes.length - 1;
  };
  const join = (ids: readonly number[]): number => {
    const key = ids.join();
    const found = known.get(key);
    if (found !== undefined) return found;
    const box = new Map<number, string>();
    for (const id of ids) {
      for (const [variable, seen] of boxes[id]) {
        const other = box.get(variable);
        box.set(variable, other === undefined || other === seen ? seen : either(other, seen));
      }
    }
    const made = ids.length === 1 ? ids[0] : intern(box);
    known.set(key, made);
    return made;
  };
  const of = new Int32Array(unitCount(circuit));
  for (let unit = 0; unit < of.length; unit++) {
    if (kind[unit] === inputKind) {
      const input = inputs[inputOf[unit]];
      if (input.kind === 'constant') of[unit] = intern(new Map());
      else if (states[input.variable] === 0) of[unit] = intern(new Map([[input.variable, 'real']]));
      else {
        const table = inputTable(input, states[input.variable]);
        of[unit] = intern(new Map([[input.variable, Array.from(table, (t) => Number(t > -Infinity)).join('')]]));
      }
      continue;
    }
    const ids = Array.from(child.subarray(first[unit], first[unit + 1]), (c) => of[c]);
    of[unit] = join(kind[unit] === productKind ? ids : [...new Set(ids)].sort((a, b) => a - b));
  }
  return of;
}

const either = (a: string, b: string): string =>
  Array.from(a, (x, i) => (x === '1' || b[i] === '1' ? '1' : '0')).join('');
