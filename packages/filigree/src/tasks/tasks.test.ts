import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { brackets } from './bracket.js';
import { type Profession, professions } from './gender.js';
import { heldNouns, plural } from './herds.js';
import { heldPeople, people } from './people.js';
import { allTasks, findTask } from './registry.js';
import { type Part, partOf, type TextPair } from './task.js';
import { familiar, heldStems } from './words.js';
import { twoDigits } from './years.js';

const parts: readonly Part[] = ['discovery', 'evaluation'];
const none = (): boolean => false;

function take(name: string, count: number, seed: number, part: Part, oneToken?: (word: string) => boolean): TextPair[] {
  const pairs: TextPair[] = [];
  for (const pair of findTask(name).texts({ seed, part, oneToken })) {
    pairs.push(pair);
    if (pairs.length === count) break;
  }
  return pairs;
}

/** Both directions of a pair: the corrupted prompt must ask for the wrong answer as the clean one asks for the right one. */
function questions({ clean, corrupt, answer, wrong }: TextPair): [prompt: string, answer: unknown][] {
  return [
    [clean, answer],
    [corrupt, wrong],
  ];
}

describe.each(allTasks.map(({ name }) => name))('task %s', (name) => {
  it('gives the same pairs for the same seed and others for another', () => {
    expect(take(name, 30, 3, 'discovery')).toEqual(take(name, 30, 3, 'discovery'));
    expect(take(name, 30, 3, 'discovery')).not.toEqual(take(name, 30, 4, 'discovery'));
  });

  it.each([undefined, none])('never has a pair, or its mirror image, in both parts', (oneToken) => {
    const seen = parts.map((part) => {
      const pairs = [1, 2, 3].flatMap((seed) => take(name, 300, seed, part, oneToken));
      for (const pair of pairs) expect(partOf(pair)).toBe(part);
      return new Set(pairs.flatMap(({ clean, corrupt }) => [clean + '\n' + corrupt, corrupt + '\n' + clean]));
    });
    expect([...seen[0]].filter((pair) => seen[1].has(pair))).toEqual([]);
  });

  it('has prompts that differ and answers that differ, and many different pairs', () => {
    const pairs = take(name, 500, 1, 'evaluation');
    for (const pair of pairs) {
      expect(pair.clean).not.toBe(pair.corrupt);
      expect(pair.answer).not.toBe(pair.wrong);
    }
    expect(new Set(pairs.map(({ clean, corrupt }) => clean + corrupt)).size).toBeGreaterThan(200);
  });

  it('has every answer on both sides about equally often', () => {
    const pairs = take(name, 600, 9, 'discovery');
    const counts = new Map<string, number>();
    for (const { answer } of pairs) counts.set(String(answer), (counts.get(String(answer)) ?? 0) + 1);
    expect(Math.max(...counts.values())).toBeLessThan((600 / counts.size) * 3);
  });
});

describe('pronoun', () => {
  const nameOf = (prompt: string): string => prompt.replace('One day, ', '').split(' ')[0];

  it('asks for She after girls and He after boys', () => {
    const girls = new Set<string>([...familiar.girls, ...heldStems.map((stem) => stem + 'a')]);
    const boys = new Set<string>([...familiar.boys, ...heldStems.map((stem) => stem + 'o')]);
    for (const oneToken of [undefined, none]) {
      for (const [prompt, answer] of take('pronoun', 300, 2, 'discovery', oneToken).flatMap(questions)) {
        const name = nameOf(prompt);
        expect(girls.has(name) !== boys.has(name)).toBe(true);
        expect(answer).toBe(girls.has(name) ? ' She' : ' He');
      }
    }
  });

  it('uses different names in the two parts where there are enough', () => {
    for (const oneToken of [undefined, none]) {
      const [a, b] = parts.map((part) => take('pronoun', 500, 1, part, oneToken));
      const names = new Set(a.flatMap(({ clean, corrupt }) => [nameOf(clean), nameOf(corrupt)]));
      for (const { clean, corrupt } of b) {
        expect(names.has(nameOf(clean))).toBe(false);
        expect(names.has(nameOf(corrupt))).toBe(false);
      }
    }
  });

  it('keeps to the familiar names that are one token, however few', () => {
    const oneToken = (word: string): boolean => [' Lily', ' Tim'].includes(word);
    const names = take('pronoun', 100, 1, 'evaluation', oneToken).flatMap(({ clean, corrupt }) =>
      [clean, corrupt].map(nameOf),
    );
    expect(new Set(names)).toEqual(new Set(['Lily', 'Tim']));
  });
});

