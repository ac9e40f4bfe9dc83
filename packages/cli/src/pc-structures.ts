import {
  chowLiuCircuit,
  chowLiuTree,
  hclt,
  hmm,
  InputError,
  learnSpn,
  type ProbabilisticCircuit,
  poonDomingos,
  quadTree,
  ratSpn,
  type Table,
} from 'filigree';

/** What a structure needs to know; what does not concern it is left out. */
export interface StructureOptions {
  readonly latents: number;
  readonly seed: number;
  readonly shape?: readonly [number, number];
  readonly splitStep?: number;
  readonly depth?: number;
  readonly repetitions: number;
}

type Make = (
  table: Table,
  states: readonly number[],
  options: StructureOptions,
  signal: AbortSignal,
) => ProbabilisticCircuit;

/** The structures that `pc learn` makes, by name: what each is, and whether its weights are already those of the data. */
export const structures: Readonly<
  Record<string, { readonly what: string; readonly done?: boolean; readonly make: Make }>
> = {
  hclt: { what: 'hidden Chow-Liu tree', make: (table, states, o) => hclt(table, states, o) },
  clt: {
    what: 'Chow-Liu tree',
    done: true,
    make: (table, states) => chowLiuCircuit(chowLiuTree(table, states), table, states),
  },
  rat: { what: 'random halves (RAT-SPN)', make: (_table, states, o) => ratSpn(states, o) },
  pd: {
    what: 'all cuts of an image (Poon-Domingos)',
    make: (table, states, o) => poonDomingos(states, shapeOf(table, o), { ...o, step: o.splitStep }),
  },
  quad: { what: 'quad tree of an image', make: (table, states, o) => quadTree(states, shapeOf(table, o), o) },
  hmm: {
    what: 'hidden Markov model of sequences, the same at every step',
    make: (table, states, o) => hmm(table.columns, Math.max(...states), o),
  },
  learnspn: {
    what: 'tests and clusters (LearnSPN), for small tables',
    done: true,
    make: (table, states, o, signal) => learnSpn(table, states, { seed: o.seed, signal }),
  },
};

/** The shape that was given, or that of a square image. */
function shapeOf(table: Table, { shape }: StructureOptions): readonly [number, number] {
  if (shape) return shape;
  const side = Math.round(Math.sqrt(table.columns));
  if (side * side === table.columns) return [side, side];
  throw new InputError(`${table.columns} columns are no square image; give --shape HEIGHTxWIDTH.`);
}

/** A parser of shapes such as 28x28. */
export function shapeParser(text: string): [number, number] {
  const [, height, width] = /^(\d+)x(\d+)$/.exec(text.trim()) ?? [];
  if (Number(height) >= 1 && Number(width) >= 1) return [Number(height), Number(width)];
  throw new InputError(`--shape must be HEIGHTxWIDTH, such as 28x28, not ${JSON.stringify(text.slice(0, 40))}.`);
}

/**
 * Number of values of each column in all tables, at least two; 0 for real columns of CSV, where the structure has real variables.
 * Throws InputError for other cells that are no whole numbers from 0.
 */
export function statesOf(tables: readonly Table[], real = false): number[] {
  const states = new Array<number>(tables[0].columns).fill(2);
  if (real && tables[0].categories) return mixedStates(tables);
  for (const { values, columns } of tables) {
    values.forEach((x, i) => {
      if (Number.isNaN(x)) return;
      if (!(Number.isInteger(x) && x >= 0 && x < 2 ** 16)) {
        const place = `row ${Math.floor(i / columns) + 1}, column ${(i % columns) + 1}`;
        throw new InputError(`${place} is ${x}; these structures need whole numbers from 0 to 65535.`);
      }
      states[i % columns] = Math.max(states[i % columns], x + 1);
    });
  }
  return states;
}

function mixedStates(tables: readonly Table[]): number[] {
  return Array.from({ length: tables[0].columns }, (_, c) => {
    let most = Math.max(1, (tables[0].categories?.[c]?.length ?? 0) - 1);
    for (const { values, rows, columns } of tables) {
      for (let r = 0; r < rows; r++) {
        const x = values[r * columns + c];
        if (Number.isNaN(x)) continue;
        if (!(Number.isInteger(x) && x >= 0 && x < 2 ** 10)) return 0;
        most = Math.max(most, x);
      }
    }
    return most + 1;
  });
}
