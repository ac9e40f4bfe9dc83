import { describe, expect, it } from 'vitest';
import { progressText } from './progress.js';

describe('progress', () => {
  it('shows the bar, the rate and the time left', () => {
    expect(progressText('scoring', { done: 30, total: 120, unit: 'pairs' }, 2, 8)).toBe(
      'scoring [==      ] 30/120 pairs, 15 pairs/s, 0:06 left',
    );
  });

  it('shows bytes in MiB, and long times in hours', () => {
    const state = { done: 2 ** 20, total: 7300 * 2 ** 20, unit: 'bytes' };
    expect(progressText('downloading', state, 1, 0)).toBe('downloading 1.0/7300.0 MiB, 1.0 MiB/s, 2:01:39 left');
  });

  it('promises nothing before anything is done', () => {
    expect(progressText('scoring', { done: 0, total: 10, unit: 'pairs' }, 3, 0)).toBe('scoring 0/10 pairs');
    expect(progressText('scoring', { done: 0, total: 0, unit: 'pairs' }, 3, 4)).toBe('scoring [    ] 0/0 pairs');
  });
});
