import { readFile } from 'node:fs/promises';
import { InputError, type Task } from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { z } from 'zod';
import { type Method, methods } from './commands/methods.js';

/** What a cell depends on. */
export interface CellKey {
  readonly task: string;
  readonly method: Method;
  readonly seed: number;
  readonly modelHash: string;
  /** Hash of the pairs that circuits are found and judged on. */
  readonly pairs: string;
}

/** How faithful the circuits are that one method finds for one task with one draw of pairs. */
export interface Cell extends CellKey {
  readonly sizes: number[];
  readonly faithfulness: number[];
  readonly clean: number;
  readonly corrupt: number;
  readonly empty: number;
  readonly cpr: number;
  readonly cmd: number;
  /** The circuit that the method itself finds, where it does. */
  readonly own?: { readonly edges: number; readonly faithfulness: number };
}

/** A task with all that was measured on it, or why nothing was. */
export interface Setting {
  readonly task: Task;
  readonly cells: readonly Cell[];
  readonly why?: string;
}

const schema = z.object({
  format: z.literal('filigree-curves'),
  version: z.literal(1),
  cells: z.array(
    z.object({
      task: z.string(),
      method: z.enum(methods),
      seed: z.number(),
      modelHash: z.string(),
      pairs: z.string(),
      sizes: z.array(z.number()),
      faithfulness: z.array(z.number()),
      clean: z.number(),
      corrupt: z.number(),
      empty: z.number(),
      cpr: z.number(),
      cmd: z.number(),
      own: z.object({ edges: z.number(), faithfulness: z.number() }).optional(),
    }),
  ),
});

const keyOf = ({ task, method, seed, modelHash, pairs }: CellKey): string =>
  JSON.stringify([task, method, seed, modelHash, pairs]);

/** Cells in a file, written whenever one is added. Cells of another model or other pairs of a task leave when it is measured again. */
export class CellStore {
  private constructor(
    private readonly path: string,
    private readonly cells: Map<string, Cell>,
    private readonly again: boolean,
  ) {}

  /** Reads the file where there is one. Throws InputError when it is damaged, or something else. */
  static async open(path: string, again: boolean): Promise<CellStore> {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return new CellStore(path, new Map(), again);
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    const parsed = schema.safeParse(json);
    if (!parsed.success) {
      throw new InputError(
        `${path} holds no curves that filigree wrote; move it away, or give another file with --results.`,
      );
    }
    return new CellStore(path, new Map(parsed.data.cells.map((cell) => [keyOf(cell), cell])), again);
  }

  /** A cell that was measured before; none where all is to be measured again. */
  find(key: CellKey): Cell | undefined {
    return this.again ? undefined : this.cells.get(keyOf(key));
  }

  async keep(cell: Cell): Promise<void> {
    if (this.cells.get(keyOf(cell)) === cell) return;
    for (const [key, old] of this.cells) {
      const same = old.task === cell.task && old.method === cell.method && old.seed === cell.seed;
      if (same) this.cells.delete(key);
    }
    this.cells.set(keyOf(cell), cell);
    const lines = [...this.cells].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => JSON.stringify(each));
    await writeFileAtomic(this.path, `{"format":"filigree-curves","version":1,"cells":[\n${lines.join(',\n')}\n]}\n`);
  }
}
