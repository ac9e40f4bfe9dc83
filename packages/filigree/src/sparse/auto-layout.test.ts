import { expect, it } from 'vitest';
import { autoLayout } from './auto-layout.js';

it('takes csr below the break-even density, earlier for a few samples', () => {
  expect(autoLayout([100, 50], 1000, 64)).toBe('csr');
  expect(autoLayout([100, 50], 1700, 64)).toBe('csr');
  expect(autoLayout([100, 50], 1700, 1)).toBe('dense');
  expect(autoLayout([100, 50], 2500, 64)).toBe('dense');
  expect(() => autoLayout([10, 5], 51, 1)).toThrow('a 10 x 5 weight cannot have 51 places');
});
