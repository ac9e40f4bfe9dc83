import type { Random } from '../tensor/random.js';
import { accumulators, bracketed, callOf, classOf, fileBlock, openedOrReturned, stringOf } from './program-parts.js';
import { functions, names } from './program-words.js';

type Block = (d: Random) => readonly string[];

/** `lamp = "red hat"`, or a call with it. */
const strings: Block = (d) =>
  d.uniform() < 0.5
    ? [`${d.pick(names)} = ${stringOf(d)}`]
    : [`print(${stringOf(d)}${d.uniform() < 0.3 ? `, ${d.pick(names)}` : ''})`];

const choices: Block = (d) => {
  const then = d.pick([strings, calls, lists])(d);
  const other = d.pick([strings, calls, lists])(d);
  return [`if ${condition(d)}:`, ...indented(then), ...(d.uniform() < 0.6 ? ['else:', ...indented(other)] : [])];
};

const loops: Block = (d) => {
  const item = d.pick(names);
  const over = d.uniform() < 0.5 ? `range(${d.integer(9) + 1})` : d.pick(names);
  return [`for ${item} in ${over}:`, ...indented(d.pick([strings, calls])(d))];
};

const lists: Block = (d) => [`${d.pick(names)} = ${bracketed(d)}`];
const calls: Block = (d) => [callOf(d)];

/** `def find(lamp, hat):` with one or two statements and what it returns. */
const definitions: Block = (d) => {
  const parameters = d.shuffle(names).slice(0, 1 + d.integer(2));
  const body = d.pick([strings, lists, calls, choices])(d);
  const result = d.pick([d.pick(parameters), stringOf(d), bracketed(d), callOf(d)]);
  return [`def ${d.pick(functions)}(${parameters.join(', ')}):`, ...indented(body), `    return ${result}`];
};

/** Blocks with how often each is drawn. */
const blocks: readonly (readonly [weight: number, block: Block])[] = [
  [3, strings],
  [4, lists],
  [3, calls],
  [1, choices],
  [1, loops],
  [2, definitions],
  [5, accumulators],
  [3, classOf],
  [2.5, openedOrReturned],
  [2.5, fileBlock],
];
const total = blocks.reduce((sum, [weight]) => sum + weight, 0);

/** Letters after which a program gets no further block, so that most fit in a window of 64 tokens. */
const enough = 90;

/**
 * A short program in Python's look: strings in both quotes, nested lists, sets and strings that a loop fills, calls whose last arguments
 * have names, classes with and without a base, files, functions, choices. Every line ends with a newline.
 *
 * Held out of it: `heldNames` are never identifiers, `heldSaid` never stand in strings, and `heldBases` are never a base.
 */
export function program(d: Random): string {
  const lines: string[] = [];
  do {
    let left = d.uniform() * total;
    for (const [weight, block] of blocks) {
      left -= weight;
      if (left >= 0) continue;
      lines.push(...block(d));
      break;
    }
  } while (lines.join('\n').length < enough && d.uniform() < 0.8);
  return `${lines.join('\n')}\n`;
}

const indented = (lines: readonly string[]): string[] => lines.map((line) => `    ${line}`);

function condition(d: Random): string {
  const [a, b] = [d.pick(names), d.pick(names)];
  return d.pick([a, `not ${a}`, `${a} == ${b}`, `${a} in ${b}`, `${a} > ${d.integer(10)}`]);
}
