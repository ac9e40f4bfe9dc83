import { instructionWords, Operation } from '../circuits.js';
import type { ModuleBuilder } from './assembler.js';
import { gaussianKernels } from './circuit-gaussians.js';
import { sumKernels } from './circuit-sums.js';
import { unitKernels } from './circuit-units.js';
import { f32, f32x4, i32, i32x4, v128 } from './instructions.js';
import { locals } from './product-tile.js';

/**
 * The arguments of the kernel, in this order: addresses, and sizes in bytes where nothing else is said. A unit of work is a share: some
 * tiles of rows, one after the other, that add up their counts in memory of their own. Shares do not depend on the number of threads.
 */
export const CIRCUIT_JOB = [
  ...['instructions', 'instructionsEnd', 'lists', 'parameters', 'countBytes'],
  ...['cells', 'cellBytes', 'rows', 'tilesPerShare', 'value', 'exponent'],
  ...['rootSlot', 'rootScale', 'slotBytes', 'scaleBytes', 'backward'],
  ...['scratch', 'scratchStep'],
] as const;

/** Bytes that a share needs: values, slopes, exponents, then counts. */
export const scratchBytes = (slotBytes: number, scaleBytes: number, countBytes: number, backward: boolean): number =>
  slotBytes + scaleBytes + (backward ? slotBytes + countBytes : 0);

/**
 * Writes the interpreter of circuits: `run(from, to, ...job)` computes shares, upwards and, where `backward`, downwards. Slopes are
 * ∂ log p / ∂ value, all values on the scale of their group; value times slope is the flow.
 */
