import { InputError } from '../errors.js';
import { mostVariables, notThis, textLines } from './lines.js';

/** A formula in conjunctive normal form. */
export interface Cnf {
  readonly variables: number;
  /** Each clause as literals: variables from 1, negative where they are negated. */
  readonly clauses: readonly (readonly number[])[];
}

/**
 * Reads DIMACS CNF: `p cnf variables clauses`, then literals, each clause ended by 0; `%` ends the file.
 * @throws InputError naming the line: no header, a literal out of range, a last clause that is not ended, another number of clauses
 * than the header says
 */
export function readCnf(text: string, file: string): Cnf {
  const clauses: number[][] = [];
  let clause: number[] = [];
  let counts: { variables: number; clauses: number } | undefined;
  for (const line of textLines(text, file)) {
    if (line.words[0] === '%') break;
    if (!counts) {
      if (line.words[0] !== 'p' || line.words[1] !== 'cnf') break;
      line.word('p');
      line.word('cnf');
      counts = { variables: line.integer('the variables', 0, mostVariables), clauses: line.integer('the clauses') };
      line.end();
      continue;
    }
    while (line.left > 0) {
      const literal = line.integer('a literal', -counts.variables, counts.variables);
      if (literal !== 0) clause.push(literal);
      else {
        clauses.push(clause);
        clause = [];
      }
    }
  }
  if (!counts) throw notThis(file, 'p cnf variables clauses', 'a DIMACS CNF');
  if (clause.length > 0) throw new InputError(`${file}: the last clause is not ended by 0; the file may be cut short`);
  if (clauses.length !== counts.clauses) {
    throw new InputError(
      `${file} has ${clauses.length} clauses, but its header says ${counts.clauses}; it may be cut short`,
    );
  }
  return { variables: counts.variables, clauses };
}

/** Whether values satisfy a formula; `values[v]` is of variable v + 1. */
export const satisfies = ({ clauses }: Cnf, values: ArrayLike<number>): boolean =>
  clauses.every((clause) => clause.some((literal) => values[Math.abs(literal) - 1] === (literal > 0 ? 1 : 0)));
