import type {
  AdamOptions,
  Buffer,
  Causal,
  Device,
  DType,
  Product,
  Reduction,
  SgdOptions,
  TypedArray,
  View,
} from './device.js';
import { type Arithmetic, type ElementwiseName, formula } from './elementwise.js';
import { eachTap } from './reference-patches.js';
import { referenceSparse } from './reference-sparse.js';
import { sizeOf } from './views.js';

interface HostBuffer extends Buffer {
  readonly array: TypedArray;
}

const arrayOf = (buffer: Buffer): TypedArray => (buffer as HostBuffer).array;

/** Plain numbers; what every other device has to agree with. */
export const numbers: Arithmetic<number> = {
  constant: (value) => value,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
  neg: (a) => -a,
  abs: Math.abs,
  sqrt: Math.sqrt,
  floor: Math.floor,
  exp: Math.exp,
  log: Math.log,
  tanh: Math.tanh,
  erf,
  sin: Math.sin,
  cos: Math.cos,
  less: (a, b) => (a < b ? 1 : 0),
  equal: (a, b) => (a === b ? 1 : 0),
  select: (condition, yes, no) => (condition !== 0 ? yes : no),
};

/** Error function to double precision: the Taylor series near zero, the continued fraction of erfc beyond. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return x;
  if (a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * sum * 2) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let k = 60; k >= 1; k--) fraction = k / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)));
}

/** Addresses of a view's elements in row-major order of its shape. */
function* addresses(view: View): Generator<number> {
  const { shape, strides, offset } = view;
  const n = sizeOf(shape);
  const index = new Array<number>(shape.length).fill(0);
  let at = offset;
  for (let i = 0; i < n; i++) {
    yield at;
    for (let d = shape.length - 1; d >= 0; d--) {
      at += strides[d];
      if (++index[d] < shape[d]) break;
      at -= strides[d] * shape[d];
      index[d] = 0;
    }
  }
}

/** The values of a view, row-major. */
function values(view: View): Float64Array {
  const array = arrayOf(view.buffer);
  const out = new Float64Array(sizeOf(view.shape));
  let i = 0;
  for (const at of addresses(view)) out[i++] = array[at];
  return out;
}

function store(view: View, data: ArrayLike<number>): void {
  const array = arrayOf(view.buffer);
  let i = 0;
  for (const at of addresses(view)) array[at] = data[i++];
}

const arrays = { f32: Float32Array, f64: Float64Array, i32: Int32Array, u8: Uint8Array };

