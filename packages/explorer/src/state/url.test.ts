import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packNumbers, parsePlace, placeHash, unpackNumbers } from './url.js';

describe('addresses', () => {
  it('come back as they were', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1 });
    const params = fc.dictionary(fc.constantFrom('n', 'on', 'clean', 'groups'), name);
    fc.assert(
      fc.property(
        fc.constantFrom('circuit', 'compare' as const),
        fc.array(name, { minLength: 1, maxLength: 2 }),
        params,
        (view, ids, p) => {
          const place = { view: view as 'circuit', ids, params: { ...p } };
          expect(parsePlace(placeHash(place))).toEqual(place);
        },
      ),
    );
  });

  it('that mean nothing lead home', () => {
    for (const hash of ['', '#', '#/', '#/nowhere/x', '#/%E0%A4%A']) expect(parsePlace(hash).view).toBe('home');
    expect(parsePlace('#/circuit/%E0%A4%A').ids).toEqual([]);
  });

  it('pack numbers', () => {
    expect(unpackNumbers(packNumbers([3, 0, 12]))).toEqual([3, 0, 12]);
    expect(unpackNumbers('1.x.-2..7')).toEqual([1, 7]);
    expect(unpackNumbers(undefined)).toEqual([]);
  });
});
