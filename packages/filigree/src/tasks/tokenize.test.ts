import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { createTokenizer } from '../nn/tokenizer.js';
import { findTask, tasks } from './registry.js';
import type { Task, TextPair } from './task.js';
import { answerToken, fitPair, taskPairs } from './tokenize.js';
import { wordTokenizer } from './word-tokenizer.fixture.js';
import { familiar, rowWords } from './words.js';

const toy = wordTokenizer(['One', 'day', 'Lily', 'Tim', 'went', 'to', 'the', 'park', 'She', 'He', 'is']);
const lily: TextPair = { clean: 'One day, Lily went', corrupt: 'One day, Tim went', answer: ' She', wrong: ' He' };

describe('answerToken', () => {
  it('is the one token that the answer adds', () => {
    const id = answerToken(toy, lily.clean, ' She');
    expect(toy.token(id as number)).toBe(' She');
  });

  it('says which tokens a longer answer takes', () => {
    expect(answerToken(toy, lily.clean, ' Sheila')).toMatchObject({
      sort: 'answer of several tokens',
      reason: '" Sheila" is 7 tokens after this prompt (" ", "S", "h", "e", "i", "l", "a"), not one',
    });
    expect(answerToken(toy, lily.clean, '')).toMatchObject({ sort: 'answer of several tokens' });
  });

  it('refuses an answer that changes the tokens of the prompt', () => {
    expect(answerToken(toy, 'One day', 's')).toMatchObject({ sort: 'answer joins the prompt' });
  });
});

describe('fitPair', () => {
  it('gives tokens with the beginning-of-text token, and lists of answers', () => {
    const pair = fitPair({ ...lily, answer: [' She', ' is'] }, toy);
    if ('sort' in pair) throw new Error(pair.reason);
    expect(pair.clean[0]).toBe(toy.bos);
    expect(toy.decode(pair.clean)).toBe(lily.clean);
    expect(toy.decode(pair.corrupt)).toBe(lily.corrupt);
    expect(pair.answers.map((id) => toy.token(id))).toEqual([' She', ' is']);
    expect(pair.wrongs.map((id) => toy.token(id))).toEqual([' He']);
  });

  it.each([
    ['unequal length', { ...lily, corrupt: 'One day, Ben went' }, undefined],
    ['too long', lily, 5],
    ['answer is also wrong', { ...lily, wrong: [' He', ' She'] }, undefined],
    ['answer of several tokens', { ...lily, wrong: ' Hen' }, undefined],
  ])('refuses: %s', (sort, pair, context) => {
    expect(fitPair(pair, toy, context)).toMatchObject({ sort });
  });
});

describe('taskPairs', () => {
  const given = (pairs: readonly TextPair[]): Task => ({
    name: 'given',
    description: '',
    metric: 'logit-diff',
    *texts() {
      for (;;) yield* pairs;
    },
  });

  it('counts what it drops, and each pair once', () => {
    const misaligned = { ...lily, clean: 'One day went to the', corrupt: 'One day, I' };
    const { pairs, dropped } = taskPairs(given([lily, misaligned, { ...lily, corrupt: 'One day, Al went' }]), toy, {
      count: 3,
    });
    expect(pairs).toHaveLength(1);
    expect(dropped).toEqual({ 'unequal length': 1, 'words not aligned': 1 });
  });

  it('refuses a task of which nothing fits, and bad counts', () => {
    expect(() => taskPairs(given([{ ...lily, wrong: ' Hen' }]), toy, { count: 2 })).toThrow(
      /No pair of the task "given" fits this model's tokenizer \(answer of several tokens: 1\)/,
    );
    for (const count of [0, -1, 1.5, Number.NaN])
      expect(() => taskPairs(given([lily]), toy, { count })).toThrow(InputError);
  });

  it('gives built-in pairs that align, whatever the vocabulary', () => {
    for (const words of [[], [...familiar.girls, ...familiar.boys], rowWords]) {
      const tokenizer = wordTokenizer(['She', 'He', ...words]);
      for (const name of ['pronoun', 'bracket', 'quote', ...(words.length > 20 ? ['induction'] : [])]) {
        const { pairs } = taskPairs(findTask(name), tokenizer, { count: 40, seed: 1, part: 'evaluation' });
        expect(pairs).toHaveLength(40);
        for (const { clean, corrupt, answers, wrongs, text } of pairs) {
          expect(clean).toHaveLength(corrupt.length);
          expect(tokenizer.encode(text!.clean + text!.answer)).toEqual([...clean, ...answers]);
          expect(tokenizer.encode(text!.corrupt + text!.wrong)).toEqual([...corrupt, ...wrongs]);
        }
      }
    }
  });

  it('says so when words of several tokens leave a task without pairs', () => {
    expect(() => taskPairs(findTask('induction'), wordTokenizer([]), { count: 3 })).toThrow(/answer of several tokens/);
  });
});

const shared = process.env.FILIGREE_SHARED ?? fileURLToPath(new URL('../../../../../shared', import.meta.url));
const stories = `${shared}/models/stories260K`;
const missing = !existsSync(stories);
if (missing) console.warn(`skipped: no ${stories}`);

describe.skipIf(missing)('with the tokenizer of stories260K', () => {
  const read = (file: string): object => JSON.parse(readFileSync(`${stories}/${file}`, 'utf8'));
  const make = () => createTokenizer(read('tokenizer.json'), read('tokenizer_config.json'), { vocabulary: 512 });

  it('every task has pairs or is refused in one line that says why', () => {
    const tokenizer = make();
    const fits = ['pronoun', 'induction', 'bracket', 'quote', 'gender'];
    for (const task of tasks) {
      for (const part of ['discovery', 'evaluation'] as const) {
        const draw = () => taskPairs(task, tokenizer, { count: 20, part }).pairs;
        if (fits.includes(task.name)) expect(draw(), task.name).toHaveLength(20);
        else
          expect(draw, task.name).toThrow(/^No pair of the task .*(answer of several tokens|unequal length): \d+.*\.$/);
      }
    }
  });

  it('the names of pronoun are one token', () => {
    const tokenizer = make();
    const { pairs, dropped } = taskPairs(findTask('pronoun'), tokenizer, { count: 200 });
    expect(dropped).toEqual({});
    for (const { clean, corrupt } of pairs) expect(clean.filter((id, i) => id !== corrupt[i])).toHaveLength(1);
    const names = new Set(
      pairs.flatMap(({ text }) => text!.clean.match(/Lily|Timmy|Tim|[A-Z]\w+(?= (?:went|saw|wanted|found|played))/)),
    );
    expect(names).toEqual(new Set(['Lily', 'Tim', 'Timmy']));
  });

  it('drops natural quotations, whose marks take unequal numbers of tokens there', () => {
    expect(taskPairs(findTask('quote'), make(), { count: 50 }).dropped['unequal length']).toBeGreaterThan(10);
  });
});
