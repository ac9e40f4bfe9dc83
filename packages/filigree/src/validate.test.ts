import fc from 'fast-check';
import { expect, it } from 'vitest';
import { InputError } from './errors.js';
import { parsePythonJson } from './validate.js';

it('reads any JSON as it is', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parsePythonJson(text, 'x')).toEqual(JSON.parse(text));
    }),
  );
});

it('reads what Python writes for numbers that are not finite, but leaves text alone', () => {
  const text = '{"NaN": [NaN, -NaN, Infinity, -Infinity, 1.5], "a\\"NaN": "is NaN, Infinity \\\\"}';
  expect(parsePythonJson(text, 'x')).toEqual({
    NaN: [null, null, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1.5],
    'a"NaN': 'is NaN, Infinity \\',
  });
  for (const bad of ['[NaNs]', '[1', '"NaN', '{NaN: 1}']) expect(() => parsePythonJson(bad, 'x')).toThrow(InputError);
});
