import { createHash } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import {
  InputError,
  type LearnState,
  memoryBytes,
  modelHash,
  type ProbabilisticCircuit,
  readLearnState,
  type Table,
  writeLearnState,
} from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { readBinaryFile } from './open.js';

/** The file beside a circuit that is being learned, from which an interrupted learning goes on to the bit. */
export class ResumeFile {
  private constructor(
    readonly path: string,
    private readonly start: ProbabilisticCircuit,
    private readonly key: string,
    private readonly resume: boolean,
  ) {}

  /**
   * @param out the circuit's file
   * @param options all that decides how learning goes
   * @throws InputError where there is nothing to resume, or an interrupted learning that was not asked to go on
   */
  static async open(
    out: string,
    start: ProbabilisticCircuit,
    tables: readonly (Table | undefined)[],
    options: Readonly<Record<string, unknown>>,
    resume: boolean,
  ): Promise<ResumeFile> {
    const path = resumePath(out);
    const there = await stat(path).catch(() => undefined);
    if (resume && !there) throw new InputError(`--resume: there is no ${path} of an interrupted learning.`);
    if (!resume && there) {
      throw new InputError(`${path} is of a learning that was interrupted; go on with --resume, or remove it.`);
    }
    const key = createHash('sha256').update(JSON.stringify([await modelHash(start), options]));
    for (const table of tables) {
      key.update(`${table?.rows} ${table?.columns}`);
      if (table) key.update(new Uint8Array(table.values.buffer, table.values.byteOffset, table.values.byteLength));
    }
    return new ResumeFile(path, start, key.digest('hex'), resume);
  }

  async read(): Promise<LearnState | undefined> {
    if (!this.resume) return undefined;
    return readLearnState(memoryBytes(await readBinaryFile(this.path)), this.start, this.key, this.path);
  }

  async write(state: LearnState): Promise<void> {
    await writeFileAtomic(this.path, writeLearnState(this.start, state, this.key));
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }
}

/** Where a learning that writes to `out` keeps what it needs to go on. */
export const resumePath = (out: string): string => `${out}.resume`;
