import { describe, expect, it } from 'vitest';
import {
  coverage,
  type DenseGradient,
  type Edit,
  type RewireContext,
  type Rewirer,
  type RewirerMemory,
  randomFanIn,
  randomTopology,
  sameFanIn,
  type Topology,
} from '../sparse/index.js';
import { Random } from '../tensor/index.js';
import { dstEe } from './dst-ee.js';
import { rigl } from './rigl.js';
import { set } from './set.js';
import { srigl } from './srigl.js';

/** A gradient that is there as a whole, given in runs of three rows. */
function gradientOf(all: Float64Array, rows: number, cols: number): DenseGradient {
  return {
    async rows(visit) {
      for (let first = 0; first < rows; first += 3) visit(first, all.slice(first * cols, (first + 3) * cols));
    },
  };
}

interface Weight {
  topology: Topology;
  values: Float64Array;
  memory: RewirerMemory;
}

/** One rewiring with random gradients; new weights get random values afterwards, as training would give them. */
async function turn(weight: Weight, rewirer: Rewirer, round: number, rounds: number, last = false): Promise<Edit> {
  const { topology, values, memory } = weight;
  const random = new Random(1000 + round);
  const gradient = gradientOf(random.normals(topology.rows * topology.cols), topology.rows, topology.cols);
  const t = round / (rounds + 1);
  const context: RewireContext = { name: 'w', topology, values, t, round, last, random, memory, gradient };
  const edit = await rewirer.rewire(context);
  const { next, from } = topology.edit(edit.drop, edit.add);
  weight.topology = next;
  weight.values = Float64Array.from(from, (old) => (old < 0 ? 0 : values[old]) + 0.3 * random.normal());
  return edit;
}

const start = (topology: Topology): Weight => ({
  topology,
  values: new Random(5).normals(topology.size),
  memory: {},
});

describe('SET', () => {
  it('drops exactly the quantile of each sign nearest to zero, and grows as many elsewhere', async () => {
    const weight = start(randomTopology(12, 20, 60, new Random(1)));
    for (let round = 1; round <= 30; round++) {
      const { topology, values } = weight;
      const { drop, add } = await turn(weight, set({ zeta: 0.3 }), round, 30);
      const dropped = new Set(Array.from(drop));
      for (const sign of [1, -1]) {
        const side = [...values.keys()].filter((s) => sign * values[s] > 0);
        const sizes = side.map((s) => Math.abs(values[s])).sort((a, b) => a - b);
        const count = Math.floor(0.3 * side.length);
        expect(
          side
            .filter((s) => dropped.has(s))
            .map((s) => Math.abs(values[s]))
            .sort((a, b) => a - b),
        ).toEqual(sizes.slice(0, count));
      }
      expect(add.length).toBe(drop.length);
      expect(weight.topology.size).toBe(60);
      const kept = new Set([...topology.keys()].filter((_, s) => !dropped.has(s)));
      for (const key of add) expect(kept.has(key)).toBe(false);
    }
  });
});

