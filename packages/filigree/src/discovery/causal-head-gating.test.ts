import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { plantedGates } from '../tasks/index.js';
import { causalHeadGating, gatedNll, gateGradients, gateModularity } from './causal-head-gating.js';

const all = [1, 1, 1, 1, 1, 1, 1, 1];
const places = { previous: 0, copies: [4, 5], saboteur: 6, decoys: [1, 2, 3, 7] };

describe('causal head gating', () => {
  it('tells heads that help, hurt and do not matter, and beats the model that it gates', async () => {
    const { model, pairs } = plantedGates();
    const gates = await causalHeadGating(model, pairs(12, 1), { steps: 40 });
    expect(gates.kept[places.saboteur]).toBeLessThan(0.1);
    for (const head of [places.previous, ...places.copies]) expect(gates.dropped[head]).toBeGreaterThan(0.9);
    expect(gates.interference[places.saboteur]).toBeGreaterThan(0.9);
    gates.irrelevance.forEach((value, i) => {
      expect(value + gates.dropped[i] * gates.kept[i] + gates.interference[i]).toBeCloseTo(1, 12);
    });
    const [whole, kept, dropped] = await gatedNll(model, pairs(12, 2), [all, gates.kept, gates.dropped]);
    expect(kept).toBeLessThan(whole);
    expect(dropped).toBeLessThan(whole);
    // A decoy that the first fit drove beyond the clip stays, unless the pushed fits start within.
    const clipped = await causalHeadGating(model, pairs(12, 1), { steps: 40, clippedStart: true });
    expect(clipped.free).toEqual(gates.free);
    for (const head of places.decoys) expect(clipped.dropped[head]).toBeLessThan(0.1);
    for (const head of [places.previous, ...places.copies]) expect(clipped.dropped[head]).toBeGreaterThan(0.5);
    const again = await causalHeadGating(model, pairs(12, 1), { steps: 2, seed: 5 });
    expect(await causalHeadGating(model, pairs(12, 1), { steps: 2, seed: 5 })).toEqual(again);
    model.dispose();
  });

  it('drops what serves the contrast only', async () => {
    const planted = plantedGates({ decoys: 0 });
    const contrast = { pairs: planted.pairs(8, 2), gamma: 3 };
    // The same behaviour is asked for once and forbidden three times: nothing that does it may stay.
    const gates = await causalHeadGating(planted.model, planted.pairs(8, 1), { steps: 20, contrast });
    const plain = await causalHeadGating(planted.model, planted.pairs(8, 1), { steps: 20 });
    const judged = planted.pairs(8, 3);
    const [with_, without] = await gatedNll(planted.model, judged, [plain.free, gates.free]);
    expect(with_).toBeLessThan(0.2);
    expect(without).toBeGreaterThan(1.5);
    planted.model.dispose();
  });

  it('has gradients that agree with differences', async () => {
    const { model, pairs } = plantedGates();
    const data = pairs(6, 1);
    const slopes = await gateGradients(model, data);
    const h = 1e-2;
    const moved = (i: number, by: number): number[] => all.map((g, j) => (i === j ? g + by : g));
    const nll = await gatedNll(
      model,
      data,
      all.flatMap((_, i) => [moved(i, h), moved(i, -h)]),
    );
    slopes.forEach((slope, i) => {
      expect(slope).toBeCloseTo((nll[2 * i + 1] - nll[2 * i]) / (2 * h), 3);
    });
    expect(Math.max(...slopes)).toBeGreaterThan(0.01);
    model.dispose();
  });

  it('stops when asked to, and refuses what makes no sense', async () => {
    const { model, pairs } = plantedGates();
    const data = pairs(4, 1);
    const signal = AbortSignal.abort();
    await expect(causalHeadGating(model, data, { signal })).rejects.toThrow(/abort/);
    for (const [options, message] of [
      [{ lambda: -1 }, /lambda/],
      [{ steps: 0 }, /steps/],
      [{ batch: 1.5 }, /batch/],
      [{ memory: 10 }, /MiB/],
      [{ contrast: { pairs: [] } }, /no pairs/],
    ] as const) {
      await expect(causalHeadGating(model, data, options)).rejects.toThrow(InputError);
      await expect(causalHeadGating(model, data, options)).rejects.toThrow(message);
    }
    model.dispose();
  });
});

it('gateModularity sees heads that stand in for one another', () => {
  const { variance, correlation } = gateModularity([
    [1, 0, 1],
    [0, 1, 1],
    [1, 0, 1],
    [0, 1, 1],
  ]);
  expect([...variance]).toEqual([0.25, 0.25, 0]);
  expect(correlation[1]).toBeCloseTo(-1);
  expect(correlation[0]).toBeCloseTo(1);
  expect(correlation[2]).toBeNaN();
  expect(() => gateModularity([[1]])).toThrow(InputError);
  expect(() => gateModularity([[1], [1, 2]])).toThrow(InputError);
});
