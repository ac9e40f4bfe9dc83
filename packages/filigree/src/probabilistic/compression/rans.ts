import { InputError } from '../../errors.js';

/** Frequencies of a symbol's values sum to 2^precision. */
export const precision = 24;
const total = 2 ** precision;
const least = 2 ** 31;
const word = 2 ** 16;

/**
 * Whole-number frequencies of values with the given shares, in place: every one is at least 1 and they sum to 2^24. Shares that are
 * all zero, or not numbers, count as equal. The coder and the decoder both call this, on the same bits.
 * @param shares `[values]` not negative; overwritten by the frequencies
 */
export function toFrequencies(shares: Float64Array, values: number): void {
  let sum = 0;
  for (let v = 0; v < values; v++) sum += shares[v];
  if (!(sum > 0 && sum < Number.POSITIVE_INFINITY)) {
    for (let v = 0; v < values; v++) shares[v] = 1;
    sum = values;
  }
  const room = total - values;
  let [left, largest] = [room, 0];
  for (let v = 0; v < values; v++) {
    const extra = Math.min(left, Math.floor((shares[v] / sum) * room));
    left -= extra;
    shares[v] = 1 + extra;
    if (shares[v] > shares[largest]) largest = v;
  }
  shares[largest] += left;
}

/**
 * Asymmetric numeral systems with a state from 2^31 to 2^47 in exact whole numbers below 2^53, which gives out 16 bits at a time.
 * The coder works backwards, so symbols are kept until `finish`.
 */
export class RansCoder {
  private readonly start: number[] = [];
  private readonly size: number[] = [];

  /** A symbol that takes the slots from `start` to `start + size` of 2^24. */
  put(start: number, size: number): void {
    this.start.push(start);
    this.size.push(size);
  }

  /** The bytes of all symbols since the last `finish`: the state in six bytes, then the words, as the decoder wants them. */
  finish(): Uint8Array<ArrayBuffer> {
    const { start, size } = this;
    const words: number[] = [];
    let state = least;
    for (let i = start.length - 1; i >= 0; i--) {
      while (state >= (least / total) * word * size[i]) {
        words.push(state % word);
        state = Math.floor(state / word);
      }
      state = Math.floor(state / size[i]) * total + (state % size[i]) + start[i];
    }
    start.length = 0;
    size.length = 0;
    const bytes = new Uint8Array(6 + 2 * words.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, Math.floor(state / word));
    view.setUint16(4, state % word);
    for (let i = 0; i < words.length; i++) view.setUint16(6 + 2 * i, words[words.length - 1 - i]);
    return bytes;
  }
}

/** Reads what `RansCoder` wrote. Damaged bytes give wrong symbols or an InputError, never a hang. */
export class RansDecoder {
  private state: number;
  private at = 6;
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly name: string,
  ) {
    if (bytes.length < 6 || bytes.length % 2 === 1) this.fail();
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.state = this.view.getUint32(0) * word + this.view.getUint16(4);
    if (this.state < least || this.state >= least * word) this.fail();
  }

  /** The next symbol's slot, from 0 to 2^24 - 1. */
  peek(): number {
    return this.state % total;
  }

  /** Goes past the symbol that takes the slots from `start` to `start + size`. */
  take(start: number, size: number): void {
    this.state = size * Math.floor(this.state / total) + (this.state % total) - start;
    while (this.state < least) {
      if (this.at + 2 > this.bytes.length) this.fail();
      this.state = this.state * word + this.view.getUint16(this.at);
      this.at += 2;
    }
  }

  /** Throws InputError unless all was read and the state is back where the coder began. */
  end(): void {
    if (this.at !== this.bytes.length || this.state !== least) this.fail();
  }

  private fail(): never {
    throw new InputError(`${this.name} is damaged: its codes do not end where they should`);
  }
}