describe('DST-EE', () => {
  it('with c = 0 is RigL, mask by mask', async () => {
    const ours = start(randomTopology(10, 17, 40, new Random(2)));
    const other = start(ours.topology);
    for (let round = 1; round <= 50; round++) {
      await turn(ours, dstEe({ c: 0, until: 1 }), round, 50);
      await turn(other, rigl({ until: 1 }), round, 50);
      expect([...ours.topology.keys()]).toEqual([...other.topology.keys()]);
      expect([...ours.values]).toEqual([...other.values]);
    }
  });

  it('with a huge c tries every place in as few rounds as can be', async () => {
    const weight = start(randomTopology(10, 17, 40, new Random(2)));
    const constant = { ...dstEe({ c: 1e30, until: 1 }) };
    // The share falls along a cosine; held at its beginning it is 12 of 40.
    const rounds = Math.ceil((170 - 40) / 12);
    for (let round = 1; round <= rounds; round++) {
      expect(weight.topology.size).toBe(40);
      await turn(weight, { ...constant, rewire: (c) => constant.rewire({ ...c, t: 0 }) }, round, rounds);
      const tried = new Set([...weight.topology.keys()]);
      for (let k = 0; k < weight.memory.rows.length; k++)
        tried.add(weight.memory.rows[k] * 17 + weight.memory.columns[k]);
      expect(tried.size).toBe(Math.min(170, 40 + 12 * round));
    }
    await turn(weight, constant, rounds + 1, rounds);
    expect(coverage(weight.memory, weight.topology)).toBe(1);
  });

  it('sets its own weight once, so that the bonus is the 95th percentile of the gradient', async () => {
    const weight = start(randomTopology(10, 20, 40, new Random(2)));
    await turn(weight, dstEe({ until: 1 }), 1, 9);
    const sizes = new Random(1001).normals(200).map(Math.abs).sort();
    const c = new Float32Array(weight.memory.exploration.slice().buffer)[0];
    expect(c * Math.log(2)).toBeCloseTo(sizes[Math.floor(0.95 * 199)], 5);
    const bits = [...weight.memory.exploration];
    await turn(weight, dstEe({ until: 1 }), 2, 9);
    expect([...weight.memory.exploration]).toEqual(bits);
  });
});

describe('SRigL', () => {
  it('keeps fan-in equal and the budget through 200 rewirings, switching neurons off', async () => {
    const [rows, cols, fan] = [24, 30, 3];
    const weight = start(randomFanIn(rows, cols, fan, new Random(3)));
    let fewest = rows;
    for (let round = 1; round <= 200; round++) {
      const rewirer = srigl({ until: 1, ablation: 0.9 });
      await turn(weight, { ...rewirer, rewire: (c) => rewirer.rewire({ ...c, t: 0.1 }) }, round, 200);
      const { topology } = weight;
      expect(sameFanIn.legal(topology)).toBe(true);
      const fans = Array.from({ length: rows }, (_, i) => topology.pointers[i + 1] - topology.pointers[i]);
      const active = fans.filter((n) => n > 0).length;
      expect(Math.max(...fans)).toBe(Math.min(cols, Math.floor((rows * fan) / active)));
      expect(topology.size).toBeLessThanOrEqual(rows * fan);
      expect(topology.size).toBeGreaterThan(rows * fan - active);
      expect(new Set(topology.keys()).size).toBe(topology.size);
      fewest = Math.min(fewest, active);
    }
    expect(fewest).toBeLessThan(rows);
  });

  it('keeps all neurons in the last layer, and where it is told to', async () => {
    for (const [last, ablation] of [
      [true, 0.9],
      [false, 0],
    ] as const) {
      const weight = start(randomFanIn(24, 30, 3, new Random(3)));
      for (let round = 1; round <= 20; round++) await turn(weight, srigl({ until: 1, ablation }), round, 20, last);
      for (let i = 0; i < 24; i++) expect(weight.topology.pointers[i + 1] - weight.topology.pointers[i]).toBe(3);
    }
  });

  it('chooses as the definition says', async () => {
    // By hand: 2 of 4 weights are replaced. Kept: 5 (row 0) and 4 (row 1). The steepest places are in row 0.
    const topology = randomFanIn(2, 4, 2, new Random(8));
    const keys = [...topology.keys()];
    const values = Float64Array.of(5, 1, 4, 2);
    const gradients = new Float64Array(8).map((_, k) => 10 - k);
    const rewirer = srigl({ alpha: 0.5, until: 1, ablation: 0 });
    const context = { name: 'w', topology, values, t: 0, round: 1, last: false, random: new Random(1), memory: {} };
    const edit = await rewirer.rewire({ ...context, gradient: gradientOf(gradients, 2, 4) });
    const next = topology.edit(edit.drop, edit.add).next;
    for (const [row, kept] of [
      [0, keys[0]],
      [1, keys[2]],
    ]) {
      const first = [0, 1, 2, 3].map((j) => row * 4 + j).filter((key) => key !== kept)[0];
      expect([...next.keys()].filter((key) => Math.floor(key / 4) === row)).toEqual(
        [kept, first].sort((a, b) => a - b),
      );
    }
  });
});
