import type { Random } from '../tensor/random.js';
import { bases, classes, functions, marks, names, said } from './program-words.js';

/** A string of one to three words in quotes of either kind. */
export function stringOf(d: Random): string {
  const mark = d.pick(marks);
  return mark + Array.from({ length: 1 + d.integer(3) }, () => d.pick(said)).join(' ') + mark;
}

/** A name, a number, a sum of names or a negated name. */
export function oneValue(d: Random): string {
  const roll = d.uniform();
  if (roll < 0.35) return String(d.integer(d.uniform() < 0.6 ? 10 : 100));
  return roll < 0.85 ? d.pick(names) : `-${d.pick(names)}`;
}

/** A list of one to four values; one in two, or as `depth` says, holds inner lists, of which the last may close with it: `[3, [box, 4]]`. */
export function bracketed(d: Random, depth = d.uniform() < 0.6 ? 2 : 1): string {
  const items = Array.from({ length: 1 + d.integer(3) }, () => oneValue(d));
  if (depth > 1) {
    // Half of the nested lists end with their inner list, so that both close at once.
    const inner = bracketed(d, depth - 1);
    if (d.uniform() < 0.4) items[d.integer(items.length)] = bracketed(d, depth - 1);
    if (d.uniform() < 0.65) items.push(inner);
    else items.splice(d.integer(items.length), 0, inner);
  }
  return `[${items.join(', ')}]`;
}

/** One argument without a name. */
function argument(d: Random): string {
  const roll = d.uniform();
  if (roll < 0.4) return d.pick(names) + d.pick(['+', '-', '*']) + d.pick(names);
  return roll < 0.85 ? d.pick(names) : d.pick([stringOf(d), String(d.integer(10))]);
}

/**
 * A call of two to four arguments: `draw(box, size+hat, lamp)`, or with names from the first or the second on, `draw(box, size=hat,
 * lamp=3)`. After the first argument with a name all have one.
 */
export function callOf(d: Random): string {
  const count = 2 + d.integer(3);
  const named = d.uniform() < 0.5 ? d.integer(2) : count;
  const given = Array.from({ length: count }, (_, i) =>
    i < named
      ? argument(d)
      : `${d.pick(names)}=${d.pick([d.pick(names), d.pick(names), String(d.integer(10)), stringOf(d)])}`,
  );
  return `${d.pick(d.uniform() < 0.3 ? classes : functions)}(${given.join(', ')})`;
}

/** How something that is filled begins, and the statement that fills it. */
const fillings = [
  { start: 'set()', fill: (name: string, item: string) => `${name}.add(${item})` },
  { start: '""', fill: (name: string, item: string) => `${name} += ${item}` },
  { start: "''", fill: (name: string, item: string) => `${name} += ${item}` },
  { start: '[]', fill: (name: string, item: string) => `${name}.append(${item})` },
] as const;

/** Sets, strings and lists, one or two at a time, that a loop, a choice or a statement fills, in a function or not. */
export function accumulators(d: Random): string[] {
  const [one, two, item, over] = d.shuffle(names);
  const kinds = [fillings[0], d.pick([fillings[1], fillings[2]]), fillings[3]];
  // Sets and strings are twice as common as lists.
  const draw = () => d.pick([kinds[0], kinds[0], kinds[1], kinds[1], kinds[2]]);
  const filled = [{ name: one, kind: draw() }, ...(d.uniform() < 0.4 ? [{ name: two, kind: draw() }] : [])];
  const start = filled.map(({ name, kind }) => `${name} = ${kind.start}`);
  if (d.uniform() < 0.15) start.push(`${over} = ${bracketed(d, 1)}`);
  const order = d.uniform() < 0.5 ? filled : [...filled].reverse();
  const body = order.map(({ name, kind }) => kind.fill(name, item));
  const head = d.pick([`for ${item} in ${over}:`, `for ${item} in ${over}:`, `if ${over}:`, `while ${over}:`, '']);
  const lines = [...start, ...(head === '' ? body : [head, ...body.map((line) => `    ${line}`)])];
  if (d.uniform() < 0.7) return lines;
  return [`def ${d.pick(functions)}(${over}):`, ...lines.map((line) => `    ${line}`), `    return ${one}`];
}

/** A class: derived from another, its `__init__` begins with super's; derived from object, with its own attributes. */
export function classOf(d: Random): string[] {
  const derived = d.uniform() < 0.5;
  const name = d.pick(classes);
  const base = derived ? d.pick(bases.filter((each) => each !== name)) : 'object';
  const attributes = d.shuffle(names).slice(0, 1 + d.integer(2));
  return [
    `class ${name}(${base}):`,
    ...(d.uniform() < 0.25 ? [`    ${d.pick(names)} = ${oneValue(d)}`] : []),
    `    def __init__(self, ${attributes.join(', ')}):`,
    ...(derived ? [`        super().__init__(${d.uniform() < 0.5 ? attributes[0] : ''})`] : []),
    ...attributes.map((attribute) => `        self.${attribute} = ${attribute}`),
  ];
}

/** A function that opens something with `with … as`, or returns it. */
export function openedOrReturned(d: Random): string[] {
  const [path, handle, other] = d.shuffle(names);
  const opener = d.uniform() < 0.6 ? 'open' : d.pick(functions);
  const call = `${opener}(${d.uniform() < 0.6 ? path : `${path}, ${d.pick([other, stringOf(d)])}`})`;
  const head = `def ${d.pick(functions)}(${path}):`;
  const before = d.uniform() < 0.3 ? [`    ${other} = ${oneValue(d)}`] : [];
  if (d.uniform() < 0.5) return [head, ...before, `    return ${call}`];
  return [head, ...before, `    with ${call} as ${handle}:`, `        return ${d.pick([handle, other, callOf(d)])}`];
}

/** What modes of a file let one do. */
export const modes = { write: ['w', 'a'], read: ['r', 'b'] } as const;

/** A file that is opened to write or to read, and is written to or read. */
export function fileBlock(d: Random): string[] {
  const [path, result, handle, what] = d.shuffle(names);
  const writes = d.uniform() < 0.5;
  const mark = d.pick(marks);
  const mode = d.pick(writes ? modes.write : modes.read);
  const use = writes ? `${handle}.write(${what})` : `${handle}.read()`;
  return [
    `with open(${path}, ${mark}${mode}${mark}) as ${handle}:`,
    ...(d.uniform() < 0.2 ? [`    print(${stringOf(d)})`] : []),
    `    ${d.uniform() < 0.75 ? `${result} = ` : ''}${use}`,
  ];
}
