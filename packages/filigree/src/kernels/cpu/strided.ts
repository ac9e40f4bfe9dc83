import type { DType } from '../device.js';
import { type ElementwiseName, formula } from '../elementwise.js';
import type { FunctionBuilder, Local } from './assembler.js';
import { f32x4, i32, i32x4, select, type Value, v128 } from './instructions.js';
import { loadPart, storePart } from './lanes.js';
import { VectorMath } from './math.js';
import { eachUnit } from './odometer.js';

/** How an operand walks along the innermost dimension: next to each other, standing still, or by a run-time stride. */
export type Walk = 'unit' | 'same' | 'step';

export interface Access {
  readonly dtype: Exclude<DType, 'f64'>;
  readonly walk: Walk;
}

/** What a strided kernel is specialised for. */
export interface StridedPlan {
  readonly op: ElementwiseName;
  readonly out: Access;
  readonly inputs: readonly Access[];
  /** Dimensions outside the innermost. With 0, units are elements; else rows of `n` elements, row-major. */
  readonly outer: number;
}

type I = Local<'i32'>;
type V = Value<'v128'>;

/** Operations whose formula is long enough that unrolling gains nothing. */
const LONG: ReadonlySet<string> = new Set<ElementwiseName>([
  ...(['exp', 'log', 'sin', 'cos', 'tanh', 'sigmoid', 'erf', 'silu', 'gelu', 'geluTanh', 'tanhGrad'] as const),
  ...(['sigmoidGrad', 'erfGrad', 'siluGrad', 'geluGrad', 'geluTanhGrad'] as const),
]);

export const isLong = (op: ElementwiseName): boolean => LONG.has(op);

/** Arguments of the kernel in order; operands are the output, then the inputs. */
export function stridedParameters({ inputs, outer }: StridedPlan): 'i32'[] {
  const operands = inputs.length + 1;
  return new Array<'i32'>(2 * operands + (outer === 0 ? 0 : 1 + outer + operands * outer)).fill('i32');
}

/**
 * Writes the kernel. Parameters: address of each operand; byte step of each along the innermost dimension; and where
 * there are outer dimensions `n`, their sizes, and for each operand its byte steps along them.
 */
export function emitStrided(f: FunctionBuilder, plan: StridedPlan, from: I, to: I, params: readonly I[]): void {
  const operands = [plan.out, ...plan.inputs];
  const count = operands.length;
  const bases = params.slice(0, count);
  const steps = params.slice(count, 2 * count);
  const row = new Row(f, plan, steps);
  if (plan.outer === 0) {
    const start = operands.map((_, k) => f.let(i32.add(bases[k], i32.mul(from, steps[k]))));
    row.emit(start, f.let(i32.sub(to, from)));
    return;
  }
  const n = params[2 * count];
  const sizes = params.slice(2 * count + 1, 2 * count + 1 + plan.outer);
  const strides = operands.map((_, k) => {
    const first = 2 * count + 1 + plan.outer + k * plan.outer;
    return params.slice(first, first + plan.outer);
  });
  eachUnit(f, from, to, sizes, bases, strides, (pointers) => row.emit(pointers, n));
}

/** One run along the innermost dimension. */
class Row {
  readonly #f: FunctionBuilder;
  readonly #plan: StridedPlan;
  readonly #operands: readonly Access[];
  readonly #steps: readonly I[];
  /** Whether values stay as they are in memory: copies between equal types and between integers. */
  readonly #raw: boolean;

  constructor(f: FunctionBuilder, plan: StridedPlan, steps: readonly I[]) {
    this.#f = f;
    this.#plan = plan;
    this.#operands = [plan.out, ...plan.inputs];
    this.#steps = steps;
    const from = plan.inputs[0].dtype;
    const to = plan.out.dtype;
    this.#raw = plan.op === 'copy' && (from === to || (from !== 'f32' && to !== 'f32'));
  }

