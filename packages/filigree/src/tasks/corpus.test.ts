import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../nn/tokenizer.js';
import { tokenizerOf } from '../training/language-model.js';
import { findRecipe } from '../training/recipes.js';
import { type CorpusOptions, corpus, ingredientsOf } from './corpus.js';
import { heldNouns, plural, verbs } from './herds.js';
import { heldPeople } from './people.js';
import { findTask, tasks } from './registry.js';
import type { TextPair } from './task.js';
import { taskPairs } from './tokenize.js';
import { familiar, heldBracketWords, heldParameters, heldStems } from './words.js';
import { heldEvents } from './years.js';

function take<T>(source: Iterable<T>, count: number): T[] {
  const list: T[] = [];
  for (const value of source) {
    list.push(value);
    if (list.length === count) break;
  }
  return list;
}

/** The text of every task. */
const recipe = findRecipe('mix4');
const ingredients = ingredientsOf(recipe.text);
const textOf = (options: CorpusOptions, count: number): string[] => take(corpus(options), count);
const passages = (name: string, count: number): string[] =>
  textOf({ seed: 5, ingredients: ingredientsOf({ [name]: 1 }) }, count);
const pairs = (name: string): TextPair[] =>
  take(findTask(name).texts({ seed: 1, part: 'evaluation', oneToken: () => false }), 80);
const words = (text: string): string[] => text.match(/[A-Za-z]+/g) ?? [];
const text = [
  ...textOf({ seed: 1, ingredients }, 15_000),
  ...textOf({ seed: 1, ingredients: ingredientsOf(findRecipe('stories').text) }, 5000),
];

