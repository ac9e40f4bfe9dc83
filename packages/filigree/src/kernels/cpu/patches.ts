import type { PatchGeometry } from '../device.js';
import { outputSize } from '../reference-patches.js';
import type { FunctionBuilder, Local } from './assembler.js';
import type { Engine } from './engine.js';
import { f32x4, i32, select } from './instructions.js';
import { eachVector, loadVector, storeVector } from './lanes.js';
import { locals } from './product-tile.js';

/** Floats that are worth the waking of a thread. */
const WORK = 65_536;

type I = Local<'i32'>;

/** See `Device.patches`. A unit is a row of the output of one image. */
export function patches(engine: Engine, out: number, x: number, images: number, g: PatchGeometry): void {
  const [down, across] = outputSize(g);
  const kernel = engine.kernel('patches', Array(10).fill('i32') as 'i32'[], (f, from, to, ...rest) => {
    const [p, q, height, width, channels, down, across, kernelSize, stride, padding] = rest;
    const [kh, kw] = sides(f, kernelSize);
    const [unit, oy, ox, ky, at, iy, source] = locals(f, 7);
    const each = f.let(i32.mul(kw, channels));
    f.for(unit, from, to, 1, () => {
      f.set(oy, i32.remU(unit, down));
      const image = f.let(i32.mul(i32.divU(unit, down), i32.mul(height, i32.mul(width, channels))));
      f.set(at, i32.add(p, i32.shl(i32.mul(unit, i32.mul(across, i32.mul(kh, each))), 2)));
      f.for(ox, 0, across, 1, () => {
        f.for(ky, 0, kh, 1, () => {
          f.set(iy, i32.sub(i32.add(i32.mul(oy, stride), ky), padding));
          const { left, first, last } = clip(f, ox, stride, padding, kw, width);
          f.if(i32.geU(iy, height), () => f.set(last, first));
          const before = f.let(i32.mul(first, channels));
          const count = f.let(i32.mul(i32.sub(last, first), channels));
          const row = i32.mul(i32.add(i32.mul(iy, width), i32.add(left, first)), channels);
          f.set(source, i32.add(q, i32.shl(i32.add(image, row), 2)));
          zeros(f, at, before);
          f.increment(at, i32.shl(before, 2));
          eachVector(f, count, (offset, few) => {
            storeVector(f, i32.add(at, offset), loadVector(f, i32.add(source, offset), few), few);
          });
          f.increment(at, i32.shl(count, 2));
          const after = f.let(i32.sub(i32.sub(each, before), count));
          zeros(f, at, after);
          f.increment(at, i32.shl(after, 2));
        });
      });
    });
  });
  const floats = across * g.kernel[0] * g.kernel[1] * g.channels;
  engine.run(kernel, images * down, Math.ceil(WORK / (floats + 1)), [out, x, ...words(g)]);
}

/** See `Device.patchesGrad`. A unit is a row of the input of one image: no two write the same floats. */
export function patchesGrad(engine: Engine, out: number, gradient: number, images: number, g: PatchGeometry): void {
  const kernel = engine.kernel('patches gradient', Array(10).fill('i32') as 'i32'[], (f, from, to, ...rest) => {
    const [p, q, height, width, channels, down, across, kernelSize, stride, padding] = rest;
    const [kh, kw] = sides(f, kernelSize);
    const [unit, oy, ox, ky, at, iy, source] = locals(f, 7);
    const row = f.let(i32.mul(width, channels));
    const patch = f.let(i32.mul(kh, i32.mul(kw, channels)));
    f.for(unit, from, to, 1, () => {
      f.set(at, i32.add(p, i32.shl(i32.mul(unit, row), 2)));
      zeros(f, at, row);
      f.set(iy, i32.remU(unit, height));
      const image = f.let(i32.mul(i32.divU(unit, height), down));
      f.for(ky, 0, kh, 1, () => {
        const y = f.let(i32.sub(i32.add(iy, padding), ky));
        f.set(oy, i32.div(y, stride));
        const hits = i32.and(i32.ge(y, 0), i32.eq(i32.mul(oy, stride), y));
        f.if(i32.and(hits, i32.lt(oy, down)), () => {
          f.for(ox, 0, across, 1, () => {
            const { left, first, last } = clip(f, ox, stride, padding, kw, width);
            const index = i32.add(i32.mul(i32.add(image, oy), across), ox);
            const tap = i32.mul(i32.add(i32.mul(ky, kw), first), channels);
            f.set(source, i32.add(q, i32.shl(i32.add(i32.mul(index, patch), tap), 2)));
            const to = f.let(i32.add(at, i32.shl(i32.mul(i32.add(left, first), channels), 2)));
            eachVector(f, i32.mul(i32.sub(last, first), channels), (offset, few) => {
              const added = loadVector(f, i32.add(source, offset), few);
              const place = i32.add(to, offset);
              storeVector(f, place, f32x4.add(loadVector(f, place, few), added), few);
            });
          });
        });
      });
    });
  });
  const work = g.width * g.channels * g.kernel[0] * g.kernel[1];
  engine.run(kernel, images * g.height, Math.ceil(WORK / (work + 1)), [out, gradient, ...words(g)]);
}

const words = (g: PatchGeometry): number[] => {
  const [down, across] = outputSize(g);
  const size = (g.kernel[0] << 16) | g.kernel[1];
  return [g.height, g.width, g.channels, down, across, size, g.stride, g.padding];
};

const sides = (f: FunctionBuilder, kernel: I): [I, I] => [f.let(i32.shrU(kernel, 16)), f.let(i32.and(kernel, 0xffff))];

/** The column of the input where a patch begins (may be negative), and which taps of a row lie inside, at least none. */
function clip(f: FunctionBuilder, ox: I, stride: I, padding: I, kw: I, width: I): { left: I; first: I; last: I } {
  const left = f.let(i32.sub(i32.mul(ox, stride), padding));
  const within = (x: ReturnType<typeof i32.sub>) => {
    const value = f.let(x);
    f.set(value, select('i32', i32.lt(value, 0), i32.const(0), value));
    return f.let(select('i32', i32.gt(value, kw), kw, value));
  };
  const first = within(i32.sub(0, left));
  const last = within(i32.sub(width, left));
  f.set(last, select('i32', i32.lt(last, first), first, last));
  return { left, first, last };
}

function zeros(f: FunctionBuilder, at: I, count: I): void {
  eachVector(f, count, (offset, few) => storeVector(f, i32.add(at, offset), f.let(f32x4.const(0)), few));
}
