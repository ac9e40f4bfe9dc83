import { InputError } from 'filigree';
import { describe, expect, it } from 'vitest';
import { bytes, choice, numberFrom, numberList, wholeNumber } from './options.js';

describe('options', () => {
  it('whole numbers', () => {
    const parse = wholeNumber('--n', 1, 10);
    expect([parse('1'), parse(' 10 '), parse('+3')]).toEqual([1, 10, 3]);
    for (const text of ['0', '11', '-1', '2.5', '1e1', '', 'x', '0x1'])
      expect(() => parse(text), text).toThrow(InputError);
    expect(() => parse('0')).toThrow('--n must be a whole number, from 1 to 10, not "0".');
  });

  it('numbers', () => {
    const parse = numberFrom('--x', 0);
    expect([parse('0'), parse('1e-3'), parse('.5')]).toEqual([0, 0.001, 0.5]);
    for (const text of ['-0.1', '', 'NaN', 'Infinity', '1,5']) expect(() => parse(text), text).toThrow(InputError);
  });

  it('lists', () => {
    expect(numberList('--l', 0)('3,0, 12')).toEqual([3, 0, 12]);
    for (const text of ['', '1,', '1;2', '1,-2']) expect(() => numberList('--l', 0)(text), text).toThrow(InputError);
  });

  it('choices suggest the nearest', () => {
    const parse = choice('--rule', ['right', 'left']);
    expect(parse('left')).toBe('left');
    expect(() => parse('rihgt')).toThrow('--rule cannot be "rihgt". Did you mean right? Choose one of right, left.');
  });

  it('amounts of memory', () => {
    const parse = bytes('--memory');
    expect([parse('512M'), parse('1.5g'), parse('2GiB'), parse('1048576')]).toEqual([
      2 ** 29,
      1.5 * 2 ** 30,
      2 ** 31,
      2 ** 20,
    ]);
    for (const text of ['0', '5G', '-1M', 'M', '12', '1T']) expect(() => parse(text), text).toThrow(InputError);
  });
});
