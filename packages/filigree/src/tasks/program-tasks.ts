import { Random } from '../tensor/random.js';
import { modes } from './program-parts.js';
import {
  bases,
  classes,
  fixedName,
  functions,
  heldBases,
  heldNames,
  heldSaid,
  marks,
  names,
  said,
} from './program-words.js';
import { type Part, pairsOf, type Task, type TextPair } from './task.js';

/** What a prompt is filled with. */
interface Slots {
  /** The name that the question is about: to judge on, one that the programs never use as a name. */
  readonly name: string;
  /** Other names, all different. */
  readonly a: string;
  readonly b: string;
  readonly c: string;
  readonly call: string;
  readonly mark: string;
  readonly number: number;
  /** Two words of a string; to judge on, ones that the programs never put into strings. */
  readonly said: string;
  readonly d: Random;
}

/** A prompt up to the question; `x` is what the two prompts of a pair differ in. */
type Template = (x: string, slots: Slots) => string;

interface Case {
  readonly name: string;
  readonly what: string;
  readonly answers: readonly [string, string];
  /** What makes the first answer right and what the second, per part where they are held out. */
  variants(slots: Slots, part: Part): readonly [string, string];
  readonly templates: Readonly<Record<Part, readonly Template[]>>;
  /** The name in question, where it is always the same. */
  readonly fixed?: string;
}

const filled = (s: Slots): readonly [string, string] => ['set()', s.mark + s.mark];

/** Something that is filled, up to its name in the statement that fills it. */
const fillings: Case['templates'] = {
  discovery: [
    (x, { name, a, b }) => `${name} = ${x}\nfor ${a} in ${b}:\n    ${name}`,
    (x, { name, b }) => `${name} = ${x}\nif ${b}:\n    ${name}`,
    (x, { name, a, b, call }) => `def ${call}(${b}):\n    ${name} = ${x}\n    for ${a} in ${b}:\n        ${name}`,
  ],
  evaluation: [
    (x, { name, a, b, c }) => `${name} = ${x}\n${c} = []\nfor ${a} in ${b}:\n    ${name}`,
    (x, { name, a, b, c }) => `${name} = ${x}\n${c} = []\nfor ${a} in ${b}:\n    ${c}.append(${a})\n    ${name}`,
    (x, { name, b }) => `${name} = ${x}\nwhile ${b}:\n    ${name}`,
  ],
};