describe('corpus', () => {
  it('is the same for the same seed, and holds every ingredient as often as it should', () => {
    const some = (seed: number): string[] => textOf({ seed, ingredients }, 50);
    expect(some(3)).toEqual(some(3));
    expect(some(3)).not.toEqual(some(4));
    const total = ingredients.reduce((sum, { weight }) => sum + weight, 0);
    const marks = {
      lists: /^(\w+ =|The \w+ has|I see|Here is) .*[[({]/,
      code: /^def /,
      'long rhymes': /(sang|Sing|song of \w+):/,
    };
    const drawn = textOf({ seed: 1, ingredients }, 10_000);
    for (const [name, mark] of Object.entries(marks)) {
      const { weight } = ingredients.find((each) => each.name === name)!;
      const rate = drawn.filter((passage) => mark.test(passage)).length / drawn.length;
      expect(Math.abs(rate - weight / total), name).toBeLessThan(0.02);
    }
  });

  it('never names a held-out name, and no familiar one when asked so', () => {
    const held = new Set(heldStems.flatMap((stem) => [stem + 'a', stem + 'o']));
    expect(text.flatMap(words).filter((word) => held.has(word))).toEqual([]);
    const known = new Set<string>([...familiar.girls, ...familiar.boys]);
    expect(text.flatMap(words).some((word) => known.has(word))).toBe(true);
    expect(
      textOf({ seed: 1, names: 'paired', ingredients }, 5000)
        .flatMap(words)
        .filter((word) => known.has(word)),
    ).toEqual([]);
  });

  it('never has a prompt of a task, nor its template', () => {
    const all = text.join('\n');
    /** Whether the text has the prompt and goes on with something else than the rest of a word ("like", "liked"). */
    const has = (prompt: string): boolean => all.split(prompt).some((rest, i) => i > 0 && !/^[a-z]/.test(rest));
    for (const { name } of tasks) {
      // A noun alone, or in the beginning of a clause, is no template: what must not follow is checked below.
      if (['agreement-simple', 'agreement-within-rc'].includes(name)) continue;
      for (const { clean, corrupt } of pairs(name)) {
        expect(has(clean), clean).toBe(false);
        expect(has(corrupt), corrupt).toBe(false);
      }
    }
    // A name after one of the task's openers, or before one of its deeds.
    const stories = passages('stories', 10_000).join('\n');
    expect(stories.match(/(One day|Today|One morning|Then), (?!she|he|they)[A-Z]/)).toBeNull();
    expect(
      stories.match(/\b(?!She|He|They)[A-Z][a-z]+ (went to|saw a|wanted to play|found a|played with)\b/),
    ).toBeNull();
    for (const lead of [
      'They sang:',
      'Mom said:',
      'She sang:',
      'He sang:',
      'The box has',
      'room =',
      'We see',
      'Mom said, ',
      'write(',
      'read(',
    ]) {
      expect(all.includes(lead)).toBe(false);
    }
  });

  it('never has what the tasks ask about their names and nouns', () => {
    const all = text.join('\n');
    const any = (list: readonly string[]): string => `(${list.join('|')})`;
    const nouns = any(heldNouns.flatMap((noun) => [noun, plural(noun)]));
    const present = any([
      ...verbs.flatMap(({ one, many }) => [one, many]),
      'sees?',
      'hears?',
      'knows?',
      'wants?',
      'likes?',
    ]);
    const handed = any([
      ...'handed sold passed showed sent brought'.split(' '),
      'wanted to (show|sell)',
      'gave (a|the|it)',
    ]);
    for (const never of [
      new RegExp(`\\b${any(heldPeople)} ${handed}\\b`),
      new RegExp(`\\b${handed} [a-z ]*to ${any(heldPeople)}\\b`),
      new RegExp(`\\b(The|From|was a) [^.]*\\b${any(heldEvents)}\\b[^.]*\\d\\d`),
      new RegExp(`:param ${any(heldParameters)}:`),
      /\b(said|saw|found) that\b/,
    ]) {
      expect(all.match(never)?.[0], String(never)).toBeUndefined();
    }
    // Rhymes and lists put any word behind any other.
    const sentences = ['stories', 'sayings', 'gifts', 'years', 'jobs', 'herds']
      .flatMap((name) => passages(name, 3000))
      .join('\n');
    for (const never of [
      new RegExp(`\\b[Tt]he (\\w+ )?${nouns} ${present}\\b`),
      new RegExp(`\\bnear the (\\w+ )*${nouns}\\b`),
      /\bthat the (?:(?!(?:see|hear|know|want|find)s? )\w+ )+likes?\b/,
    ]) {
      expect(sentences.match(never)?.[0], String(never)).toBeUndefined();
    }
  });

  it('keeps the words that the task `bracket` uses out of brackets', () => {
    for (const list of passages('lists', 2000)) {
      const inside = list.slice(list.search(/[[({]/));
      expect(words(inside).filter((word) => heldBracketWords.includes(word))).toEqual([]);
    }
  });

  it('has repeats in rhymes, balanced brackets in lists, and closed quotations', () => {
    for (const rhyme of passages('rhymes', 300)) {
      const row = words(rhyme.split(':')[1]);
      expect(new Set(row).size).toBeLessThan(row.length + (/\d/.test(rhyme) ? 1 : 0));
    }
    for (const list of passages('lists', 300)) {
      const stack: string[] = [];
      for (const letter of list) {
        const open = '([{'.indexOf(letter);
        if (open >= 0) stack.push(')]}'[open]);
        else if (')]}'.includes(letter)) expect(stack.pop()).toBe(letter);
      }
      expect(stack).toEqual([]);
    }
    for (const talk of passages('sayings', 300)) expect(talk.replace(/(["'])[^"']*\1/g, '')).not.toMatch(/["']/);
  });
});

describe("the tokenizer of our own model's text", () => {
  const files = tokenizerOf(recipe, 1);
  const tokenizer = createTokenizer(files.tokenizer, files.config, { vocabulary: recipe.tokenizer.size });

  it('gives the text back', () => {
    for (const passage of text.slice(0, 1000)) expect(tokenizer.decode(tokenizer.encode(passage))).toBe(passage);
  });

  it('has pairs of every task in both parts, with names from the held-out stems', () => {
    for (const task of tasks) {
      for (const part of ['discovery', 'evaluation'] as const) {
        expect(taskPairs(task, tokenizer, { count: 40, part, context: 64 }).pairs).toHaveLength(40);
      }
    }
    for (const { text } of taskPairs(findTask('pronoun'), tokenizer, { count: 100 }).pairs) {
      expect(heldStems.some((stem) => text!.clean.includes(` ${stem}a `) || text!.clean.includes(` ${stem}o `))).toBe(
        true,
      );
    }
  });

  it('reads Lily and Tim in equally many tokens, so that a prompt can tell them apart', () => {
    const count = (word: string): number => tokenizer.encode(word, { bos: false }).length;
    expect(count(' Lily')).toBe(count(' Tim'));
  });
});
