import { InputError } from '../errors.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { mostVariables, notThis, textLines } from './lines.js';
import { softEvidence } from './soft-evidence.js';

/** A formula in conjunctive normal form. */
export interface Cnf {
  readonly variables: number;
  /** Each clause as literals: variables from 1, negative where they are negated. */
  readonly clauses: readonly (readonly number[])[];
  /** Weights of literals, by literal; those that are not here weigh 1. */
  readonly weights: ReadonlyMap<number, number>;
}

/**
 * Reads DIMACS CNF: `p cnf variables clauses`, then literals, each clause ended by 0; `%` ends the file. Comments of the form
 * `c p weight literal weight 0` give weights of literals.
 * @throws InputError naming the line: no header, a literal out of range, a last clause that is not ended, another number of clauses
 * than the header says, a weight that is negative or no number
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
  return { variables: counts.variables, clauses, weights: readWeights(text, file, counts.variables) };
}

/** The weights of literals in a text's comments `c p weight literal weight 0`. */
function readWeights(text: string, file: string, variables: number): Map<number, number> {
  const weights = new Map<number, number>();
  for (const [at, line] of text.split(/\r\n|\r|\n/).entries()) {
    if (!/^c\s+p\s+weight\b/.test(line)) continue;
    const [, , , literal, weight, end] = line.trim().split(/\s+/);
    const [number, value] = [Number(literal), Number(weight)];
    if (!(Number.isInteger(number) && number !== 0 && Math.abs(number) <= variables && value >= 0 && value < 1e300)) {
      throw new InputError(
        `${file}: line ${at + 1} should be "c p weight literal weight 0", with a weight of at least 0`,
      );
    }
    if (end !== '0') throw new InputError(`${file}: line ${at + 1} is not ended by 0; the file may be cut short`);
    weights.set(number, value);
  }
  return weights;
}

/**
 * The circuit whose total is the weighted model count Σ_x f(x) Π w(literal of x) of the formula that it computes.
 * @throws InputError when a weighted variable is none of the circuit's, or not of two values
 */
export function weighted(circuit: ProbabilisticCircuit, weights: ReadonlyMap<number, number>): ProbabilisticCircuit {
  const variables = new Set([...weights.keys()].map(Math.abs));
  const evidence = [...variables].map((v) => [v - 1, [weights.get(-v) ?? 1, weights.get(v) ?? 1]] as const);
  return softEvidence(circuit, new Map(evidence));
}

/** Whether values satisfy a formula; `values[v]` is of variable v + 1. */
export const satisfies = ({ clauses }: Cnf, values: ArrayLike<number>): boolean =>
  clauses.every((clause) => clause.some((literal) => values[Math.abs(literal) - 1] === (literal > 0 ? 1 : 0)));
