import { describe, expect, it } from 'vitest';
import {
  plantedDepth,
  plantedGates,
  plantedInduction,
  plantedIoi,
  plantedPositional,
  plantedTwoHop,
} from '../tasks/index.js';
import type { Pair } from '../tasks/task.js';
import { measureCircuits } from './evaluate.js';
import { exactPatching } from './exact.js';

/** Pairs whose last token is not the first one: position 0 is its own predecessor, which makes the first token special. */
const notFirst = ({ clean, corrupt }: Pair): boolean =>
  clean[0] !== clean[clean.length - 1] && corrupt[0] !== corrupt[corrupt.length - 1];

/** What cutting each true edge changes the logit difference by, worked out by hand for saturated attention without decoys. */
const circuits = [
  {
    name: 'induction',
    make: () => plantedInduction({ beta: 40, decoys: 0 }),
    take: notFirst,
    clean: 4,
    // The corrupted prompt's answer is written in place of the right one.
    changes: { 'a1.h0->logits': -8 },
  },
  {
    name: 'ioi',
    make: () => plantedIoi({ beta: 40, decoys: 0 }),
    take: (): boolean => true,
    clean: 4,
    changes: {
      // No name is inhibited, or the wrong one: A, B and B share the attention, 4/3 against 8/3.
      'input->a0.h0<q>': -4 - 4 / 3,
      'a0.h0->a1.h0<k>': -4 - 4 / 3,
      'input->a1.h0<v>': -4 - 4 / 3,
      'a1.h0->a2.h0<q>': -4 - 4 / 3,
      // The third name stands where B does, not inhibited; what is copied from there is still B.
      'input->a2.h0<k>': -4,
      'a2.h0->logits': -4,
    },
  },
  {
    name: 'depth',
    make: () => plantedDepth({ decoys: 0 }),
    take: (): boolean => true,
    clean: 2,
    changes: { 'input->a0.h0<v>': -4, 'a0.h0->m1': -4, 'm1->logits': -4 },
  },
  {
    name: 'two-hop',
    make: () => plantedTwoHop({ decoys: 0 }),
    take: (): boolean => true,
    clean: 4,
    changes: { 'input->m0': -8, 'm0->m1': -8, 'm1->logits': -8 },
  },
  {
    name: 'gates',
    make: () => plantedGates({ beta: 40, decoys: 0 }),
    take: (): boolean => true,
    clean: 2 * 4 - 2.5,
    // The saboteur lowers the wrong answer instead of the right one.
    changes: { 'a1.h0->logits': -8, 'a1.h1->logits': -8, 'a1.h2->logits': 5 },
  },
  {
    name: 'positional',
    make: () => plantedPositional({ beta: 40, decoys: 0 }),
    take: (): boolean => true,
    clean: 0.8,
    changes: {
      // Nothing matches, so all attention goes to the rival.
      'input->a0.h0<v>': -4.8,
      'a0.h0->a1.h0<k>': -4.8,
      'input->a1.h0<q>': -4.8,
      // The answer comes from the rival and the rival from the answer.
      'input->a0.h1<v>': -1.6,
      'a0.h1->a1.h0<v>': -1.6,
      'a1.h0->logits': -1.6,
    },
  },
];

/** Edges into and out of the head of the planted `gates` that does harm: cutting them helps. */
const harms = (name: string): boolean => name.includes('a1.h2');

describe.each(circuits)('the planted $name circuit', ({ make, take, clean, changes }) => {
  it('is what exact patching finds, edge by edge as worked out by hand', async () => {
    const { model, pairs, truth } = make();
    const found = await exactPatching(model, pairs(24, 1).filter(take));
    expect(found.metric.clean).toBeCloseTo(clean, 3);
    for (const place of found.graph.places()) {
      const name = found.graph.edgeName(place);
      if (truth.has(name)) expect(harms(name) ? -found.scores[place] : found.scores[place], name).toBeLessThan(-1);
      else expect(Math.abs(found.scores[place]), name).toBeLessThan(1e-4);
    }
    const byName = new Map([...found.graph.places()].map((p) => [found.graph.edgeName(p), found.scores[p]]));
    for (const [name, change] of Object.entries(changes)) expect(byName.get(name), name).toBeCloseTo(change, 3);
    model.dispose();
  });

  it('does the task alone, and without it nothing does', async () => {
    const { model, pairs, truth } = make();
    const data = pairs(24, 2).filter(take);
    const { graph } = await exactPatching(model, data.slice(0, 1));
    const kept = Uint8Array.from({ length: graph.tableSize }, (_, place) => Number(truth.has(graph.edgeName(place))));
    const rest = new Uint8Array(graph.tableSize);
    for (const place of graph.places()) rest[place] = 1 - kept[place];
    const measured = await measureCircuits(model, graph, data, [kept, rest]);
    measured.clean.forEach((value, i) => {
      expect(measured.circuits[0][i]).toBeCloseTo(value, 3);
      expect(measured.circuits[1][i]).toBeCloseTo(measured.corrupt[i], 3);
    });
    model.dispose();
  });
});
