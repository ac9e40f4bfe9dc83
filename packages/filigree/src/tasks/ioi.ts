import { Random } from '../tensor/random.js';
import { heldPeople, people } from './people.js';
import { half, pairsOf, type Task, type TextPair, type TextRequest } from './task.js';
import { familiar, places, things } from './words.js';

/** How the giver is changed in the corrupted prompt. */
type Corruption = 'abc' | 'hard' | 'abc-all';

/** Templates that the training text never uses: `a` and `b` are the two people in either order, `s` the one who gives. */
const templates: readonly ((a: string, b: string, s: string, place: string, thing: string) => string)[] = [
  (a, b, s, place, thing) => `Then, ${a} and ${b} went to the ${place}. ${s} gave a ${thing} to`,
  (a, b, s, place, thing) => `Then, ${a} and ${b} were at the ${place}. ${s} gave the ${thing} to`,
  (a, b, s, place, thing) => `Today, ${a} and ${b} played at the ${place}. ${s} gave a ${thing} to`,
  (a, b, s, place, thing) => `One day, ${a} and ${b} walked to the ${place}. ${s} gave the ${thing} to`,
  (a, b, s, place, thing) => `When ${a} and ${b} went to the ${place}, ${s} gave a ${thing} to`,
  (a, b, s, place, thing) => `When ${a} and ${b} had a ${thing} at the ${place}, ${s} gave it to`,
  (a, b, s, place, thing) => `Then, ${a} and ${b} found a ${thing} at the ${place}. ${s} gave it to`,
  (a, b, s, place, thing) => `One morning, ${a} and ${b} went to the ${place}. ${s} wanted to give the ${thing} to`,
];

/** Names for the two parts need this many each: five for `abc-all`, and one to choose from. */
const enough = 6;

/**
 * Names that are one token: those that never give in our own training text where there are enough, else any; half of them for
 * each part. A vocabulary with fewer than five is asked with names of several tokens, which then are no answers.
 */
function namesFor({ part, oneToken }: TextRequest): readonly string[] {
  const single = (names: readonly string[]): readonly string[] =>
    names.filter((name) => oneToken?.(' ' + name) ?? true);
  const held = single(heldPeople);
  if (held.length >= 2 * enough) return half(held, part);
  const any = single([...people, ...familiar.girls, ...familiar.boys]);
  return half(any.length >= 5 ? any : heldPeople, part, 2 * enough);
}

function pair(d: Random, names: readonly string[], corruption: Corruption): TextPair {
  const [object, subject, ...others] = d.shuffle(names);
  const [first, second] = d.uniform() < 0.5 ? [object, subject] : [subject, object];
  const [template, place, thing] = [d.pick(templates), d.pick(places), d.pick(things)];
  const prompt = (a: string, b: string, s: string): string => template(a, b, s, place, thing);
  const clean = prompt(first, second, subject);
  const corrupt = {
    abc: () => prompt(first, second, others[0]),
    hard: () => prompt(first, second, object),
    'abc-all': () => prompt(others[0], others[1], others[2]),
  }[corruption]();
  return { clean, corrupt, answer: ` ${object}`, wrong: ` ${subject}` };
}

function task(name: string, corruption: Corruption, what: string, oneSided?: boolean): Task {
  return {
    name,
    description: `the person who gets what the other gives; corrupted: ${what}`,
    metric: 'logit-diff',
    ...(oneSided && { oneSided }),
    *texts(request) {
      const d = new Random(request.seed).fork(`${name} ${request.part}`);
      const names = namesFor(request);
      return yield* pairsOf(request.part, () => pair(d, names, corruption));
    },
  };
}

/**
 * Indirect object identification (Wang et al. 2023, "Interpretability in the Wild", arXiv 2211.00593): "Then, James and Amy went to
 * the park. Amy gave a ball to" -> " James", measured by the logit of the one who gets less that of the one who gives. The two
 * stand in either order. In the corrupted prompt a third person gives, so that neither is repeated.
 */
export const ioi = task('ioi', 'abc', 'a third person gives', true);

/** The same, where in the corrupted prompt the other of the two gives: the answer is the other name. */
export const ioiHard = task('ioi-hard', 'hard', 'the other one gives, which turns the answer around');

/** The same, where the corrupted prompt has three other people. */
export const ioiAbcAll = task('ioi-abc-all', 'abc-all', 'three other people', true);
