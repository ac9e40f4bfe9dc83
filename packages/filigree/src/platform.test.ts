import { afterEach, expect, it } from 'vitest';
import { breathe, type Platform, setPlatform } from './platform.js';

let turns = 0;
let time = 0;
const host: Platform = {
  cores: 1,
  now: () => time,
  spawn: () => ({ terminate() {} }),
  turn: async () => {
    turns++;
  },
};
afterEach(() => {
  turns = 0;
});

it('gives the host a turn, but not more often than every 30 milliseconds', async () => {
  setPlatform(host);
  time = 1000;
  await breathe();
  expect(turns).toBe(1);
  time = 1029;
  await breathe();
  expect(turns).toBe(1);
  time = 1030;
  await breathe();
  expect(turns).toBe(2);
});
