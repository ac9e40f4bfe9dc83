import { expect, it } from 'vitest';
import { Random } from '../tensor/index.js';
import { anySupport, nmGroups, sameFanIn, within } from './constraint.js';
import { randomFanIn, randomTopology } from './random-topology.js';
import { dropAndGrow, dropSmallest, dropTwoSided } from './rewire.js';
import { gradientSize, magnitude } from './score.js';
import { Topology } from './topology.js';

it('constraints tell legal supports', () => {
  const t = (mask: number[]) => Topology.fromMask(mask, 2, 4);
  expect(anySupport.legal(t([1, 1, 1, 1, 0, 0, 0, 1]))).toBe(true);
  expect(sameFanIn.legal(t([1, 1, 0, 0, 0, 0, 0, 0]))).toBe(true);
  expect(sameFanIn.legal(t([1, 1, 0, 0, 0, 0, 0, 1]))).toBe(false);
  expect(nmGroups(1, 2).legal(t([1, 0, 0, 1, 0, 1, 0, 0]))).toBe(true);
  expect(nmGroups(1, 2).legal(t([1, 1, 0, 0, 0, 1, 0, 0]))).toBe(false);
  const allowed = t([1, 0, 1, 0, 1, 0, 1, 0]);
  expect(within(allowed).legal(t([1, 0, 0, 0, 0, 0, 1, 0]))).toBe(true);
  expect(within(allowed).legal(t([1, 1, 0, 0, 0, 0, 1, 0]))).toBe(false);
});

it.each(['random', gradientSize] as const)('rewiring stays inside a source network: %o', async (grow) => {
  const source = randomTopology(8, 10, 40, new Random(1));
  let topology = Topology.fromKeys(
    [...source.keys()].filter((_, k) => k % 2 === 0),
    8,
    10,
  );
  const options = { fraction: () => 0.4, every: 1, within: () => source };
  const drop = grow === 'random' ? dropTwoSided : dropSmallest(magnitude);
  const rewirer = dropAndGrow({ ...options, drop, grow });
  const seen = new Set<number>();
  for (let round = 1; round <= 20; round++) {
    const random = new Random(round);
    const gradients = random.normals(80);
    const edit = await rewirer.rewire({
      name: 'w',
      topology,
      values: random.normals(topology.size),
      t: 0,
      round,
      last: false,
      random,
      memory: {},
      gradient: { rows: async (visit) => visit(0, gradients) },
    });
    topology = topology.edit(edit.drop, edit.add).next;
    expect(within(source).legal(topology)).toBe(true);
    expect(topology.size).toBe(20);
    for (const key of topology.keys()) seen.add(key);
  }
  expect(seen.size).toBe(40);
});

it('asks for fan-ins that fit', () => {
  expect(() => randomFanIn(3, 2, 4, new Random(1))).toThrow('4 places cannot be drawn from 2');
});
