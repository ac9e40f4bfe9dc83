/** Something that the page can open: as the server lists it, from the examples, or made or given in the page. */
export interface Item {
  /** Where the server has it, with `/` between parts; it is also the address. */
  readonly id: string;
  readonly kind: 'model' | 'circuit' | 'distribution' | 'run';
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** When it was made, ISO date: as the file says, else when it was last written. */
  readonly made: string;
  /** What it is, for the list: of a circuit its task, method, size and faithfulness, of a model its shape … */
  readonly facts: Readonly<Record<string, string | number | null>>;
  /** The files of a model. */
  readonly files?: readonly { readonly path: string; readonly size: number }[];
  /** The item's vtree, beside a .psdd or .sdd. */
  readonly vtree?: string;
}
