import type { Random } from '../tensor/random.js';
import { definition, parameterLine } from './docstring.js';
import { colours, parameters, sizes } from './words.js';

/** Words said of a function or parameter. */
const about = [...sizes, ...colours, 'cat', 'dog', 'bird', 'rain', 'sun', 'one', 'king', 'queen'];

/**
 * A Python function with two to four parameters and a docstring that has a line for each, in order.
 *
 * Held out of it: the functions of the task `docstring` and its parameters (`heldParameters`).
 */
export function code(d: Random): string {
  const names = d.shuffle(parameters).slice(0, 2 + d.integer(3));
  const words = (): string[] => Array.from({ length: 1 + d.integer(2) }, () => d.pick(about));
  const lines = [words().join(' '), ...names.map((name) => parameterLine(name, words()))];
  return `${definition(d.pick(['go', 'look', 'sing', 'walk', 'ask', 'tell', 'give']), names, lines)} """`;
}