export function circuitKernel(m: ModuleBuilder, tile: number): void {
  const units = unitKernels(m, tile);
  const sums = sumKernels(m, tile);
  const gaussians = gaussianKernels(m, tile);
  const row = 4 * tile;
  const params = CIRCUIT_JOB.map(() => 'i32' as const);
  m.func('run', ['i32', 'i32', ...params], (f, share, end, ...rest) => {
    const job = Object.fromEntries(CIRCUIT_JOB.map((name, k) => [name, rest[k]])) as Record<
      (typeof CIRCUIT_JOB)[number],
      (typeof rest)[number]
    >;
    const [tileIndex, lastTile, values, slopes, exponents, counts, cells, pc, i, firstRow] = locals(f, 10);
    const stride = 4 * instructionWords;
    const word = (k: number) => i32.load(pc, 4 * k);
    const list = (k: number) => i32.add(job.lists, i32.shl(word(k), 2));
    const slot = (k: number) => i32.add(values, word(k));
    const scale = (k: number) => i32.add(exponents, word(k));
    const parameter = (base: typeof share, k: number) => i32.add(base, i32.shl(word(k), 2));
    const cellsOf = (k: number) => i32.add(cells, i32.mul(word(k), row));
    const is = (operation: number, body: () => void) => f.if(i32.eq(word(0), operation), body);
    const paired = () => i32.eq(word(4), 3);

    const up = () => {
      is(Operation.inputs, () =>
        f.if(
          paired(),
          () => f.call(units.pairsForward, cellsOf(5), parameter(job.parameters, 3), slot(2), word(1)),
          () => f.call(units.inputsForward, cellsOf(5), parameter(job.parameters, 3), slot(2), word(1), word(4)),
        ),
      );
      is(Operation.product, () => {
        // The scales stand first in the list, then the children of each unit.
        const children = f.let(i32.add(list(3), i32.shl(word(5), 2)));
        const fan = f.let(i32.shl(word(6), 2));
        const first = [values, exponents, slot(2), children, fan, word(7), word(1)] as const;
        f.call(units.productForward, ...first, scale(4), list(3), word(5));
      });
      is(Operation.multiply, () => {
        const children = i32.add(list(3), i32.shl(word(6), 2));
        f.call(units.multiplyForward, values, slot(2), children, i32.shl(word(5), 2), word(7), word(1), scale(4));
      });
      is(Operation.merge, () => f.call(units.merge, values, exponents, list(2), word(1), scale(3)));
      is(Operation.panels, () => f.call(sums.panelsForward, job.lists, list(2), word(1), values, job.parameters));
      is(Operation.elements, () => f.call(sums.elementsForward, job.lists, list(2), word(1), values, job.parameters));
      is(Operation.gaussians, () =>
        f.call(gaussians.forward, cellsOf(5), parameter(job.parameters, 3), slot(2), scale(4), word(1)),
      );
    };

    const down = () => {
      is(Operation.inputs, () => {
        const slope = i32.add(slopes, word(2));
        f.if(
          paired(),
          () => f.call(units.pairsBackward, cellsOf(5), parameter(counts, 3), slot(2), slope, word(1)),
          () => f.call(units.inputsBackward, cellsOf(5), parameter(counts, 3), slot(2), slope, word(1), word(4)),
        );
      });
      is(Operation.product, () => {
        const children = i32.add(list(3), i32.shl(word(5), 2));
        f.call(units.productBackward, values, slopes, word(2), children, word(6), word(1));
      });
      const both = [job.lists, list(2), word(1), values, slopes, job.parameters, counts] as const;
      is(Operation.panels, () => f.call(sums.panelsBackward, ...both));
      is(Operation.elements, () => f.call(sums.elementsBackward, ...both));
      is(Operation.gaussians, () => {
        const slope = i32.add(slopes, word(2));
        const learned = [parameter(job.parameters, 3), parameter(counts, 3)] as const;
        f.call(gaussians.backward, cellsOf(5), ...learned, slot(2), slope, word(1));
      });
    };

    /** Sets down the values of the root, and 1 / value as its slope, for rows that are there and have one. */
    const atRoot = () => {
      const [from, power, to, toPower] = [
        f.let(i32.add(values, job.rootSlot)),
        f.let(i32.add(exponents, job.rootScale)),
        f.let(i32.add(job.value, i32.mul(tileIndex, row))),
        f.let(i32.add(job.exponent, i32.mul(tileIndex, row))),
      ];
      const slope = f.let(i32.add(slopes, job.rootSlot));
      f.for(i, 0, row, 16, () => {
        const x = f.let(v128.load(i32.add(from, i)));
        f.store(i32.add(to, i), x);
        f.store(i32.add(toPower, i), v128.load(i32.add(power, i)));
        f.if(job.backward, () => {
          const at = i32x4.add(i32x4.splat(i32.add(firstRow, i32.shr(i, 2))), f.constant(i32x4.const(0, 1, 2, 3)));
          const real = i32x4.lt(at, i32x4.splat(job.rows));
          const some = v128.and(
            f32x4.gt(x, f.constant(f32x4.const(1e-30))),
            f32x4.lt(x, f.constant(f32x4.const(Number.POSITIVE_INFINITY))),
          );
          const inverse = f32x4.div(f.constant(f32x4.const(1)), x);
          f.store(i32.add(slope, i), v128.and(inverse, v128.and(real, some)));
        });
      });
    };

    f.for(share, undefined, end, 1, () => {
      f.set(values, i32.add(job.scratch, i32.mul(share, job.scratchStep)));
      f.set(exponents, i32.add(values, job.slotBytes));
      f.set(slopes, i32.add(exponents, job.scaleBytes));
      f.set(counts, i32.add(slopes, job.slotBytes));
      f.memoryFill(exponents, 0, job.scaleBytes);
      f.if(job.backward, () => f.memoryFill(counts, 0, job.countBytes));
      f.set(tileIndex, i32.mul(share, job.tilesPerShare));
      f.set(lastTile, i32.add(tileIndex, job.tilesPerShare));
      const tiles = f.let(i32.divU(i32.add(job.rows, tile - 1), tile));
      f.if(i32.gt(lastTile, tiles), () => f.set(lastTile, tiles));
      f.for(tileIndex, undefined, lastTile, 1, () => {
        f.set(firstRow, i32.mul(tileIndex, tile));
        f.set(cells, i32.add(job.cells, i32.mul(tileIndex, job.cellBytes)));
        f.for(pc, job.instructions, job.instructionsEnd, stride, up);
        f.if(job.backward, () => f.memoryFill(slopes, 0, job.slotBytes));
        atRoot();
        f.if(job.backward, () => {
          f.set(pc, i32.sub(job.instructionsEnd, stride));
          f.loop((again) => {
            down();
            f.increment(pc, -stride);
            f.brIf(again, i32.geU(pc, job.instructions));
          });
        });
      });
    });
  });
}

/** Writes `run(from, to, ...)`: `out[i] = keep out[i] + Σ_share share[i]` for vectors `from` to `to`, shares in order. */
export function reduceCounts(m: ModuleBuilder): void {
  const params = ['i32', 'i32', 'i32', 'i32', 'i32', 'f32'] as const;
  m.func('run', params, (f, from, to, out, first, steps, keep) => {
    // `first` is the address of a word pair: the first share's counts and the bytes between shares.
    const [at, share, p] = locals(f, 3);
    const [start, step] = [f.let(i32.load(first)), f.let(i32.load(first, 4))];
    const kept = f.let(f32x4.splat(keep));
    f.for(at, i32.shl(from, 4), i32.shl(to, 4), 16, () => {
      const place = f.let(i32.add(out, at));
      const sum = f.local('v128');
      f.set(sum, f32x4.const(0));
      f.set(p, i32.add(start, at));
      f.for(share, 0, steps, 1, () => {
        f.set(sum, f32x4.add(sum, v128.load(p)));
        f.increment(p, step);
      });
      f.if(
        f32.ne(keep, 0),
        () => f.store(place, f.madd(kept, v128.load(place), sum)),
        () => f.store(place, sum),
      );
    });
  });
}
