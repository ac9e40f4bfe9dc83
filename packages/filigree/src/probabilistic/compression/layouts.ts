import type { ProbabilisticCircuit } from '../circuit.js';

/** How the bytes of a file are rows of values for a circuit, whole and back. */
export interface Rows {
  readonly layout: 'table' | 'bytes' | 'bits';
  readonly rows: number;
  /** Bytes that stand before the rows, as they are: a header, or what does not fill a row. */
  readonly head: Uint8Array;
  /** How a table writes its rows. */
  readonly style?: TableStyle;
  /** Writes the values of a row. */
  read(row: number, values: Uint16Array): void;
}

export interface TableStyle {
  /** The character between values. */
  readonly separator: number;
  readonly carriageReturn: boolean;
  readonly finalNewline: boolean;
}

const [zero, nine, newline, carriage] = [0x30, 0x39, 0x0a, 0x0d];
/** What may stand between the values of a table. */
export const separators = [0x2c, 0x20, 0x09, 0x3b];

/**
 * The rows of a file, in the first way that fits the circuit:
 * - `table`: lines of whole numbers that fit its variables, all written alike, after a line of names or not;
 * - `bytes`: a byte is a value, where every byte is one of its variable; bytes before the last whole rows stay as they are;
 * - `bits`: a bit is a value, the highest first, where all variables have two; the last row is filled with zeros.
 * @returns undefined when none does
 */
export function rowsOf(bytes: Uint8Array, circuit: ProbabilisticCircuit): Rows | undefined {
  const { variables, states } = circuit;
  if (bytes.length === 0 || variables === 0) return undefined;
  const table = tableRows(bytes, states);
  if (table) return table;
  const rows = Math.floor(bytes.length / variables);
  const start = bytes.length - rows * variables;
  if (rows > 0 && bytes.every((byte, i) => i < start || byte < states[(i - start) % variables])) {
    return {
      layout: 'bytes',
      rows,
      head: bytes.subarray(0, start),
      read: (row, values) => values.set(bytes.subarray(start + row * variables, start + (row + 1) * variables)),
    };
  }
  if (!states.every((count) => count === 2)) return undefined;
  return {
    layout: 'bits',
    rows: Math.ceil((bytes.length * 8) / variables),
    head: new Uint8Array(0),
    read: (row, values) => {
      for (let v = 0, bit = row * variables; v < variables; v++, bit++) {
        values[v] = ((bytes[bit >>> 3] ?? 0) >>> (7 - (bit & 7))) & 1;
      }
    },
  };
}

/** The file as a table that its writer would write again byte by byte; undefined where it is none. */
function tableRows(bytes: Uint8Array, states: Uint32Array): Rows | undefined {
  const start = isDigit(bytes[0]) ? 0 : bytes.indexOf(newline) + 1;
  if (start === 0 && !isDigit(bytes[0])) return undefined;
  const firstEnd = bytes.indexOf(newline, start);
  const carriageReturn = firstEnd > start && bytes[firstEnd - 1] === carriage;
  const finalNewline = bytes[bytes.length - 1] === newline;
  let separator = separators[0];
  // A value takes at least two bytes, but for the last.
  const values = new Uint16Array((bytes.length >>> 1) + 1);
  let count = 0;
  const columns = states.length;
  let at = start;
  while (at < bytes.length) {
    for (let c = 0; c < columns; c++) {
      const from = at;
      let value = 0;
      for (; isDigit(bytes[at]) && at - from < 6; at++) value = value * 10 + bytes[at] - zero;
      if (at === from || (bytes[from] === zero && at - from > 1) || value >= states[c]) return undefined;
      values[count++] = value;
      if (c + 1 === columns) break;
      if (count === 1) separator = bytes[at];
      if (bytes[at] !== separator || !separators.includes(separator)) return undefined;
      at++;
    }
    if (at === bytes.length && !finalNewline) break;
    if (carriageReturn && bytes[at++] !== carriage) return undefined;
    if (bytes[at++] !== newline) return undefined;
  }
  if (count === 0) return undefined;
  return {
    layout: 'table',
    rows: count / columns,
    head: bytes.subarray(0, start),
    style: { separator, carriageReturn, finalNewline },
    read: (row, into) => {
      for (let c = 0; c < columns; c++) into[c] = values[row * columns + c];
    },
  };
}

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= zero && byte <= nine;

/** Puts rows back into bytes, as they come. */
export class RowWriter {
  private readonly parts: Uint8Array[] = [];
  private length = 0;
  private pending = 0;
  private pendingBits = 0;

  /** @param size length of the whole file; what would go beyond it is left out */
  constructor(
    private readonly layout: Rows['layout'],
    private readonly style: TableStyle | undefined,
    private readonly size: number,
    head: Uint8Array,
  ) {
    this.push(head);
  }

  /** Rows one after the other, `columns` values each; `last` where no more rows follow. */
  write(values: Uint16Array, columns: number, last: boolean): void {
    if (this.layout === 'bytes') this.push(Uint8Array.from(values));
    else if (this.layout === 'bits') this.push(this.bits(values));
    else {
      const { separator, carriageReturn, finalNewline } = this.style!;
      const end = carriageReturn ? '\r\n' : '\n';
      const lines: string[] = [];
      for (let row = 0; row < values.length; row += columns) {
        lines.push(values.subarray(row, row + columns).join(String.fromCharCode(separator)));
      }
      const text = lines.join(end) + (last && !finalNewline ? '' : end);
      this.push(new TextEncoder().encode(text));
    }
  }

  /** The whole file. */
  bytes(): Uint8Array<ArrayBuffer> {
    const result = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      result.set(part, at);
      at += part.length;
    }
    return result;
  }

  private bits(values: Uint16Array): Uint8Array {
    const bytes = new Uint8Array(Math.ceil((this.pendingBits + values.length) / 8));
    let at = 0;
    for (const value of values) {
      this.pending = this.pending * 2 + value;
      if (++this.pendingBits < 8) continue;
      bytes[at++] = this.pending;
      this.pending = 0;
      this.pendingBits = 0;
    }
    return bytes.subarray(0, at);
  }

  private push(part: Uint8Array): void {
    const kept = part.subarray(0, this.size - this.length);
    this.parts.push(kept);
    this.length += kept.length;
  }
}
