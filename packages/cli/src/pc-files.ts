import { extname } from 'node:path';
import {
  type CircuitNotes,
  checkRespects,
  InputError,
  idxTable,
  isIdx,
  memoryBytes,
  type ProbabilisticCircuit,
  readCircuitTensors,
  readIdx,
  readJpc,
  readMixedTable,
  readNnf,
  readPsdd,
  readSdd,
  readTable,
  readVtree,
  type Table,
  unpacked,
  writeCircuitFile,
  writeJpc,
} from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { readBinaryFile, readTextFile } from './open.js';

const formats = ['.psdd', '.sdd', '.jpc', '.nnf', '.fpc'] as const;
type Format = (typeof formats)[number];

/** What a circuit's file may be, for help. */
export const circuitFormats = 'a .psdd, .jpc, .sdd, .nnf or .fpc file, or one of them as .gz';

/** The format of a probabilistic circuit's file by its name; undefined for other files. */
export function probabilisticFormat(path: string): Format | undefined {
  const ending = extname(path.toLowerCase().replace(/\.gz$/, ''));
  return formats.find((format) => format === ending);
}

/** The bytes of a file, unpacked where they are gzip. */
const readUnpacked = async (path: string): Promise<Uint8Array<ArrayBuffer>> =>
  unpacked(await readBinaryFile(path), path);

/**
 * Opens a probabilistic circuit, in the format that the file's name says. With a vtree, PSDDs and SDDs are checked node by node
 * against it, the other formats by how their products split the variables.
 */
export async function openCircuit(
  path: string,
  vtreePath: string | undefined,
): Promise<ProbabilisticCircuit & CircuitNotes> {
  const format = probabilisticFormat(path);
  if (!format) throw new InputError(`${path}: give a circuit whose name ends in ${formats.join(', ')}.`);
  const vtree = vtreePath === undefined ? undefined : readVtree(await readTextFile(vtreePath), vtreePath);
  const bytes = await readUnpacked(path);
  const text = (): string => new TextDecoder().decode(bytes);
  if (format === '.psdd') return readPsdd(text(), path, vtree);
  if (format === '.sdd') return readSdd(text(), path, vtree);
  const circuit =
    format === '.fpc'
      ? await readCircuitTensors(memoryBytes(bytes), path)
      : format === '.jpc'
        ? readJpc(text(), path)
        : readNnf(text(), path);
  if (vtree) checkRespects(circuit, vtree, path);
  return circuit;
}

/** Throws InputError unless a circuit can be written under this name. */
export function checkCircuitName(flag: string, path: string | undefined): void {
  if (path === undefined || /\.(jpc|fpc)$/i.test(path)) return;
  throw new InputError(`${flag} ${path}: the name must end in .jpc or .fpc.`);
}

/** A circuit as the bytes of a file, in the format that its name says: Juice's text or the project's own. */
function circuitBytes(path: string, circuit: ProbabilisticCircuit, notes: CircuitNotes = {}): string | Uint8Array {
  return path.toLowerCase().endsWith('.fpc') ? writeCircuitFile(circuit, notes) : writeJpc(circuit);
}

/**
 * Opens a table: text of numbers, CSV of mixed types where the name ends in .csv, or IDX images of which every pixel is a column; all
 * may be gzip.
 * @param like the circuit or table whose words stand for the same numbers, and whose first line was of the same sort
 */
export async function openTable(
  path: string,
  limit?: number,
  like?: Pick<Table, 'names' | 'categories'>,
): Promise<Table> {
  const bytes = await readUnpacked(path);
  if (isIdx(bytes)) return idxTable(await readIdx(bytes, path), path, limit);
  const text = new TextDecoder().decode(bytes);
  if (/\.csv(\.gz)?$/i.test(path)) return readMixedTable(text, path, { limit, categories: like?.categories });
  return readTable(text, path, limit);
}

/** Writes a circuit under a name that `checkCircuitName` has let pass, and says what its format cannot hold. */
export async function saveCircuit(
  path: string,
  circuit: ProbabilisticCircuit,
  notes: CircuitNotes,
  warn: (text: string) => void,
): Promise<void> {
  await writeFileAtomic(path, circuitBytes(path, circuit, notes));
  if (!path.toLowerCase().endsWith('.jpc')) return;
  const lost = [circuit.tied && 'which parameters are tied', notes.names && 'names', notes.categories && 'words'];
  const what = lost.filter((word) => word !== undefined).join(', ');
  if (what !== '') warn(`${path}: .jpc cannot say ${what}; .fpc can`);
}

/** What a circuit's file should tell of the table (or the circuit) that it was learned from. */
export const notesOf = ({ names, categories }: CircuitNotes): CircuitNotes => ({ names, categories });
