import { InputError } from '../errors.js';
import type { Dataset } from './dataset.js';
import type { Table } from './table.js';

/**
 * A table as samples: one column holds the class, a whole number from 0 (the last column by default, or that of the name `label`, `class`, `target` or `y`),
 * the others the features.
 * @throws InputError where a cell is missing, a label is no class, or the column does not exist
 */
export function labelledTable(table: Table, name: string, label?: string): Dataset {
  const column = labelColumn(table, name, label);
  const features = table.columns - 1;
  if (features < 1) throw new InputError(`${name} has no feature beside the label`);
  const inputs = new Float32Array(table.rows * features);
  const labels = new Int32Array(table.rows);
  let classes = 0;
  for (let r = 0; r < table.rows; r++) {
    let at = r * features;
    for (let c = 0; c < table.columns; c++) {
      const value = table.values[r * table.columns + c];
      if (Number.isNaN(value)) throw new InputError(`${name}: row ${r + 1}, column ${c + 1} is empty`);
      if (c !== column) inputs[at++] = value;
      else if (Number.isInteger(value) && value >= 0 && value < 100_000) labels[r] = value;
      else throw new InputError(`${name}: the label of row ${r + 1} is ${value}; classes are whole numbers from 0`);
    }
    classes = Math.max(classes, labels[r] + 1);
  }
  return { name, samples: table.rows, features, classes, inputs, labels };
}

function labelColumn({ names, columns }: Table, name: string, label: string | undefined): number {
  if (label !== undefined) {
    const found = names?.indexOf(label) ?? -1;
    if (found >= 0) return found;
    throw new InputError(
      `${name} has no column '${label}'${names ? `; it has ${names.slice(0, 20).join(', ')}` : ': its first line names none'}`,
    );
  }
  const usual = names?.findIndex((n) => ['label', 'class', 'target', 'y'].includes(n.toLowerCase())) ?? -1;
  return usual >= 0 ? usual : columns - 1;
}
