import { InputError } from '../errors.js';

/** Rows of data, row-major; a cell that is missing is NaN. */
export interface Table {
  readonly rows: number;
  readonly columns: number;
  /** `[rows * columns]` */
  readonly values: Float64Array;
  /** `[columns]` names of the columns, where the file had them. */
  readonly names?: readonly string[];
  /** `[columns]` the words that stand for 0, 1, … in columns of words, in tables of mixed types. */
  readonly categories?: readonly (readonly string[] | undefined)[];
}

/**
 * The table with the numbers of some columns replaced by which of `bins` equally full ranges they lie in, from 0.
 * @param real columns to replace, not 0
 */
export function inQuantiles(table: Table, real: ArrayLike<number>, bins: number): Table {
  const { rows, columns } = table;
  const values = table.values.slice();
  for (let c = 0; c < columns; c++) {
    if (!real[c]) continue;
    const column = Float64Array.from({ length: rows }, (_, r) => table.values[r * columns + c]);
    const known = column.filter((x) => !Number.isNaN(x)).sort();
    const edges = Array.from({ length: bins - 1 }, (_, b) => known[Math.floor(((b + 1) * known.length) / bins)]);
    column.forEach((x, r) => {
      if (!Number.isNaN(x)) values[r * columns + c] = edges.filter((edge) => x >= edge).length;
    });
  }
  return { ...table, values };
}

/** How a missing cell may be written, besides leaving it empty. */
const missing = new Set(['', '?', 'na', 'nan', 'null', '*']);

/**
 * Reads a table of numbers: the `.data` files of the density benchmarks (rows of 0 and 1, parted by commas or spaces) and CSV whose
 * first line may name the columns. Empty cells and `?`, `NA`, `NaN`, `null`, `*` are missing.
 * @param name what to call the file in messages
 * @param limit reads at most this many rows
 * @throws InputError for empty data, rows of unequal length, and cells that are no numbers, naming row and column (from 1)
 */
export function readTable(text: string, name: string, limit = Number.POSITIVE_INFINITY): Table {
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/);
  const parted = lines.find((line) => line.trim() !== '')?.includes(',') ? commas : spaces;
  const values: number[] = [];
  let columns: number | undefined;
  let rows = 0;
  let names: string[] | undefined;
  for (const line of lines) {
    if (rows >= limit) break;
    if (line.trim() === '') continue;
    const cells = parted(line);
    if (columns === undefined) {
      columns = cells.length;
      if (cells.some((cell) => Number.isNaN(cellNumber(cell) ?? 0))) {
        names = cells;
        continue;
      }
    }
    rows++;
    if (cells.length !== columns) {
      throw new InputError(`${name}: row ${rows} has ${cells.length} cells, but the first line has ${columns}`);
    }
    for (let c = 0; c < columns; c++) {
      const value = cellNumber(cells[c]);
      if (value !== undefined && !Number.isFinite(value)) {
        const found = JSON.stringify(cells[c].slice(0, 40));
        throw new InputError(
          `${name}: row ${rows}, column ${c + 1}: ${found} is not a number; leave the cell empty if it is missing`,
        );
      }
      values.push(value ?? Number.NaN);
    }
  }
  if (columns === undefined || rows === 0) throw new InputError(`${name} has no rows; give a file with at least one`);
  return { rows, columns, values: Float64Array.from(values), ...(names && { names }) };
}

const commas = (line: string): string[] => line.split(',').map((cell) => cell.trim());
const spaces = (line: string): string[] => line.trim().split(/\s+/);

/** Whether a cell says that its value is missing. */
export const isMissing = (cell: string): boolean => missing.has(cell.toLowerCase());

/** A cell's number, undefined where it is missing, NaN where it is something else. */
function cellNumber(cell: string): number | undefined {
  if (isMissing(cell)) return undefined;
  return Number(cell);
}

/** A table of the given rows. */
export function tableOf(rows: readonly (readonly number[])[]): Table {
  const columns = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== columns)) throw new InputError('the rows of a table must be equally long');
  return { rows: rows.length, columns, values: Float64Array.from(rows.flat()) };
}

/** The first `count` rows, which share their memory with the table. */
export function firstRows(table: Table, count: number): Table {
  const rows = Math.min(count, table.rows);
  return { ...table, rows, values: table.values.subarray(0, rows * table.columns) };
}
