import type { Buffer, Device, DType, TypedArray, View } from '../kernels/device.js';
import { isContiguous, rowMajor, sizeOf } from '../kernels/views.js';
import { breathe } from '../platform.js';
import { defaultDevice } from './default-device.js';
import { currentScope } from './scope.js';
import type { GradNode } from './tape.js';

/** Told of every storage that was collected while tensors still held it; see `reportLeaks`. */
let leaks: FinalizationRegistry<string> | undefined;

/**
 * For development: calls `report` when tensors were lost without being disposed of, some time after the host's garbage collector has
 * noticed. It only tells; memory comes back by scopes and `dispose`. Undefined stops watching.
 */
export function reportLeaks(report: ((what: string) => void) | undefined): void {
  leaks = report && new FinalizationRegistry(report);
}

/** A buffer shared by the tensors that look at it; freed with the last of them. */
class Storage {
  private users = 0;

  constructor(
    readonly device: Device,
    readonly buffer: Buffer,
  ) {
    leaks?.register(this, `${buffer.length} elements (${buffer.dtype}) on ${device.name} were never freed`, this);
  }

  retain(): void {
    this.users++;
  }

  release(): void {
    if (--this.users > 0) return;
    leaks?.unregister(this);
    this.device.free(this.buffer);
  }
}

/**
 * An n-dimensional array on a device: a strided window on shared storage. Operations are functions (`add(a, b)`), are
 * issued at once, and return new tensors; values leave by `await t.data()`.
 */
export class Tensor {
  /** How this tensor was computed; there only while gradients are tracked. */
  node: GradNode | undefined;
  private alive = true;

  private constructor(
    private readonly storage: Storage,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    readonly offset: number,
    /** Whether gradients flow to this tensor. */
    public tracked: boolean,
  ) {
    storage.retain();
    currentScope()?.add(this);
  }

  /** A contiguous tensor with undefined contents. */
  static allocate(shape: readonly number[], dtype?: DType, device: Device = defaultDevice()): Tensor {
    for (const d of shape) {
      if (!Number.isInteger(d) || d < 0) throw new RangeError(`a dimension must be a whole number, got [${shape}]`);
    }
    const buffer = device.allocate(dtype ?? device.float, sizeOf(shape));
    return new Tensor(new Storage(device, buffer), shape, rowMajor(shape), 0, false);
  }

  /** Another window on the same storage (no copy, no gradient: see `ops/views.ts`). */
  window(shape: readonly number[], strides: readonly number[], offset: number): Tensor {
    this.check('window');
    return new Tensor(this.storage, shape, strides, offset, false);
  }

  get device(): Device {
    return this.storage.device;
  }

  get dtype(): DType {
    return this.storage.buffer.dtype;
  }

  get size(): number {
    return sizeOf(this.shape);
  }

  get contiguous(): boolean {
    return isContiguous(this.shape, this.strides);
  }

  get disposed(): boolean {
    return !this.alive;
  }

  /** Where the elements are, for a kernel. Throws when the tensor was freed, naming `operation`. */
  view(operation: string): View {
    this.check(operation);
    return { buffer: this.storage.buffer, offset: this.offset, shape: this.shape, strides: this.strides };
  }

  /** The values, row-major. Between computing and the caller's next step the host gets its turn. */
  async data(): Promise<TypedArray> {
    const values = await this.read();
    await breathe();
    return values;
  }

  private async read(): Promise<TypedArray> {
    const view = this.view('data');
    if (this.contiguous) return this.device.read(view.buffer, view.offset, this.size);
    const packed = this.packed();
    try {
      return await this.device.read(packed.storage.buffer, 0, packed.size);
    } finally {
      packed.dispose();
    }
  }

  /** The values at once; only for tests, the reference and operations that run on the host. */
  dataSync(): TypedArray {
    const view = this.view('dataSync');
    if (this.contiguous) return this.device.readSync(view.buffer, view.offset, this.size);
    const packed = this.packed();
    const values = packed.device.readSync(packed.storage.buffer, 0, packed.size);
    packed.dispose();
    return values;
  }

  /** A contiguous copy outside of gradient tracking. */
  packed(): Tensor {
    const copy = Tensor.allocate(this.shape, this.dtype, this.device);
    this.device.copy(copy.view('copy'), this.view('copy'));
    return copy;
  }

  /** Frees the tensor; its storage goes with the last tensor that uses it. */
  dispose(): void {
    if (!this.alive) return;
    this.alive = false;
    this.node = undefined;
    currentScope()?.release(this);
    this.storage.release();
  }

  private check(operation: string): void {
    if (!this.alive) throw new Error(`${operation}: a tensor of shape [${this.shape}] is used after it was freed`);
  }
}
