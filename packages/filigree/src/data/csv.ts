import { InputError } from '../errors.js';
import { quote } from '../validate.js';
import type { Table } from './table.js';
import { isMissing } from './table.js';

/** A table whose columns of words have been numbered. */
export interface MixedTable extends Table {
  /** `[columns]` the words that stand for 0, 1, … in each column of words; undefined in columns of numbers. */
  readonly categories: readonly (readonly string[] | undefined)[];
}

export interface MixedOptions {
  /** Reads at most this many rows. */
  readonly limit?: number;
  /** Whether the first line names the columns; by default it does where none of its cells is a number or a word of its column. */
  readonly header?: boolean;
  /** The words of each column, from the table that a circuit was learned on: other words are errors. */
  readonly categories?: MixedTable['categories'];
}

/**
 * Reads CSV of mixed types: numbers, words, quoted cells ("a ""b"", c" may hold commas and line breaks), and missing cells, which
 * are empty or `?`, `NA`, `NaN`, `null`, `*`. A column with a word in it is a column of words, which are numbered in their
 * alphabetical order.
 * @param name what to call the file in messages
 * @throws InputError for empty data, rows of unequal length, a quote that is not closed, a word that `categories` does not know
 */
export function readMixedTable(text: string, name: string, options: MixedOptions = {}): MixedTable {
  const lines = cellsOf(text.replace(/^\uFEFF/, ''), name);
  const [first, ...rest] = lines;
  if (!first) throw new InputError(`${name} has no rows; give a file with at least one`);
  const columns = first.length;
  lines.forEach((cells, i) => {
    if (cells.length !== columns) {
      throw new InputError(`${name}: line ${i + 1} has ${cells.length} cells, but the first has ${columns}`);
    }
  });
  const named = options.header ?? looksLikeNames(first, rest);
  const rows = (named ? rest : lines).slice(0, options.limit);
  if (rows.length === 0) throw new InputError(`${name} has no rows; give a file with at least one`);
  const categories = first.map((_, c) => options.categories?.[c] ?? wordsOf(rows, c));
  const numbers = categories.map((words) => words && new Map(words.map((word, i) => [word, i])));
  const values = new Float64Array(rows.length * columns);
  rows.forEach((cells, r) => {
    cells.forEach((cell, c) => {
      const words = categories[c];
      const value = isMissing(cell) ? Number.NaN : words ? (numbers[c]?.get(cell) ?? -1) : Number(cell) + 0;
      if (words && value < 0) {
        const known = words.slice(0, 8).map(quote).join(', ');
        throw new InputError(`${name}: row ${r + 1}, column ${c + 1}: ${quote(cell)} is none of ${known}`);
      }
      if (!isMissing(cell) && !Number.isFinite(value)) {
        throw new InputError(
          `${name}: row ${r + 1}, column ${c + 1}: ${quote(cell)} is not a number; leave the cell empty if it is missing`,
        );
      }
      values[r * columns + c] = value;
    });
  });
  return { rows: rows.length, columns, values, categories, ...(named && { names: first }) };
}

/** The words of a column in alphabetical order, undefined where all its cells are numbers or missing. */
function wordsOf(rows: readonly (readonly string[])[], c: number): string[] | undefined {
  const words = new Set<string>();
  let numbers = true;
  for (const cells of rows) {
    if (isMissing(cells[c])) continue;
    words.add(cells[c]);
    numbers &&= isNumber(cells[c]);
  }
  return numbers ? undefined : [...words].sort((a, b) => (a < b ? -1 : 1));
}

/** Names are words that stand nowhere else in their columns. */
function looksLikeNames(first: readonly string[], rest: readonly (readonly string[])[]): boolean {
  if (first.some((cell) => isNumber(cell) || isMissing(cell)) || new Set(first).size < first.length) return false;
  return rest.length > 0 && first.every((cell, c) => rest.every((cells) => cells[c] !== cell));
}

const isNumber = (cell: string): boolean => cell !== '' && Number.isFinite(Number(cell));

/** The cells of every line that is not empty, by the rules of RFC 4180. */
function cellsOf(text: string, name: string): string[][] {
  const lines: string[][] = [];
  let line: string[] = [];
  let at = 0;
  const end = (): void => {
    if (line.length > 1 || line[0] !== '') lines.push(line);
    line = [];
  };
  while (at < text.length) {
    const [cell, next] =
      text[skipBlanks(text, at)] === '"' ? quoted(text, skipBlanks(text, at), lines.length, name) : plain(text, at);
    line.push(cell);
    at = next;
    if (text[at] === ',') {
      at++;
      // A comma at the very end stands before an empty cell.
      if (at === text.length) line.push('');
    } else {
      if (text[at] === '\r' && text[at + 1] === '\n') at++;
      at++;
      end();
    }
  }
  if (line.length > 0) end();
  return lines;
}

function skipBlanks(text: string, at: number): number {
  let i = at;
  while (text[i] === ' ' || text[i] === '\t') i++;
  return i;
}

function plain(text: string, from: number): [cell: string, next: number] {
  let at = from;
  while (at < text.length && text[at] !== ',' && text[at] !== '\n' && text[at] !== '\r') at++;
  return [text.slice(from, at).trim(), at];
}

function quoted(text: string, from: number, line: number, name: string): [cell: string, next: number] {
  let cell = '';
  let at = from + 1;
  for (;;) {
    const close = text.indexOf('"', at);
    if (close < 0)
      throw new InputError(`${name}: a quote in line ${line + 1} is not closed; the file may be cut short`);
    cell += text.slice(at, close);
    at = close + 1;
    if (text[at] !== '"') break;
    cell += '"';
    at++;
  }
  at = skipBlanks(text, at);
  if (at < text.length && text[at] !== ',' && text[at] !== '\n' && text[at] !== '\r') {
    throw new InputError(
      `${name}: line ${line + 1} goes on after a closed quote; quotes inside a quoted cell are doubled`,
    );
  }
  return [cell, at];
}
