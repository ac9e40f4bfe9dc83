import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from './errors.js';
import { editDistance, findNamed, nearest } from './nearest.js';

describe('editDistance', () => {
  it('counts insertions, deletions, replacements and swaps', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('quote', 'quoet')).toBe(1);
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('Pronoun', 'pronoun')).toBe(0);
  });

  it('is symmetric, zero for equals and at most the longer length', () => {
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(distance).toBe(editDistance(b, a));
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

describe('nearest', () => {
  const names = ['pronoun', 'induction', 'bracket', 'quote'];

  it('finds what was meant', () => {
    expect(nearest('pronuon', names)).toBe('pronoun');
    expect(nearest('brackets', names)).toBe('bracket');
    expect(nearest('induct', names)).toBe('induction');
    expect(nearest('QUOTE', names)).toBe('quote');
  });

  it('stays silent where nothing is near', () => {
    expect(nearest('weather', names)).toBeUndefined();
    expect(nearest('x', names)).toBeUndefined();
    expect(nearest('', names)).toBeUndefined();
    expect(nearest('pronoun', [])).toBeUndefined();
  });
});

it('an item is found by its name, or the nearest name and all of them are told', () => {
  const items = [{ name: 'pronoun' }, { name: 'quote' }];
  const find = (name: string) => findNamed('task', name, items, (item) => item.name, '; or a file');
  expect(find('quote')).toBe(items[1]);
  expect(() => find('qoute')).toThrow(InputError);
  expect(() => find('qoute')).toThrow(
    'There is no task "qoute". Did you mean "quote"? The tasks are pronoun, quote; or a file.',
  );
  expect(() => find('weather')).toThrow('There is no task "weather". The tasks are pronoun, quote; or a file.');
});
