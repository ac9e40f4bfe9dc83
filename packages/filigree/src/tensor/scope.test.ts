import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CpuDevice, createCpuDevice } from '../kernels/cpu/device.js';
import type { Device } from '../kernels/device.js';
import {
  add,
  backward,
  custom,
  exp,
  freeze,
  mul,
  noGrad,
  ones,
  reportLeaks,
  reshape,
  Scope,
  scope,
  setDefaultDevice,
  slice,
  sqrt,
  stopGradient,
  sum,
  Tensor,
  tagged,
  tensor,
  track,
} from './index.js';

let device: CpuDevice;
let before: Device | undefined;
beforeEach(() => {
  device = createCpuDevice({ threads: 1 });
  before = setDefaultDevice(device);
});
afterEach(() => {
  setDefaultDevice(before);
  device.dispose();
});

const inUse = (): number => device.engine.memory.inUse;

describe('scopes', () => {
  it('free what is made and not returned, also inside arrays, maps and objects', () => {
    const start = inUse();
    const kept = scope(() => {
      const a = tensor([1, 2, 3]);
      add(a, a);
      return { list: [mul(a, a)], map: new Map([['x', a]]) };
    });
    expect([...kept.list[0].dataSync()]).toEqual([1, 4, 9]);
    expect([...kept.map.get('x')!.dataSync()]).toEqual([1, 2, 3]);
    kept.list[0].dispose();
    kept.map.get('x')!.dispose();
    expect(inUse()).toBe(start);
  });

  it('pass what they return to the scope outside, and free it there', () => {
    const start = inUse();
    scope(() => {
      const inner = scope(() => scope(() => tensor([5])));
      expect(inner.dataSync()[0]).toBe(5);
    });
    expect(inUse()).toBe(start);
  });

  it('keep storage while a view on it lives', () => {
    const view = scope(() => slice(tensor([1, 2, 3, 4]), 0, 1, 3));
    expect([...view.dataSync()]).toEqual([2, 3]);
    view.dispose();
  });

  it('free when the function throws, and refuse promises', () => {
    const start = inUse();
    expect(() =>
      scope(() => {
        tensor([1]);
        throw new Error('stop');
      }),
    ).toThrow('stop');
    expect(() => scope(async () => tensor([1]))).toThrow(/synchronous/);
    expect(inUse()).toBe(start);
  });

  it('hold long-lived state until it is disposed of', () => {
    const start = inUse();
    const state = new Scope();
    const weight = state.run(() => tensor([1, 2]));
    scope(() => {
      add(weight, weight);
    });
    expect(weight.disposed).toBe(false);
    state.dispose();
    expect(weight.disposed).toBe(true);
    expect(inUse()).toBe(start);
  });

  it('make a use after free an error that names the operation', () => {
    const a = tensor([1]);
    a.dispose();
    expect(() => exp(a)).toThrow(/exp: .* used after it was freed/);
    expect(() => reshape(a, [1, 1])).toThrow(/used after it was freed/);
  });

  it('free all that a reverse pass makes but the gradients', () => {
    scope(() => {
      const x = track(tensor([1, 2, 3]));
      const y = sum(mul(exp(x), exp(x)));
      const start = inUse();
      const [g] = backward([{ tensor: y, seed: scope(() => ones([])) }], [x]);
      const end = inUse();
      expect(end - start).toBeLessThanOrEqual(3 * 64);
      expect(g!.dataSync()[2]).toBeCloseTo(2 * Math.exp(6), 2);
    });
  });

  it('report what was lost without being freed', async () => {
    const told: string[] = [];
    reportLeaks((what) => told.push(what));
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    (() => {
      Tensor.allocate([77]);
      Tensor.allocate([55]).dispose();
    })();
    for (let i = 0; i < 20 && told.length === 0; i++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    reportLeaks(undefined);
    expect(told).toEqual(['77 elements (f32) on cpu were never freed']);
  });
});

describe('the tape', () => {
  const gradient = (f: (x: Tensor) => Tensor, value: number, rules = {}): number =>
    scope(() => {
      const x = track(tensor([value]));
      return backward([{ tensor: f(x), seed: ones([1]) }], [x], { rules })[0]?.dataSync()[0] ?? 0;
    });

  it('stops where it is told to', () => {
    expect(gradient((x) => mul(x, x), 3)).toBe(6);
    expect(gradient((x) => mul(stopGradient(x), x), 3)).toBe(3);
    expect(gradient((x) => noGrad(() => mul(x, x)), 3)).toBe(0);
  });

  it('takes rules by tag for one pass only', () => {
    const f = (x: Tensor): Tensor =>
      mul(
        x,
        tagged('norm.scale', () => sqrt(x)),
      );
    expect(gradient(f, 4)).toBeCloseTo(3, 5);
    expect(gradient(f, 4, { 'norm.scale': freeze })).toBeCloseTo(2, 5);
    expect(gradient(f, 4, { other: freeze })).toBeCloseTo(3, 5);
  });

  it('takes new operations', () => {
    const triple = (x: Tensor): Tensor =>
      custom({ name: 'triple', inputs: [x], forward: () => mul(x, 3), backward: (g) => [mul(g, 3)] });
    expect(gradient((x) => mul(triple(x), x), 2)).toBe(12);
  });

  it('gives null for what the output does not depend on', () => {
    scope(() => {
      const [x, y] = [track(tensor([1])), track(tensor([2]))];
      expect(backward([{ tensor: mul(x, 2), seed: ones([1]) }], [y])).toEqual([null]);
    });
  });
});