describe('induction', () => {
  it('asks for the word after the only earlier occurrence of the last one', () => {
    for (const [prompt, answer] of take('induction', 300, 2, 'discovery').flatMap(questions)) {
      const words = prompt.split(': ')[1].split(' ');
      const last = words.pop()!;
      expect(words.filter((word) => word === last)).toHaveLength(1);
      expect(new Set(words).size).toBe(words.length);
      expect(answer).toBe(' ' + words[words.indexOf(last) + 1]);
    }
  });

  it('differs in the last word only', () => {
    for (const { clean, corrupt } of take('induction', 100, 2, 'evaluation')) {
      expect(clean.slice(0, clean.lastIndexOf(' '))).toBe(corrupt.slice(0, corrupt.lastIndexOf(' ')));
    }
  });
});

describe('bracket', () => {
  it('asks for the closer on top of the stack', () => {
    const closer = new Map<string, string>(brackets);
    for (const [prompt, answer] of take('bracket', 500, 2, 'discovery').flatMap(questions)) {
      const stack: string[] = [];
      for (const letter of prompt) {
        const close = closer.get(letter);
        if (close !== undefined) stack.push(close);
        else if (')]}'.includes(letter)) expect(stack.pop()).toBe(letter);
      }
      expect(stack.length).toBeGreaterThan(0);
      expect(answer).toBe(stack.at(-1));
    }
  });

  it('differs in one letter only, often with a closed group behind it', () => {
    const pairs = take('bracket', 300, 2, 'evaluation');
    for (const { clean, corrupt } of pairs) {
      expect([...clean].filter((letter, i) => letter !== corrupt[i])).toHaveLength(1);
      expect(clean).toHaveLength(corrupt.length);
    }
    expect(pairs.filter(({ clean }) => /[)\]}]/.test(clean)).length).toBeGreaterThan(100);
  });
});

describe('quote', () => {
  it('asks for the mark that is still open', () => {
    for (const [prompt, answer] of take('quote', 500, 2, 'discovery').flatMap(questions)) {
      let open: string | undefined;
      for (const letter of prompt) {
        if (letter !== '"' && letter !== "'") continue;
        if (open !== undefined) expect(letter).toBe(open);
        open = open === undefined ? letter : undefined;
      }
      expect(answer).toBe(open);
    }
  });
});

describe('indirect object', () => {
  const names = (text: string): string[] => text.match(new RegExp(people.join('|'), 'g')) ?? [];

  it.each(['ioi', 'ioi-hard', 'ioi-abc-all'])(
    '%s: one of two gives, and the other is the answer, in either order',
    (name) => {
      let first = 0;
      const pairs = take(name, 400, 4, 'discovery');
      for (const { clean, answer, wrong } of pairs) {
        const [a, b, giver] = names(clean);
        expect(names(clean)).toHaveLength(3);
        expect(new Set([a, b]).size).toBe(2);
        expect(` ${giver}`).toBe(wrong);
        expect([` ${a}`, ` ${b}`].filter((other) => other !== wrong)).toEqual([answer]);
        if (giver === b) first++;
      }
      expect(Math.abs(first / pairs.length - 0.5)).toBeLessThan(0.1);
    },
  );

  it('changes the giver alone, or all three names', () => {
    for (const { clean, corrupt } of take('ioi', 100, 4, 'evaluation')) {
      expect(names(corrupt).slice(0, 2)).toEqual(names(clean).slice(0, 2));
      expect(new Set(names(corrupt)).size).toBe(3);
    }
    for (const { clean, corrupt, wrong } of take('ioi-hard', 100, 4, 'evaluation')) {
      const [a, b, giver] = names(corrupt);
      expect([a, b]).toEqual(names(clean).slice(0, 2));
      expect([a, b].filter((other) => other !== giver)).toEqual([(wrong as string).trim()]);
    }
    for (const { clean, corrupt } of take('ioi-abc-all', 100, 4, 'evaluation')) {
      expect(new Set([...names(clean), ...names(corrupt)]).size).toBe(5);
    }
  });

  it('uses different names in the two parts, held out of the training text', () => {
    const [a, b] = parts.map((part) => new Set(take('ioi', 500, 1, part).flatMap(({ clean }) => names(clean))));
    expect([...a].filter((name) => b.has(name))).toEqual([]);
    for (const name of [...a, ...b]) expect(heldPeople).toContain(name);
  });
});