const cases: readonly Case[] = [
  {
    name: 'single_double_quote',
    what: 'the mark that ends a string',
    answers: marks,
    variants: () => marks,
    templates: {
      discovery: [(x, s) => `print(${x}${s.said}`, (x, s) => `${s.a} = ${x}${s.said}`],
      evaluation: [
        (x, s) => `print(${x}${s.said}`,
        (x, s) => `${s.call}(${s.a}, ${x}${s.said}`,
        (x, s) => `print(${s.mark}${s.said}${s.mark})\n${s.a} = ${x}${s.said}`,
      ],
    },
  },
  {
    name: 'bracket_counting',
    what: 'whether one list ends or two do',
    answers: [']]', ']'],
    variants: () => ['[', '-'],
    templates: {
      discovery: [
        (x, s) => `${s.name} = [${s.a}, ${s.number}, ${x}${s.b}, ${s.c}`,
        (x, s) => `${s.name} = [${x}${s.a}, ${s.b}`,
        (x, s) => `${s.name} = [${s.a}, ${x}${s.b}`,
      ],
      evaluation: [
        (x, s) => `${s.name} = [${s.a}, [${s.b}, ${s.number}], ${x}${s.c}, ${s.number}`,
        (x, s) => `def ${s.call}(${s.name}):\n    return [${s.a}, ${x}${s.b}, ${s.name}`,
      ],
    },
  },
  {
    name: 'set_or_string',
    what: 'whether a name is filled as a set (.add) or as a string (+=)',
    answers: ['.add', ' +='],
    variants: filled,
    templates: fillings,
  },
  {
    name: 'set_or_string_fixedvarname',
    what: `the same of a name that is always ${fixedName}`,
    answers: ['.add', ' +='],
    variants: filled,
    templates: fillings,
    fixed: fixedName,
  },
  {
    name: 'class_init',
    what: 'whether __init__ begins with super, as in derived classes, or with self',
    answers: ['super', 'self'],
    variants: ({ d }, part) => [d.pick(part === 'discovery' ? bases : heldBases), 'object'],
    templates: {
      discovery: [(x, s) => `class ${s.d.pick(classes)}(${x}):\n    def __init__(self, ${s.a}):\n        `],
      evaluation: [
        (x, s) => `class ${s.d.pick(classes)}(${x}):\n    def __init__(self, ${s.name}, ${s.b}):\n        `,
        (x, s) =>
          `class ${s.d.pick(classes)}(${x}):\n    ${s.a} = ${s.number}\n    def __init__(self, ${s.name}):\n        `,
      ],
    },
  },
  {
    name: 'final_kwarg',
    what: 'whether the last argument has a name too, or the call ends',
    answers: ['=', ')'],
    variants: ({ d }, part) => ['=', part === 'discovery' ? '+' : d.pick(['-', '*'])],
    templates: {
      discovery: [(x, s) => `${s.call}(${s.a}, ${s.b}${x}${s.c}, ${s.name}`],
      evaluation: [
        (x, s) => `${s.call}(${s.a}, ${s.b}${x}${s.c}, ${s.name}`,
        (x, s) => `print(${s.a})\n${s.call}(${s.a}${x}${s.b}, ${s.c}${x}${s.number}, ${s.name}`,
      ],
    },
  },
  {
    name: 'with_as',
    what: 'whether what is opened gets a name or is returned',
    answers: [' as', '\n'],
    variants: () => ['with', 'return'],
    templates: {
      discovery: [
        (x, s) => `def ${s.call}(${s.name}):\n    ${x} open(${s.name})`,
        (x, s) => `def ${s.call}(${s.name}):\n    ${x} open(${s.name}, ${s.a})`,
      ],
      evaluation: [
        (x, s) => `def ${s.call}(${s.name}):\n    ${x} ${s.d.pick(functions)}(${s.name})`,
        (x, s) => `def ${s.call}(${s.name}):\n    ${s.a} = ${s.b}\n    ${x} open(${s.name}, ${s.b})`,
      ],
    },
  },
  {
    name: 'with_open',
    what: 'whether a file is written to or read, by the mode it was opened with',
    answers: ['.write', '.read'],
    variants: (_, part) => {
      const at = part === 'discovery' ? 0 : 1;
      return [modes.write[at], modes.read[at]];
    },
    templates: {
      discovery: [(x, s) => `with open(${s.a}, ${s.mark}${x}${s.mark}) as ${s.name}:\n    ${s.b} = ${s.name}`],
      evaluation: [
        (x, s) => `with open(${s.a}, ${s.mark}${x}${s.mark}) as ${s.name}:\n    ${s.b} = ${s.name}`,
        (x, s) =>
          `with open(${s.a}, ${s.mark}${x}${s.mark}) as ${s.name}:\n    print("${s.said}")\n    ${s.b} = ${s.name}`,
      ],
    },
  },
];

function slotsOf(d: Random, part: Part, fixed: string | undefined): Slots {
  const [own, a, b, c] = d.shuffle(names.filter((each) => each !== fixed));
  const words = part === 'discovery' ? said : heldSaid;
  return {
    name: fixed ?? (part === 'discovery' ? own : d.pick(heldNames)),
    a,
    b,
    c,
    call: d.pick(functions),
    mark: d.pick(marks),
    number: d.integer(10),
    said: `${d.pick(words)} ${d.pick(words)}`,
    d,
  };
}

function pair(d: Random, part: Part, { answers, variants, templates, fixed }: Case): TextPair {
  const slots = slotsOf(d, part, fixed);
  const x = variants(slots, part);
  const template = d.pick(templates[part]);
  // A template may draw: both prompts must get the same draws.
  const seed = d.integer(2 ** 31);
  const prompt = (which: number): string => template(x[which], { ...slots, d: new Random(seed) });
  const [one, other] = d.uniform() < 0.5 ? [0, 1] : [1, 0];
  return { clean: prompt(one), corrupt: prompt(other), answer: answers[one], wrong: answers[other] };
}

/**
 * Two-way questions about programs (after Gao et al. 2025, "Weight-sparse transformers have interpretable circuits", whose names these
 * are), asked of models that are trained on `program`. Both prompts of a pair have an answer, and each is wrong in the other. The pairs to
 * judge on have other templates, and names, words, bases or modes that those to discover on have not.
 */
export const programTasks: readonly Task[] = cases.map((each) => ({
  name: each.name,
  description: each.what,
  metric: 'logit-diff',
  *texts({ seed, part }) {
    const d = new Random(seed).fork(`${each.name} ${part}`);
    return yield* pairsOf(part, () => pair(d, part, each));
  },
}));
