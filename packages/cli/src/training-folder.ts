import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type CheckpointStore, InputError } from 'filigree';
import { writeFileAtomic } from 'filigree/node';

const checkpointName = 'checkpoint.safetensors';
const metricsName = 'metrics.jsonl';

/** One line of the live metrics, beside the seconds since the training or its continuation began. */
export interface Metrics {
  readonly step: number;
  readonly epoch?: number;
  readonly loss: number;
  readonly accuracy?: number;
}

/**
 * The folder of one training: `checkpoint.safetensors` while it runs, `metrics.jsonl` to watch it, and at the end what it gave with
 * `training.json`.
 */
export class TrainingFolder implements CheckpointStore {
  private lines: string[] = [];
  private begun = false;
  private readonly started = performance.now();

  private constructor(
    readonly path: string,
    private readonly resumed: boolean,
  ) {}

  /**
   * Opens the folder, and makes it.
   * @throws InputError where it holds other files, where there is nothing to resume, or a training that was not asked to go on
   */
  static async open(path: string, resume: boolean): Promise<TrainingFolder> {
    const there = await stat(path).catch(() => undefined);
    if (there && !there.isDirectory()) throw new InputError(`--out ${path} is a file; give a folder.`);
    const names = there ? await readdir(path) : [];
    const interrupted = names.includes(checkpointName);
    if (resume && !interrupted) throw new InputError(`--resume: ${path} holds no checkpoint of a training.`);
    if (!resume && interrupted) {
      throw new InputError(
        `--out ${path} holds a training that was interrupted; go on with --resume, or give another folder.`,
      );
    }
    if (names.length > 0 && !names.includes('training.json') && !interrupted) {
      throw new InputError(`--out ${path} holds other files; give an empty folder or one that train has written.`);
    }
    await mkdir(path, { recursive: true }).catch((error) => {
      throw new InputError(`--out ${path} cannot be made: ${(error as Error).message}`);
    });
    return new TrainingFolder(path, resume);
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.resumed ? new Uint8Array(await readFile(join(this.path, checkpointName))) : undefined;
  }

  write(bytes: Uint8Array): Promise<void> {
    return writeFileAtomic(join(this.path, checkpointName), bytes);
  }

  /** Adds a line to the metrics; after a resumption, in place of those that are done again. */
  async record(metrics: Metrics): Promise<void> {
    if (!this.begun) {
      this.begun = true;
      const text = this.resumed ? await readFile(join(this.path, metricsName), 'utf8').catch(() => '') : '';
      this.lines = text.split('\n').filter((line) => line !== '' && stepOf(line) < metrics.step);
    }
    const seconds = Number(((performance.now() - this.started) / 1000).toFixed(2));
    this.lines.push(JSON.stringify({ ...metrics, seconds }));
    await writeFileAtomic(join(this.path, metricsName), `${this.lines.join('\n')}\n`);
  }

  /** Writes what the training gave; the checkpoint is no longer needed. */
  async finish(files: ReadonlyMap<string, Uint8Array>, record: unknown): Promise<void> {
    for (const [name, data] of files) await writeFileAtomic(join(this.path, name), data);
    await writeFileAtomic(join(this.path, 'training.json'), `${JSON.stringify(record, null, 1)}\n`);
    await rm(join(this.path, checkpointName), { force: true });
  }
}

/** A damaged line is done again. */
function stepOf(line: string): number {
  try {
    const { step } = JSON.parse(line) as { step: unknown };
    return typeof step === 'number' ? step : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
