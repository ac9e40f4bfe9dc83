import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cameraText, packNumbers, parsePlace, placeHash, readCamera, unpackNumbers } from './url.js';

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

  it('say where a drawing is seen', () => {
    const size = { width: 900, height: 700 };
    fc.assert(
      fc.property(
        fc.double({ min: 0.05, max: 8, noNaN: true }),
        fc.integer({ min: -9999, max: 9999 }),
        fc.integer({ min: -9999, max: 9999 }),
        (k, cx, cy) => {
          const view = { k, x: size.width / 2 - cx * k, y: size.height / 2 - cy * k };
          const back = readCamera(cameraText(view, size));
          expect(Math.abs((back?.k ?? 0) - k)).toBeLessThanOrEqual(0.00051);
          expect([(back?.x ?? 0) - cx, (back?.y ?? 0) - cy]).toEqual([0, 0]);
        },
      ),
    );
    for (const text of ['', 'x', '100_1', '100_1_2_3', '-5_1_2']) expect(readCamera(text)).toBeUndefined();
  });

  it('pack numbers', () => {
    expect(unpackNumbers(packNumbers([3, 0, 12]))).toEqual([3, 0, 12]);
    expect(unpackNumbers('1.x.-2..7')).toEqual([1, 7]);
    expect(unpackNumbers(undefined)).toEqual([]);
  });
});