describe('greater-than', () => {
  it('parts all years in those after and those not after the one named', () => {
    for (const { clean, corrupt, answer, wrong } of take('greater-than', 300, 2, 'discovery')) {
      const year = Number(/from the year 17(\d\d) to the year 17$/.exec(clean)![1]);
      expect(corrupt).toBe(clean.replace(`17${clean.match(/17(\d\d)/)![1]}`, '1701'));
      expect((answer as string[]).map(Number)).toEqual(Array.from({ length: 99 - year }, (_, i) => year + 1 + i));
      expect((wrong as string[]).map(Number)).toEqual(Array.from({ length: year + 1 }, (_, i) => i));
    }
  });

  it('leaves out the years that the vocabulary reads otherwise', () => {
    const request = { seed: 1, part: 'discovery' as const, continues: (_: string, year: string) => year < '60' };
    const { value } = findTask('greater-than').texts(request).next();
    expect([value.answer, value.wrong].flat().sort()).toEqual(Array.from({ length: 60 }, (_, y) => twoDigits(y)));
  });
});

describe('docstring', () => {
  it('asks for the only parameter without a line, against all other names', () => {
    for (const { clean, corrupt, answer, wrong } of take('docstring', 300, 2, 'discovery')) {
      const declared = /\(self, ([a-z, ]+)\)/.exec(clean)![1].split(', ');
      const lines = (prompt: string): string[] => [...prompt.matchAll(/:param (\w+):/g)].map(([, name]) => name);
      expect(declared).toEqual([...lines(clean), (answer as string).trim()]);
      expect(wrong).toEqual([...lines(clean), ...lines(corrupt)].map((name) => ` ${name}`));
      expect(new Set([...declared, ...lines(corrupt)]).size).toBe(5);
      expect(corrupt.split('"""')[0]).toBe(clean.split('"""')[0]);
    }
  });
});

describe('gender', () => {
  it('asks for the pronoun that the profession leans to, and for the other one after a man or a woman', () => {
    for (const { clean, corrupt, answer, wrong } of take('gender', 300, 2, 'discovery')) {
      const job = clean.split(' ')[1] as Profession;
      expect(answer).toBe(professions[job] > 0.5 ? ' he' : ' she');
      expect(corrupt).toBe(clean.replace(job, answer === ' he' ? 'woman' : 'man'));
      expect(wrong).toBe(answer === ' he' ? ' she' : ' he');
    }
  });
});

describe('agreement', () => {
  /** The words of a prompt that may be the controlling noun: the last one, or the one before "near" or "that". */
  const controls: Record<string, RegExp> = {
    'agreement-simple': /(\w+)$/,
    'agreement-noun-pp': /(\w+) near the \w+$/,
    'agreement-across-rc': /(\w+) that the \w+ \w+$/,
    'agreement-within-rc': /that the (\w+)$/,
  };
  const plurals = new Set(heldNouns.map(plural));

  it.each(Object.keys(controls))('%s: the verb takes the number of its noun, whatever the other noun', (name) => {
    let distracted = 0;
    const pairs = take(name, 400, 2, 'discovery');
    for (const { clean, corrupt, answer, wrong } of pairs) {
      for (const [prompt, verb] of [
        [clean, answer],
        [corrupt, wrong],
      ] as const) {
        const noun = controls[name].exec(prompt)![1];
        expect(heldNouns.some((word) => word === noun || plural(word) === noun)).toBe(true);
        expect((verb as string).endsWith('s')).toBe(!plurals.has(noun));
      }
      const [a, b] = [clean.split(' '), corrupt.split(' ')];
      expect(a.filter((word, i) => word !== b[i])).toHaveLength(1);
      if (a.filter((word) => plurals.has(word)).length === 1) distracted++;
    }
    if (name !== 'agreement-simple') expect(Math.abs(distracted / pairs.length - 0.5)).toBeLessThan(0.1);
  });
});

describe('findTask', () => {
  it('suggests the nearest name', () => {
    expect(() => findTask('pronuon')).toThrow(InputError);
    expect(() => findTask('pronuon')).toThrow('Did you mean "pronoun"?');
    expect(() => findTask('weather')).toThrow(/There is no task "weather"\. The tasks are pronoun, induction/);
  });
});