/** Plain loops in f64 (or f32), one per kernel: slow, and the definition of right. */
export function createReferenceDevice(float: 'f32' | 'f64' = 'f64'): Device {
  return {
    name: 'reference',
    float,
    allocate(dtype: DType, length: number): Buffer {
      const buffer: HostBuffer = { dtype, length, array: new arrays[dtype](length) };
      return buffer;
    },
    free() {},
    write(buffer, offset, data) {
      arrayOf(buffer).set(data, offset);
    },
    async read(buffer, offset, length) {
      return arrayOf(buffer).slice(offset, offset + length);
    },
    readSync: (buffer, offset, length) => arrayOf(buffer).slice(offset, offset + length),
    fill(buffer, offset, length, value) {
      arrayOf(buffer).fill(value, offset, offset + length);
    },

    elementwise(op: ElementwiseName, out: View, inputs: readonly View[]) {
      const f = formula(op);
      const data = inputs.map(values);
      const n = sizeOf(out.shape);
      const result = new Float64Array(n);
      for (let i = 0; i < n; i++) result[i] = f(numbers, ...data.map((d) => d[i]));
      store(out, result);
    },
    copy(out, x) {
      store(out, values(x));
    },
    reduce(op: Reduction, out, outOffset, x, xOffset, outer, size, inner) {
      const from = arrayOf(x);
      const to = arrayOf(out);
      for (let o = 0; o < outer; o++) {
        for (let i = 0; i < inner; i++) {
          let total = op === 'sum' ? 0 : op === 'max' ? -Infinity : Infinity;
          for (let s = 0; s < size; s++) {
            const value = from[xOffset + (o * size + s) * inner + i];
            total = op === 'sum' ? total + value : op === 'max' ? Math.max(total, value) : Math.min(total, value);
          }
          to[outOffset + o * inner + i] = total;
        }
      }
    },
    product({ a, b, out, alpha, accumulate }: Product) {
      const batch = out.shape.length - 2;
      const [m, n] = out.shape.slice(batch);
      const k = a.shape[batch + 1];
      const A = values(a);
      const B = values(b);
      const C = values(out);
      const count = sizeOf(out.shape.slice(0, batch));
      for (let t = 0; t < count; t++) {
        for (let i = 0; i < m; i++) {
          for (let j = 0; j < n; j++) {
            let sum = 0;
            for (let p = 0; p < k; p++) sum += A[(t * m + i) * k + p] * B[(t * k + p) * n + j];
            const at = (t * m + i) * n + j;
            C[at] = alpha * sum + (accumulate ? C[at] : 0);
          }
        }
      }
      store(out, C);
    },

    softmax(out: View, x: View, causal?: Causal, log = false) {
      const columns = x.shape[x.shape.length - 1];
      const data = values(x);
      const rows = columns === 0 ? 0 : data.length / columns;
      for (let r = 0; r < rows; r++) {
        const seen = causal ? Math.min(columns, (r % causal.queries) + causal.shift + 1) : columns;
        const row = data.subarray(r * columns, (r + 1) * columns);
        let top = -Infinity;
        for (let c = 0; c < seen; c++) top = Math.max(top, row[c]);
        let total = 0;
        for (let c = 0; c < seen; c++) total += Math.exp(row[c] - top);
        for (let c = 0; c < columns; c++) {
          if (log) row[c] = c < seen ? row[c] - top - Math.log(total) : -Infinity;
          else row[c] = c < seen ? Math.exp(row[c] - top) / total : 0;
        }
      }
      store(out, data);
    },
    softmaxGrad(out: View, y: View, g: View, log = false) {
      const columns = y.shape[y.shape.length - 1];
      const Y = values(y);
      const G = values(g);
      const rows = columns === 0 ? 0 : Y.length / columns;
      for (let r = 0; r < rows; r++) {
        let total = 0;
        for (let c = r * columns; c < (r + 1) * columns; c++) total += log ? G[c] : G[c] * Y[c];
        for (let c = r * columns; c < (r + 1) * columns; c++) {
          G[c] = log ? G[c] - Math.exp(Y[c]) * total : Y[c] * (G[c] - total);
        }
      }
      store(out, G);
    },
    gather(out: View, table: View, ids: View) {
      const [rows, width] = table.shape;
      const data = values(table);
      const picked = new Float64Array(sizeOf(out.shape));
      let r = 0;
      for (const id of values(ids)) {
        if (!(id >= 0 && id < rows)) throw new RangeError(`gather: id ${id} is outside the table's ${rows} rows`);
        picked.set(data.subarray(id * width, (id + 1) * width), r++ * width);
      }
      store(out, picked);
    },
    scatterAdd(table: View, ids: View, rows: View) {
      const width = table.shape[1];
      const data = values(table);
      const add = values(rows);
      let r = 0;
      for (const id of values(ids)) {
        if (!(id >= 0 && id < table.shape[0])) {
          throw new RangeError(`scatterAdd: id ${id} is outside the table's ${table.shape[0]} rows`);
        }
        for (let c = 0; c < width; c++) data[id * width + c] += add[r * width + c];
        r++;
      }
      store(table, data);
    },
    rotary(out: View, x: View, cos: View, sin: View, inverse: boolean) {
      const [batch, length, heads, width] = x.shape;
      const half = cos.shape[1];
      const data = values(x);
      const C = values(cos);
      const S = values(sin);
      const sign = inverse ? -1 : 1;
      for (let b = 0; b < batch; b++) {
        for (let t = 0; t < length; t++) {
          for (let h = 0; h < heads; h++) {
            const row = ((b * length + t) * heads + h) * width;
            for (let i = 0; i < half; i++) {
              const c = C[t * half + i];
              const s = sign * S[t * half + i];
              const first = data[row + i];
              const second = data[row + half + i];
              data[row + i] = first * c - second * s;
              data[row + half + i] = second * c + first * s;
            }
          }
        }
      }
      store(out, data);
    },
    adamw(parameter, gradient, m, v, o: AdamOptions) {
      const P = values(parameter);
      const G = values(gradient);
      const M = values(m);
      const V = values(v);
      for (let i = 0; i < P.length; i++) {
        M[i] = o.beta1 * M[i] + (1 - o.beta1) * G[i];
        V[i] = o.beta2 * V[i] + (1 - o.beta2) * G[i] * G[i];
        const first = M[i] / (1 - o.beta1 ** o.step);
        const second = V[i] / (1 - o.beta2 ** o.step);
        P[i] = P[i] * (1 - o.lr * o.weightDecay) - (o.lr * first) / (Math.sqrt(second) + o.eps);
      }
      store(parameter, P);
      store(m, M);
      store(v, V);
    },
    sgd(parameter, gradient, velocity, o: SgdOptions) {
      const P = values(parameter);
      const G = values(gradient);
      const V = values(velocity);
      for (let i = 0; i < P.length; i++) {
        const slope = G[i] + o.weightDecay * P[i];
        V[i] = o.momentum * V[i] + slope;
        P[i] -= o.lr * (o.nesterov ? slope + o.momentum * V[i] : V[i]);
      }
      store(parameter, P);
      store(velocity, V);
    },
    patches(out, x, geometry) {
      const X = values(x);
      const seen = new Float64Array(sizeOf(out.shape));
      eachTap(x.shape[0], geometry, (patch, pixel) => {
        seen[patch] = X[pixel];
      });
      store(out, seen);
    },
    patchesGrad(out, gradient, geometry) {
      const G = values(gradient);
      const sums = new Float64Array(sizeOf(out.shape));
      eachTap(out.shape[0], geometry, (patch, pixel) => {
        sums[pixel] += G[patch];
      });
      store(out, sums);
    },
    sparse: referenceSparse(values, store),
    dispose() {},
  };
}
