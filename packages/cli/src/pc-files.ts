import { extname } from 'node:path';
import {
  InputError,
  type ProbabilisticCircuit,
  readJpc,
  readNnf,
  readPsdd,
  readSdd,
  readTable,
  readVtree,
  type Table,
} from 'filigree';
import { readTextFile } from './open.js';
import { numberList } from './options.js';

/** Opens a probabilistic circuit, in the format that the file's name says, checked against its vtree where that is given. */
export async function openCircuit(path: string, vtreePath: string | undefined): Promise<ProbabilisticCircuit> {
  const format = extname(path).toLowerCase();
  if (!['.psdd', '.sdd', '.jpc', '.nnf'].includes(format)) {
    throw new InputError(`${path}: give a circuit whose name ends in .psdd, .jpc, .sdd or .nnf.`);
  }
  if (vtreePath !== undefined && (format === '.jpc' || format === '.nnf')) {
    throw new InputError(`--vtree goes with a .psdd or .sdd circuit; ${path} has none.`);
  }
  const vtree = vtreePath === undefined ? undefined : readVtree(await readTextFile(vtreePath), vtreePath);
  const text = await readTextFile(path);
  if (format === '.psdd') return readPsdd(text, path, vtree);
  if (format === '.sdd') return readSdd(text, path, vtree);
  return format === '.jpc' ? readJpc(text, path) : readNnf(text, path);
}

/** Opens a table of numbers. */
export async function openTable(path: string, limit?: number): Promise<Table> {
  return readTable(await readTextFile(path), path, limit);
}

/** A parser of variables from 1, parted by commas; gives them from 0. */
export function variableList(flag: string): (text: string) => number[] {
  const each = numberList(flag, 1);
  return (text) => each(text).map((variable) => variable - 1);
}

/** A parser of values such as `3=1,7=0`, variables from 1; gives them by variable from 0. */
export function evidenceList(flag: string): (text: string) => Map<number, number> {
  return (text) => {
    const evidence = new Map<number, number>();
    for (const part of text.split(',')) {
      const [, variable, value] = /^\s*(\d+)\s*=\s*([+-]?[\d.]+(?:e[+-]?\d+)?)\s*$/i.exec(part) ?? [];
      const [v, x] = [Number(variable) - 1, Number(value)];
      if (variable === undefined || v < 0 || !Number.isFinite(x)) {
        throw new InputError(
          `${flag} must be variable=value, parted by commas, such as 3=1,7=0; ${JSON.stringify(part.slice(0, 40))} is not.`,
        );
      }
      if (evidence.has(v)) throw new InputError(`${flag} gives variable ${v + 1} twice.`);
      evidence.set(v, x);
    }
    return evidence;
  };
}
