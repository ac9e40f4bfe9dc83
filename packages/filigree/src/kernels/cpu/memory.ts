import { MemoryError } from '../device.js';
import { type WasmMemory, wasm } from './webassembly.js';

/** A run of bytes; in use, or on the free list of its size class. */
export interface Block {
  /** Byte address, a multiple of 64, up to 2^32 (WebAssembly takes it as the same 32 bits). */
  readonly address: number;
  /** Bytes, a multiple of 64. */
  readonly size: number;
}

interface Node extends Block {
  address: number;
  size: number;
  free: boolean;
  /** Neighbours in memory. */
  before: Node | undefined;
  after: Node | undefined;
  /** Neighbours on the free list. */
  previous: Node | undefined;
  next: Node | undefined;
}

export interface MemoryOptions {
  readonly shared: boolean;
  /** At most 4 GiB. */
  readonly maxBytes?: number;
}

const PAGE = 65536;
const ALIGNMENT = 64;
const FOUR_GIB = 2 ** 32;
const START_PAGES = 16;

/** Size classes: exact below 8 units of 64 bytes, then eight to each power of two. */
function classOf(units: number): number {
  if (units < 8) return units;
  const log = 31 - Math.clz32(units);
  return (log - 2) * 8 + ((units >>> (log - 3)) & 7);
}
const CLASSES = classOf(FOUR_GIB / ALIGNMENT) + 1;

/**
 * One WebAssembly memory and its allocator: free lists by size class with a bitmap (constant time), neighbours merged
 * when freed. Starts at 1 MiB and grows. Address 0 is never handed out.
 */
export class Memory {
  readonly memory: WasmMemory;
  readonly shared: boolean;
  readonly maxBytes: number;
  /** Windows on the whole memory; read them anew after every allocation, since growing replaces them. */
  f32!: Float32Array;
  i32!: Int32Array;
  u8!: Uint8Array;

  readonly #lists: (Node | undefined)[] = new Array<Node | undefined>(CLASSES).fill(undefined);
  readonly #bitmap = new Int32Array(Math.ceil(CLASSES / 32));
  #last: Node | undefined;
  #bytes = 0;
  #inUse = 0;

  constructor(options: MemoryOptions) {
    this.shared = options.shared;
    this.maxBytes = Math.min(FOUR_GIB, Math.floor((options.maxBytes ?? FOUR_GIB) / PAGE) * PAGE);
    const initial = Math.min(START_PAGES, this.maxBytes / PAGE);
    this.memory = new wasm.Memory({ initial, maximum: this.maxBytes / PAGE, shared: options.shared });
    this.#refresh();
    this.#extend(ALIGNMENT, initial * PAGE);
  }

  /** Bytes handed out now. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Bytes the memory has grown to. */
  get bytes(): number {
    return this.#bytes;
  }

  /** At least `bytes` bytes (64 at least), uninitialised. Throws `MemoryError`. */
  allocate(bytes: number): Block {
    const units = Math.max(1, Math.ceil(bytes / ALIGNMENT));
    let node = units * ALIGNMENT > this.maxBytes ? undefined : this.#find(units);
    if (!node && units * ALIGNMENT <= this.maxBytes && this.#grow(units * ALIGNMENT)) node = this.#find(units);
    if (!node) throw this.#full(bytes);
    this.#unlink(node);
    const size = units * ALIGNMENT;
    if (node.size > size) {
      this.#link(this.#insert(node, node.address + size, node.size - size));
      node.size = size;
    }
    node.free = false;
    this.#inUse += node.size;
    return node;
  }

  free(block: Block): void {
    let node = block as Node;
    if (node.free) throw new Error(`memory: block at ${node.address} is freed twice`);
    this.#inUse -= node.size;
    node.free = true;
    if (node.before?.free) {
      this.#unlink(node.before);
      node = this.#absorb(node.before);
    }
    if (node.after?.free) {
      this.#unlink(node.after);
      this.#absorb(node);
    }
    this.#link(node);
  }

  /** A free node of at least `units`. */
  #find(units: number): Node | undefined {
    // Classes above hold only nodes that are large enough; the node's own class may hold some.
    const own = classOf(units);
    let index = this.#firstClass(own + 1);
    if (index < 0) {
      for (let node = this.#lists[own]; node; node = node.next) if (node.size >= units * ALIGNMENT) return node;
      return undefined;
    }
    const head = this.#lists[own];
    if (head && head.size >= units * ALIGNMENT) index = own;
    return this.#lists[index];
  }

  /** The first class from `start` on that has a node, or -1. */
  #firstClass(start: number): number {
    for (let word = start >> 5; word < this.#bitmap.length; word++) {
      const bits = word === start >> 5 ? this.#bitmap[word] & (-1 << (start & 31)) : this.#bitmap[word];
      if (bits !== 0) return word * 32 + (31 - Math.clz32(bits & -bits));
    }
    return -1;
  }

  #link(node: Node): void {
    const index = classOf(node.size / ALIGNMENT);
    const head = this.#lists[index];
    node.previous = undefined;
    node.next = head;
    if (head) head.previous = node;
    this.#lists[index] = node;
    this.#bitmap[index >> 5] |= 1 << (index & 31);
  }

  #unlink(node: Node): void {
    if (node.next) node.next.previous = node.previous;
    if (node.previous) node.previous.next = node.next;
    else {
      const index = classOf(node.size / ALIGNMENT);
      this.#lists[index] = node.next;
      if (!node.next) this.#bitmap[index >> 5] &= ~(1 << (index & 31));
    }
  }

  /** A free node behind `before`, not yet on a list. */
  #insert(before: Node | undefined, address: number, size: number): Node {
    const after = before?.after;
    const node: Node = { address, size, free: true, before, after, previous: undefined, next: undefined };
    if (before) before.after = node;
    if (after) after.before = node;
    else this.#last = node;
    return node;
  }

  /** Merges the node behind into `node`. */
  #absorb(node: Node): Node {
    const gone = node.after!;
    node.size += gone.size;
    node.after = gone.after;
    if (gone.after) gone.after.before = node;
    else this.#last = node;
    return node;
  }

  #extend(from: number, to: number): void {
    const last = this.#last;
    this.#bytes = to;
    if (last?.free) {
      this.#unlink(last);
      last.size += to - from;
      this.#link(last);
    } else {
      this.#link(this.#insert(last, from, to - from));
    }
  }

  /** Makes room for a block of `size` at the end: a quarter more than now where the host allows, else what is needed. */
  #grow(size: number): boolean {
    const tail = this.#last?.free ? this.#last.size : 0;
    const needed = Math.ceil((size - tail) / PAGE);
    const left = (this.maxBytes - this.#bytes) / PAGE;
    if (needed > left) return false;
    const generous = Math.min(left, Math.max(needed, Math.ceil(this.#bytes / 4 / PAGE)));
    for (const pages of generous > needed ? [generous, needed] : [needed]) {
      try {
        this.memory.grow(pages);
      } catch {
        continue;
      }
      this.#refresh();
      this.#extend(this.#bytes, this.#bytes + pages * PAGE);
      return true;
    }
    return false;
  }

  #refresh(): void {
    const { buffer } = this.memory;
    this.f32 = new Float32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u8 = new Uint8Array(buffer);
  }

  #full(bytes: number): MemoryError {
    const mib = (n: number) => `${(n / 2 ** 20).toFixed(1)} MiB`;
    return new MemoryError(
      `no room for ${mib(bytes)}: ${mib(this.#inUse)} in use, ${mib(this.#bytes)} taken from the host, limit ${mib(this.maxBytes)}`,
    );
  }
}
