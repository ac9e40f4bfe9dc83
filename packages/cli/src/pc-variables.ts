import { type CircuitNotes, InputError, type ProbabilisticCircuit } from 'filigree';

/** A circuit, and what its variables and their values are called. */
export type NamedCircuit = ProbabilisticCircuit & CircuitNotes;

/** What an option says of variables, once it is known of which circuit. */
export type Asked<T> = (circuit: NamedCircuit) => T;

/** What an option says when it is not given. */
export const nothing: Asked<Map<number, never>> = () => new Map<number, never>();

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

const number = (text: string): number | undefined => (decimal.test(text) ? Number(text) : undefined);

const short = (text: string): string => JSON.stringify(text.slice(0, 40));

const few = (words: readonly string[]): string =>
  words.slice(0, 8).map(short).join(', ') + (words.length > 8 ? ', …' : '');

/** What a file calls a variable, or x and its number. */
export const variableName = (circuit: NamedCircuit, variable: number): string =>
  circuit.names?.[variable] ?? `x${variable + 1}`;

/** A value as the circuit's table had it: a word where its column has words. */
export const valueName = (circuit: NamedCircuit, variable: number, value: number): string =>
  circuit.categories?.[variable]?.[value] ?? String(value);

/** The variable that a name, or a number from 1, means; from 0. */
function variableOf(flag: string, text: string, { names, variables }: NamedCircuit): number {
  const named = names?.indexOf(text) ?? -1;
  if (named >= 0) return named;
  const counted = /^\d+$/.test(text) ? Number(text) : 0;
  if (counted >= 1 && counted <= variables) return counted - 1;
  const called = names ? `, called ${few(names)}` : '';
  throw new InputError(`${flag}: there is no variable ${short(text)}; the variables are 1 to ${variables}${called}.`);
}

/** The value that a word, or a number, means. */
function valueMeant(flag: string, text: string, variable: number, circuit: NamedCircuit): number {
  const words = circuit.categories?.[variable];
  const word = words?.indexOf(text) ?? -1;
  if (word >= 0) return word;
  const value = number(text);
  if (value !== undefined) return value;
  const known = words ? `none of ${few(words)}` : 'not a number';
  throw new InputError(`${flag}: ${short(text)} for ${variableName(circuit, variable)} is ${known}.`);
}

/** Parts of a list at its commas, but for those in double quotes, which are taken off. */
const partsOf = (text: string): string[] =>
  text.match(/(?:"[^"]*"|[^,"])+|(?<=,|^)(?=,|$)/g)?.map((part) => part.trim()) ?? [''];

const bare = (text: string): string => text.trim().replace(/^"([^"]*)"$/, '$1');

/** A parser of one variable, by its name or by its number from 1; gives it from 0. */
export const variableAsked =
  (flag: string) =>
  (text: string): Asked<number> =>
  (circuit) =>
    variableOf(flag, bare(text), circuit);

/** A parser of variables parted by commas, by name or by number from 1; gives them from 0. */
export const variableList =
  (flag: string) =>
  (text: string): Asked<number[]> =>
  (circuit) =>
    partsOf(text).map((part) => variableOf(flag, bare(part), circuit));

/** The parts of `variable=something` lists, by variable from 0. */
function assignments<T>(
  flag: string,
  text: string,
  example: string,
  read: (value: string, variable: number, circuit: NamedCircuit) => T,
): Asked<Map<number, T>> {
  const pairs = partsOf(text).map((part) => {
    const [, name, value] = /^\s*("[^"]*"|[^="]+)=\s*("[^"]*"|[^"]+)$/.exec(part) ?? [];
    if (name !== undefined && value !== undefined && value.trim() !== '') return [bare(name), bare(value)] as const;
    throw new InputError(
      `${flag} must be variable=value, parted by commas, such as ${example}; ${short(part)} is not.`,
    );
  });
  return (circuit) => {
    const result = new Map<number, T>();
    for (const [name, value] of pairs) {
      const variable = variableOf(flag, name, circuit);
      if (result.has(variable)) throw new InputError(`${flag} gives variable ${short(name)} twice.`);
      result.set(variable, read(value, variable, circuit));
    }
    return result;
  };
}

/** A parser of values such as `3=1,colour=red`; variables by name or by number from 1, in the result from 0. */
export const evidenceList =
  (flag: string) =>
  (text: string): Asked<Map<number, number>> =>
    assignments(flag, text, '3=1,7=0', (value, variable, circuit) => valueMeant(flag, value, variable, circuit));

/** A parser of likelihoods such as `3=0.2:0.8`, one number per value of the variable. */
export const likelihoodList =
  (flag: string) =>
  (text: string): Asked<Map<number, number[]>> =>
    assignments(flag, text, '3=0.2:0.8', (value) =>
      value.split(':').map((part) => {
        const x = number(part);
        if (x !== undefined) return x;
        throw new InputError(`${flag} must be numbers parted by colons, such as 3=0.2:0.8; ${short(value)} is not.`);
      }),
    );

/** Rows as CSV: the names of the columns first where the circuit has them, words for the values that have some. */
export function csvRows(circuit: NamedCircuit, rows: Iterable<ArrayLike<number>>): string {
  const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = Array.from(rows, (row) =>
    Array.from(row, (x, variable) => cell(valueName(circuit, variable, x))).join(','),
  );
  return [...(circuit.names ? [circuit.names.map(cell).join(',')] : []), ...lines].join('\n');
}
