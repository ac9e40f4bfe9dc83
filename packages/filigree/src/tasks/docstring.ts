import { Random } from '../tensor/random.js';
import { pairsOf, type Task, type TextPair, type TextRequest } from './task.js';
import { colours, heldParameters, sizes } from './words.js';

/** Names of functions that the training text never defines. */
const functions = ['play', 'make', 'find', 'sleep'] as const;

/** A function in one line and the beginning of its docstring: one parameter a line, each with two words said of it. */
export function definition(name: string, parameters: readonly string[], lines: readonly string[]): string {
  return `def ${name}(self, ${parameters.join(', ')}):\n""" ${lines.join('\n')}`;
}

/** A line of a docstring. */
export const parameterLine = (parameter: string, words: readonly string[]): string =>
  `:param ${parameter}: ${words.join(' ')}`;

function pair(d: Random, pool: readonly string[]): TextPair {
  const [a, b, c, x, y] = d.shuffle(pool);
  const words = (): string[] => [d.pick(sizes), d.pick(colours)];
  const [name, about, of] = [d.pick(functions), words(), [words(), words()]];
  const prompt = (first: string, second: string): string =>
    definition(name, [a, b, c], [about.join(' '), parameterLine(first, of[0]), parameterLine(second, of[1]), ':param']);
  return { clean: prompt(a, b), corrupt: prompt(x, y), answer: ` ${c}`, wrong: [a, b, x, y].map((word) => ` ${word}`) };
}

function namesFor({ oneToken }: TextRequest): readonly string[] {
  const single = heldParameters.filter((word) => oneToken?.(' ' + word) ?? true);
  return single.length >= 6 ? single : heldParameters;
}

/**
 * Which parameter a docstring speaks of next (Heimersheim and Janiak 2023, "A circuit for Python docstrings in a 4-layer attention-only
 * transformer"): after `def play(self, bell, lamp, rice):` and lines about `bell` and `lamp`, ":param" -> " rice". Measured by its logit
 * less the largest of the other names'. In the corrupted prompt the lines are about two names that are no parameters.
 */
export const docstring: Task = {
  name: 'docstring',
  description: 'the parameter that a docstring speaks of next; corrupted: its lines are about other names',
  metric: 'logit-margin',
  oneSided: true,
  *texts(request) {
    const d = new Random(request.seed).fork('docstring ' + request.part);
    const names = namesFor(request);
    return yield* pairsOf(request.part, () => pair(d, names));
  },
};
