import { describe, expect, it } from 'vitest';
import { createTokenizer } from '../nn/tokenizer.js';
import { trainTokenizer } from '../nn/train-tokenizer.js';
import { corpus, ingredientsOf } from './corpus.js';
import { programTasks } from './program-tasks.js';
import { heldBases, heldNames, heldSaid } from './program-words.js';
import type { Part } from './task.js';
import { taskPairs } from './tokenize.js';

function programs(count: number, seed: number): string[] {
  const source = corpus({ seed, ingredients: ingredientsOf({ programs: 1 }) });
  return Array.from({ length: count }, () => source.next().value);
}

const text = programs(4000, 0);
const { tokenizer: json, config } = trainTokenizer(text, { size: 512, kind: 'programs' });
const tokenizer = createTokenizer(json, config, { vocabulary: 512 });
const pairsOf = (name: string, part: Part) =>
  taskPairs(programTasks.find((task) => task.name === name)!, tokenizer, { count: 200, part, context: 32 });

/** Strings of a program, without their marks, and the program without them. */
function parted(program: string): { strings: string[]; code: string } {
  const strings: string[] = [];
  const code = program.replace(/(["'])(.*?)\1/g, (_, __, inside: string) => {
    strings.push(inside);
    return '""';
  });
  return { strings, code };
}
const words = (of: string): string[] => of.match(/[A-Za-z_]+/g) ?? [];

describe('program', () => {
  it('is the same for the same seed', () => {
    expect(programs(20, 3)).toEqual(programs(20, 3));
    expect(programs(20, 3)).not.toEqual(programs(20, 4));
  });

  it('closes what it opens, indents by four and ends with a newline', () => {
    const closers: Readonly<Record<string, string>> = { '(': ')', '[': ']' };
    for (const each of text.slice(0, 1000)) {
      expect(each.endsWith('\n')).toBe(true);
      for (const line of parted(each).code.trimEnd().split('\n')) {
        const stack: string[] = [];
        for (const letter of line) {
          if (closers[letter]) stack.push(closers[letter]);
          else if (letter === ')' || letter === ']') expect(stack.pop()).toBe(letter);
        }
        expect(stack).toEqual([]);
        expect(/^ */.exec(line)![0].length % 4).toBe(0);
        expect(/["']/.test(line.replaceAll('""', ''))).toBe(false);
      }
    }
  });

  it('keeps what is held out in its place', () => {
    const [inStrings, inCode] = [new Set<string>(), new Set<string>()];
    const bases = new Set<string>();
    for (const { strings, code } of text.map(parted)) {
      for (const word of strings.flatMap(words)) inStrings.add(word);
      for (const word of words(code)) inCode.add(word);
      for (const [, base] of code.matchAll(/class \w+\((\w+)\)/g)) bases.add(base);
    }
    for (const word of heldNames) expect([inStrings.has(word), inCode.has(word)], word).toEqual([true, false]);
    for (const word of heldSaid) expect([inStrings.has(word), inCode.has(word)], word).toEqual([false, true]);
    for (const word of heldBases) expect([bases.has(word), inCode.has(word)], word).toEqual([false, true]);
    expect(bases.size).toBeGreaterThan(4);
  });

  it('answers the tasks as it should: what the text goes on with after a prompt is the answer, never the other', () => {
    const all = programs(20_000, 7).join('\n');
    let seen = 0;
    for (const { name } of programTasks) {
      for (const { text: pair } of pairsOf(name, 'discovery').pairs.slice(0, 60)) {
        for (const [prompt, answer, wrong] of [
          [pair!.clean, pair!.answer, pair!.wrong],
          [pair!.corrupt, pair!.wrong, pair!.answer],
        ] as const) {
          for (let at = all.indexOf(prompt); at >= 0; at = all.indexOf(prompt, at + 1)) {
            const rest = all.slice(at + prompt.length);
            // Programs and their lines begin behind a newline; a prompt may end within a name.
            if ((all[at - 1] ?? '\n') !== '\n' || /^[a-z]/.test(rest) !== /^[a-z]/.test(String(answer))) continue;
            // `]` is also the beginning of `]]` and of `],`: the longer mark is the token.
            const token = /^\]+,?/.exec(rest)?.[0];
            if (token !== undefined) expect(token, prompt).not.toBe(wrong);
            else expect(rest.startsWith(String(wrong)), `${prompt} ${rest.slice(0, 10)}`).toBe(false);
            seen++;
          }
        }
      }
    }
    expect(seen).toBeGreaterThan(100);
  });
});

describe('the tokenizer of programs', () => {
  it('gives every program back, and has the marks that tasks ask for as single tokens', () => {
    for (const each of text.slice(0, 500)) expect(tokenizer.decode(tokenizer.encode(each))).toBe(each);
    const { vocab } = json.model;
    for (const token of [']]', '],', '()', '.add', 'Ġ+=', '.write', '.read', 'super', 'self', 'Ġas', 'ĊĠĠĠĠ']) {
      expect(vocab[token], token).toBeDefined();
    }
    expect(Object.keys(vocab)).toHaveLength(512);
  });

  it('has every word of the programs as one token, with a space before it or not', () => {
    for (const word of new Set(words(text.join('\n')).filter((each) => each !== 'w' && each !== 'a'))) {
      const sizes = [`(${word}`, `( ${word}`, `(.${word}`].map((place) => tokenizer.encode(place).length - 1);
      expect(Math.min(...sizes), word).toBe(2);
    }
  });
});

describe.each(programTasks.map(({ name }) => name))('the pairs of %s', (name) => {
  it('fit the tokenizer, differ in few tokens and share no template words between the parts', () => {
    for (const part of ['discovery', 'evaluation'] as const) {
      const { pairs, dropped } = pairsOf(name, part);
      expect(pairs.length).toBe(200);
      expect(dropped).toEqual({});
      for (const { clean, corrupt } of pairs) {
        const apart = clean.filter((id, i) => id !== corrupt[i]).length;
        expect(apart).toBeGreaterThan(0);
        expect(apart).toBeLessThanOrEqual(2);
      }
    }
  });

  it('uses what the programs hold back in the pairs to judge on only', () => {
    const held = new Set([...heldNames, ...heldSaid, ...heldBases]);
    const kept = (part: Part): number =>
      pairsOf(name, part).pairs.filter(({ text: pair }) => words(pair!.clean + pair!.corrupt).some((w) => held.has(w)))
        .length;
    if (name !== 'set_or_string_fixedvarname') expect(kept('evaluation')).toBeGreaterThan(60);
  });
});
