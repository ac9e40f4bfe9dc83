import { BlockKind } from '../circuits.js';
import type { FunctionBuilder, Local, ModuleBuilder } from './assembler.js';
import { f32, f32x4, i32, select, type Value, v128 } from './instructions.js';
import { across } from './lanes.js';
import { locals } from './product-tile.js';

type P = Local<'i32'>;
type V = Local<'v128'>;

/**
 * Writes `run(from, to, blocks, parameters, counts, step, pseudocount)`, the M step on blocks `from` to `to`. Of each sum (and table)
 * that had flow, and each of its entries e that is not 0: w_e ← (1 - step) w_e + step (c_e + α / alive) / (Σ c + α), with c_e the count
 * times the weight at sums, and at tables the flow at value e plus what value e is expected to have of the missing cells.
 */
export function updateKernel(m: ModuleBuilder): void {
  m.func(
    'run',
    ['i32', 'i32', 'i32', 'i32', 'i32', 'f32', 'f32'],
    (f, block, end, blocks, parameters, counts, step, pseudocount) => {
      const at = f.let(i32.add(blocks, i32.shl(block, 4)));
      const rates: Rates = {
        old: f.let(f32.sub(1, step)),
        step,
        pseudocount,
      };
      f.for(block, undefined, end, 1, () => {
        const offset = f.let(i32.shl(i32.load(at, 4), 2));
        const [w, c] = [f.let(i32.add(parameters, offset)), f.let(i32.add(counts, offset))];
        const entries = f.let(i32.load(at, 8));
        const kind = f.let(i32.load(at));
        f.if(i32.eq(kind, BlockKind.panel), () => panel(f, w, c, entries, rates));
        f.if(i32.eq(kind, BlockKind.element), () => element(f, w, c, entries, rates));
        f.if(i32.eq(kind, BlockKind.table), () => {
          const width = f.let(i32.load(at, 12));
          const unit = f.local('i32');
          const stride = f.let(i32.shl(width, 2));
          f.for(unit, 0, entries, 1, () => {
            table(f, w, c, width, rates);
            f.increment(w, stride);
            f.increment(c, stride);
          });
        });
        f.increment(at, 16);
      });
    },
  );
}

interface Rates {
  readonly old: Local<'f32'>;
  readonly step: Local<'f32'>;
  readonly pseudocount: Local<'f32'>;
}

/** Goes over `entries` vectors of 16 bytes at `w` and `c`. */
function vectors(f: FunctionBuilder, w: P, c: P, entries: Value<'i32'>, body: (w: P, c: P) => void): void {
  const [p, q, last] = locals(f, 3);
  f.set(p, w);
  f.set(q, c);
  f.set(last, i32.add(w, i32.shl(entries, 4)));
  f.for(p, undefined, last, 16, () => {
    body(p, q);
    f.increment(q, 16);
  });
}

const zero = (f: FunctionBuilder): V => f.constant(f32x4.const(0));
const ones = (f: FunctionBuilder, x: Value<'v128'>): Value<'v128'> =>
  v128.and(f32x4.gt(x, zero(f)), f.constant(f32x4.const(1)));

/** Four sums, one in each lane. */
function panel(f: FunctionBuilder, w: P, c: P, entries: P, rates: Rates): void {
  const [total, alive] = [f.local('v128'), f.local('v128')];
  f.set(total, f32x4.const(0));
  f.set(alive, f32x4.const(0));
  vectors(f, w, c, entries, (p, q) => {
    const x = f.let(v128.load(p));
    f.set(total, f.madd(x, v128.load(q), total));
    f.set(alive, f32x4.add(alive, ones(f, x)));
  });
  const some = f.let(f32x4.gt(total, zero(f)));
  const pseudo = f.let(f32x4.splat(rates.pseudocount));
  const factor = f.let(v128.and(f32x4.div(f32x4.splat(rates.step), f32x4.add(total, pseudo)), some));
  const each = f.let(f32x4.mul(f32x4.div(pseudo, f32x4.pmax(alive, f.constant(f32x4.const(1)))), factor));
  // A sum without flow keeps its weights.
  const old = f.let(v128.bitselect(f32x4.splat(rates.old), f.constant(f32x4.const(1)), some));
  vectors(f, w, c, entries, (p, q) => {
    const x = f.let(v128.load(p));
    const counted = f.let(f32x4.mul(f32x4.mul(x, v128.load(q)), factor));
    const next = f32x4.add(f32x4.add(f32x4.mul(x, old), counted), each);
    f.store(p, v128.and(next, f32x4.gt(x, zero(f))));
  });
}

/** One sum, four entries to a vector. */
function element(f: FunctionBuilder, w: P, c: P, entries: P, rates: Rates): void {
  const [total, alive] = [f.local('v128'), f.local('v128')];
  f.set(total, f32x4.const(0));
  f.set(alive, f32x4.const(0));
  const fours = f.let(i32.shrU(entries, 2));
  vectors(f, w, c, fours, (p, q) => {
    const x = f.let(v128.load(p));
    f.set(total, f.madd(x, v128.load(q), total));
    f.set(alive, f32x4.add(alive, ones(f, x)));
  });
  const [flow, count] = [f.let(across(f, total, 'add')), f.let(across(f, alive, 'add'))];
  f.if(f32.gt(flow, 0), () => {
    const factor = f.let(f32.div(rates.step, f32.add(flow, rates.pseudocount)));
    const each = f.let(f32x4.splat(f32.mul(f32.div(rates.pseudocount, count), factor)));
    const by = f.let(f32x4.splat(factor));
    const old = f.let(f32x4.splat(rates.old));
    vectors(f, w, c, fours, (p, q) => {
      const x = f.let(v128.load(p));
      const counted = f.let(f32x4.mul(f32x4.mul(x, v128.load(q)), by));
      const next = f32x4.add(f32x4.add(f32x4.mul(x, old), counted), each);
      f.store(p, v128.and(next, f32x4.gt(x, zero(f))));
    });
  });
}

/** One table: `width - 1` values, then their sum, which is the value of a missing cell. */
function table(f: FunctionBuilder, w: P, c: P, width: P, rates: Rates): void {
  const v = f.local('i32');
  const size = f.let(i32.shl(i32.sub(width, 1), 2));
  const [flow, alive, sum] = [f.local('f32'), f.local('f32'), f.local('f32')];
  const [atW, atC] = [() => i32.add(w, v), () => i32.add(c, v)];
  const all = f.let(f32.load(i32.add(w, size)));
  const missing = f.let(f32.load(i32.add(c, size)));
  f.set(flow, missing);
  f.set(alive, 0);
  f.for(v, 0, size, 4, () => {
    f.set(flow, f32.add(flow, f32.load(atC())));
    f.set(alive, f32.add(alive, select('f32', f32.gt(f32.load(atW()), 0), 1, 0)));
  });
  f.if(i32.and(f32.gt(flow, 0), f32.gt(all, 0)), () => {
    const share = f.let(f32.div(missing, all));
    const factor = f.let(f32.div(rates.step, f32.add(flow, rates.pseudocount)));
    const each = f.let(f32.div(rates.pseudocount, alive));
    f.set(sum, 0);
    f.for(v, 0, size, 4, () => {
      const x = f.let(f32.load(atW()));
      const counted = f32.add(f32.add(f32.load(atC()), f32.mul(share, x)), each);
      const next = f.let(f32.add(f32.mul(x, rates.old), f32.mul(counted, factor)));
      f.if(f32.gt(x, 0), () => {
        f.store(atW(), next);
        f.set(sum, f32.add(sum, next));
      });
    });
    f.store(i32.add(w, size), sum);
  });
}
