import type { Buffer, Device, DType, View } from '../device.js';
import { contiguousView, isContiguous, sizeOf } from '../views.js';
import { adamw } from './adamw.js';
import { cpuCircuits } from './circuit.js';
import { copy, isTransposed, withContiguous } from './copy.js';
import { elementwise } from './elementwise.js';
import { addressOf, type CpuBuffer, Engine, type EngineOptions, viewAddress, widthOf } from './engine.js';
import { fill } from './fill.js';
import { checkIds, gather, scatterAdd } from './gather.js';
import { patches, patchesGrad } from './patches.js';
import { product } from './product.js';
import { reduce } from './reduce.js';
import { rotary } from './rotary.js';
import { sgd } from './sgd.js';
import { softmax, softmaxGrad } from './softmax.js';
import { cpuSparse } from './sparse.js';

/** The CPU device, with its engine in reach of tests and benches. */
export interface CpuDevice extends Device {
  readonly engine: Engine;
}

/**
 * WebAssembly SIMD on the CPU, f32. Kernels are written and compiled at their first use; threads take part where a
 * platform is set and memory can be shared. Results do not depend on the number of threads.
 */
export function createCpuDevice(options: EngineOptions = {}): CpuDevice {
  const engine = new Engine(options);
  const { memory } = engine;

  const window = (buffer: Buffer, offset: number, length: number) => {
    const start = addressOf(buffer, offset) / widthOf(buffer.dtype);
    const all = buffer.dtype === 'f32' ? memory.f32 : buffer.dtype === 'i32' ? memory.i32 : memory.u8;
    return all.subarray(start, start + length);
  };
  const rowsOf = (view: View) => {
    const columns = view.shape[view.shape.length - 1];
    return { columns, rows: sizeOf(view.shape) / columns };
  };
  /** Ids as contiguous i32, checked against the table. */
  const withIds = (name: string, table: View, ids: View, use: (address: number, count: number) => void) => {
    const count = sizeOf(ids.shape);
    const convert = ids.buffer.dtype !== 'i32' || !isContiguous(ids.shape, ids.strides);
    const list = convert ? contiguousView(device.allocate('i32', count), ids.shape) : ids;
    try {
      if (convert) copy(engine, list, ids);
      checkIds(engine, name, viewAddress(list), count, table.shape[0]);
      use(viewAddress(list), count);
    } finally {
      if (convert) device.free(list.buffer);
    }
  };

  const device: CpuDevice = {
    name: 'cpu',
    float: 'f32',
    numerics: engine.relaxed ? 'fused' : 'plain',
    get memoryBytes() {
      return engine.memory.bytes;
    },
    engine,
    allocate(dtype: DType, length: number): CpuBuffer {
      if (dtype === 'f64') throw new TypeError('the CPU device has no f64; use the reference device');
      return { dtype, length, block: memory.allocate(length * widthOf(dtype)) };
    },
    free: (buffer) => memory.free((buffer as CpuBuffer).block),
    write: (buffer, offset, data) => window(buffer, offset, data.length).set(data),
    read: async (buffer, offset, length) => device.readSync(buffer, offset, length),
    readSync(buffer, offset, length) {
      // A copy in memory of its own, also where the engine's is shared (whose constructor copies element by element).
      const view = window(buffer, offset, length);
      const copied =
        buffer.dtype === 'f32'
          ? new Float32Array(length)
          : buffer.dtype === 'i32'
            ? new Int32Array(length)
            : new Uint8Array(length);
      copied.set(view);
      return copied;
    },
    fill(buffer, offset, length, value) {
      if (buffer.dtype === 'f32' || buffer.dtype === 'i32') {
        fill(engine, buffer.dtype, addressOf(buffer, offset), length, value);
      } else window(buffer, offset, length).fill(value);
    },

    elementwise(op, out, inputs) {
      if (!inputs.some(isTransposed)) return elementwise(engine, op, out, inputs);
      // Tiles through a temporary are several times as fast as picking single elements across the rows.
      const temporaries: Buffer[] = [];
      try {
        const straight = inputs.map((view) => {
          if (!isTransposed(view)) return view;
          const dtype = view.buffer.dtype;
          const plain = contiguousView(device.allocate(dtype, sizeOf(view.shape)), view.shape);
          temporaries.push(plain.buffer);
          copy(engine, plain, view);
          return plain;
        });
        elementwise(engine, op, out, straight);
      } finally {
        for (const buffer of temporaries) device.free(buffer);
      }
    },
    copy: (out, x) => copy(engine, out, x),
    reduce(op, out, outOffset, x, xOffset, outer, size, inner) {
      reduce(engine, op, addressOf(out, outOffset), addressOf(x, xOffset), outer, size, inner);
    },
    product: (p) => product(engine, p),
    softmax(out, x, causal, log = false) {
      const { rows, columns } = rowsOf(x);
      if (columns === 0) return;
      withContiguous(engine, [x], ([from]) => softmax(engine, viewAddress(out), from, rows, columns, causal, log));
    },
    softmaxGrad(out, y, g, log = false) {
      const { rows, columns } = rowsOf(y);
      if (columns === 0) return;
      withContiguous(engine, [y, g], ([from, slope]) =>
        softmaxGrad(engine, viewAddress(out), from, slope, rows, columns, log),
      );
    },
    gather(out, table, ids) {
      withIds('gather', table, ids, (address, count) => {
        withContiguous(engine, [table], ([from]) =>
          gather(engine, viewAddress(out), from, address, count, table.shape[1]),
        );
      });
    },
    scatterAdd(table, ids, rows) {
      withIds('scatterAdd', table, ids, (address, count) => {
        withContiguous(engine, [rows], ([from]) =>
          scatterAdd(engine, viewAddress(table), address, from, count, table.shape[1]),
        );
      });
    },
    rotary(out, x, cos, sin, inverse) {
      const features = x.strides[3] === 1 || x.shape[3] <= 1;
      withContiguous(engine, [cos, sin], ([c, s]) => {
        if (features) return rotary(engine, out, x, c, s, cos.shape[1], inverse);
        copy(engine, out, x);
        rotary(engine, out, contiguousView(out.buffer, out.shape, out.offset), c, s, cos.shape[1], inverse);
      });
    },
    adamw(parameter, gradient, m, v, o) {
      const addresses = [viewAddress(parameter), viewAddress(gradient), viewAddress(m), viewAddress(v)] as const;
      adamw(engine, addresses, sizeOf(parameter.shape), o);
    },
    sgd(parameter, gradient, velocity, o) {
      const addresses = [viewAddress(parameter), viewAddress(gradient), viewAddress(velocity)] as const;
      sgd(engine, addresses, sizeOf(parameter.shape), o);
    },
    patches(out, x, geometry) {
      if (sizeOf(out.shape) > 0) patches(engine, viewAddress(out), viewAddress(x), x.shape[0], geometry);
    },
    patchesGrad(out, gradient, geometry) {
      if (sizeOf(out.shape) > 0) patchesGrad(engine, viewAddress(out), viewAddress(gradient), out.shape[0], geometry);
    },
    sparse: cpuSparse(engine),
    circuits: cpuCircuits(engine),
    dispose: () => engine.dispose(),
  };
  return device;
}