  /** Moves the cursors. */
  emit(cursors: readonly I[], n: Value<'i32'>): void {
    const f = this.#f;
    const left = f.let(n);
    const still = this.#operands.map((access, k) =>
      access.walk === 'same' ? f.let(this.#convert(access, this.#load(access, cursors[k], cursors[k]))) : undefined,
    );
    const simple = this.#operands.every(({ walk }) => walk !== 'step') && !isLong(this.#plan.op);
    for (const vectors of simple ? [4, 1] : [1]) this.#whole(cursors, left, vectors, still);
    f.if(left, () => this.#part(cursors, left, still));
  }

  #formula(inputs: V[]): V {
    return formula(this.#plan.op)(new VectorMath(this.#f), ...inputs);
  }

  /** While `4 * vectors` elements are left. */
  #whole(cursors: readonly I[], left: I, vectors: number, still: readonly (V | undefined)[]): void {
    const f = this.#f;
    f.if(i32.ge(left, 4 * vectors), () => {
      f.loop((again) => {
        // All loads before the first store: the engine cannot know that they do not overlap.
        const results = Array.from({ length: vectors }, (_, j) => {
          const inputs = this.#plan.inputs.map((access, i) => {
            const cursor = cursors[i + 1];
            if (still[i + 1]) return still[i + 1]!;
            const offset = 4 * j * (access.dtype === 'u8' ? 1 : 4);
            return f.let(this.#convert(access, this.#load(access, cursor, this.#steps[i + 1], offset)));
          });
          return f.let(this.#formula(inputs));
        });
        for (const [j, result] of results.entries()) this.#store(cursors[0], result, j);
        this.#operands.forEach(({ dtype, walk }, k) => {
          if (walk === 'unit') f.increment(cursors[k], 4 * vectors * (dtype === 'u8' ? 1 : 4));
          if (walk === 'step') f.increment(cursors[k], i32.shl(this.#steps[k], 2));
        });
        f.brIf(again, i32.ge(f.tee(left, i32.sub(left, 4 * vectors)), 4 * vectors));
      });
    });
  }

  /** The last one to three elements: the same vector arithmetic, with the lanes above idle. */
  #part(cursors: readonly I[], left: I, still: readonly (V | undefined)[]): void {
    const f = this.#f;
    const inputs = this.#plan.inputs.map((access, i) => {
      if (still[i + 1]) return still[i + 1]!;
      const x = f.local('v128');
      if (access.walk === 'unit' && access.dtype !== 'u8') loadPart(f, x, cursors[i + 1], left, 0);
      else {
        // Idle lanes read the last element again, so that no address is beyond the operand.
        const last = f.let(i32.sub(left, 1));
        const at = (lane: number) => select('i32', i32.lt(last, lane), last, lane);
        const step = access.walk === 'unit' ? 1 : this.#steps[i + 1];
        f.set(
          x,
          this.#gather(access, (lane) => i32.add(cursors[i + 1], i32.mul(at(lane), step))),
        );
      }
      return f.let(this.#convert(access, x));
    });
    const result = this.#narrow(this.#formula(inputs));
    if (this.#plan.out.walk === 'unit' && this.#plan.out.dtype !== 'u8') {
      storePart(f, cursors[0], result, left);
      return;
    }
    for (let lane = 0; lane < 3; lane++) {
      f.if(i32.gt(left, lane), () => this.#storeLane(cursors[0], result, lane, this.#steps[0]));
    }
  }

  /** Four elements as they are in memory, bytes widened to integers. */
  #load({ dtype, walk }: Access, cursor: I, step: I, offset = 0): V {
    if (walk === 'unit') {
      return dtype === 'u8' ? i32x4.extendLow8u(v128.load32Zero(cursor, offset)) : v128.load(cursor, offset);
    }
    if (walk === 'same') return dtype === 'u8' ? i32x4.splat(i32.load8u(cursor)) : v128.load32Splat(cursor);
    return this.#gather({ dtype, walk }, (lane) => (lane === 0 ? cursor : i32.add(cursor, i32.mul(step, lane))));
  }

  #gather({ dtype }: Access, address: (lane: number) => Value<'i32'>): V {
    if (dtype === 'u8') {
      const first: V = i32x4.splat(i32.load8u(address(0)));
      return [1, 2, 3].reduce((x, lane) => i32x4.replace(x, lane, i32.load8u(address(lane))), first);
    }
    const first: V = v128.load32Splat(address(0));
    return [1, 2, 3].reduce((x, lane) => v128.load32Lane(address(lane), x, lane), first);
  }

  /** Integers to floats, where the formula wants floats. */
  #convert({ dtype }: Access, x: V): V {
    return this.#raw || dtype === 'f32' ? x : f32x4.convert(x);
  }

  /** Floats to what the output holds. */
  #narrow(x: V): Local<'v128'> {
    return this.#f.let(this.#raw || this.#plan.out.dtype === 'f32' ? x : i32x4.truncSat(x));
  }

  #store(cursor: I, x: V, vector: number): void {
    const { dtype, walk } = this.#plan.out;
    const narrow = this.#narrow(x);
    if (walk === 'unit' && dtype !== 'u8') this.#f.store(cursor, narrow, 16 * vector);
    else for (let lane = 0; lane < 4; lane++) this.#storeLane(cursor, narrow, lane, this.#steps[0], 4 * vector);
  }

  #storeLane(cursor: I, x: Local<'v128'>, lane: number, step: I, before = 0): void {
    const unit = this.#plan.out.walk === 'unit';
    const address = unit || lane === 0 ? cursor : i32.add(cursor, i32.mul(step, lane));
    const offset = unit ? before + lane : 0;
    if (this.#plan.out.dtype === 'u8') this.#f.store8(address, i32x4.lane(x, lane), offset);
    else this.#f.storeLane(address, x, lane, 4 * offset);
  }
}
