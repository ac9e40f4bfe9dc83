import { InputError } from '../errors.js';
import { quote } from '../validate.js';

/** One line of a text format: its words, and where it stands, so that every complaint names the file and the line. */
export class Line {
  private at = 0;

  constructor(
    readonly words: readonly string[],
    private readonly file: string,
    private readonly number: number,
  ) {}

  /** Number of words that are left. */
  get left(): number {
    return this.words.length - this.at;
  }

  /** The next word. */
  word(what: string): string {
    if (this.left === 0) this.fail(`ends before ${what}; the file may be cut short`);
    return this.words[this.at++];
  }

  /** The next word as a whole number from `least` to `most`. */
  integer(what: string, least = 0, most = 2 ** 31 - 1): number {
    const word = this.word(what);
    const value = /^[+-]?\d+$/.test(word) ? Number(word) : Number.NaN;
    if (!(value >= least && value <= most)) {
      this.fail(`has ${quote(word)} for ${what}, which must be a whole number from ${least} to ${most}`);
    }
    return value;
  }

  /** The next word as a natural logarithm; -inf is 0. */
  logarithm(what: string): number {
    const word = this.word(what);
    if (/^-inf(inity)?$/i.test(word)) return Number.NEGATIVE_INFINITY;
    const value = word === '' ? Number.NaN : Number(word);
    if (!Number.isFinite(value)) this.fail(`has ${quote(word)} for ${what}, which must be a logarithm`);
    return value;
  }

  /** A literal: a variable from 1, negative where it is false. Gives the variable from 0 and its value. */
  literal(what: string): { variable: number; value: 0 | 1 } {
    const literal = this.integer(what, -mostVariables, mostVariables);
    if (literal === 0) this.fail(`has 0 for ${what}; variables count from 1`);
    return { variable: Math.abs(literal) - 1, value: literal > 0 ? 1 : 0 };
  }

  /** Throws when words are left. */
  end(): void {
    if (this.left > 0) this.fail(`has ${quote(this.words[this.at])} more than it should`);
  }

  fail(why: string): never {
    throw new InputError(`${this.file}: line ${this.number} ${why}`);
  }
}

/** The most variables that a file may speak of. */
export const mostVariables = 2 ** 20;

/** The lines of a text that have words, comments (`c …`) left out. */
export function* textLines(text: string, file: string): Generator<Line> {
  let number = 0;
  for (const raw of text.split(/\r\n|\r|\n/)) {
    number++;
    const words = raw.trim().split(/\s+/);
    if (words[0] === '' || /^c/.test(words[0])) continue;
    yield new Line(words, file, number);
  }
}

/** Numbers by the ids that a file gave them; complains of ids that are used before or twice. */
export class Ids {
  private readonly numbers = new Map<number, number>();

  get size(): number {
    return this.numbers.size;
  }

  set(id: number, number: number, line: Line): void {
    if (this.numbers.has(id)) line.fail(`defines node ${id} a second time`);
    this.numbers.set(id, number);
  }

  get(line: Line, what: string): number {
    const id = line.integer(what);
    const number = this.numbers.get(id);
    if (number === undefined)
      line.fail(`names node ${id}, which is not defined before it; children stand before their parents`);
    return number;
  }
}

/** The error of a file that has no line of the kind that it must begin with, or nothing after it. */
export function notThis(file: string, header: string, format: string): InputError {
  return new InputError(
    `${file} is not ${format}: it does not begin with "${header}" or has no nodes; it may be cut short`,
  );
}
