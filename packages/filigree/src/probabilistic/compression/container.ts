import { InputError } from '../../errors.js';
import { quote } from '../../validate.js';
import type { TableStyle } from './layouts.js';

/** First bytes of a compressed file: a byte that no text has, a name, and line ends that a careless transfer would change. */
const magic = Uint8Array.of(0x8f, 0x46, 0x50, 0x43, 0x0d, 0x0a, 0x1a, 0x0a);
const version = 1;
const layouts = ['stored', 'table', 'bytes', 'bits'] as const;
export type StoredLayout = (typeof layouts)[number];

/** What a compressed file says of itself before its codes. */
export interface CompressedHeader {
  readonly layout: StoredLayout;
  /** SHA-256 of the circuit as the coder sees it, hexadecimal; empty where the file is stored as it was. */
  readonly model: string;
  /** Bytes of the file, and their CRC-32. */
  readonly size: number;
  readonly checksum: number;
  readonly rows: number;
  readonly columns: number;
  readonly rowsPerBlock: number;
  readonly style?: TableStyle;
  /** Bytes before the rows. */
  readonly head: Uint8Array;
  /** The circuit in the project's own format, where the file carries it. */
  readonly circuit: Uint8Array;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** CRC-32 of bytes, as zip and PNG have it; `before` goes on from the bytes before them. */
export function crc32(bytes: Uint8Array, before = 0): number {
  let c = ~before >>> 0;
  for (let i = 0; i < bytes.length; i++) c = crcTable[(c ^ bytes[i]) & 0xff] ^ (c >>> 8);
  return ~c >>> 0;
}

/** Writes bytes, counts and checksums one after the other. */
export class ByteWriter {
  private readonly parts: Uint8Array[] = [];

  bytes(part: Uint8Array): this {
    this.parts.push(part);
    return this;
  }

  byte(value: number): this {
    return this.bytes(Uint8Array.of(value));
  }

  /** A count below 2^53: seven bits a byte, the lowest first. */
  count(value: number): this {
    const digits: number[] = [];
    let left = value;
    for (; left >= 128; left = Math.floor(left / 128)) digits.push((left % 128) + 128);
    return this.bytes(Uint8Array.of(...digits, left));
  }

  uint32(value: number): this {
    const part = new Uint8Array(4);
    new DataView(part.buffer).setUint32(0, value);
    return this.bytes(part);
  }

  /** Bytes with their number before them. */
  block(part: Uint8Array): this {
    return this.count(part.length).bytes(part);
  }

  finish(): Uint8Array<ArrayBuffer> {
    const result = new Uint8Array(this.parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.parts) {
      result.set(part, at);
      at += part.length;
    }
    return result;
  }
}

/** Reads what `ByteWriter` wrote. Throws InputError, naming the file, where it ends too early or makes no sense. */
export class ByteReader {
  at = 0;

  constructor(
    private readonly data: Uint8Array,
    readonly name: string,
  ) {}

  get left(): number {
    return this.data.length - this.at;
  }

  bytes(length: number): Uint8Array {
    if (length > this.left) {
      throw new InputError(
        `${this.name} is cut short: ${length - this.left} of the ${length} bytes from byte ${this.at} are missing`,
      );
    }
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }

  byte(): number {
    return this.bytes(1)[0];
  }

  count(): number {
    let [value, scale] = [0, 1];
    for (;;) {
      const digit = this.byte();
      value += (digit % 128) * scale;
      if (!Number.isSafeInteger(value)) this.damaged('a number is too large');
      if (digit < 128) return value;
      scale *= 128;
    }
  }

  uint32(): number {
    const part = this.bytes(4);
    return new DataView(part.buffer, part.byteOffset, 4).getUint32(0);
  }

  block(): Uint8Array {
    return this.bytes(this.count());
  }

  /** The bytes from `start` to here. */
  since(start: number): Uint8Array {
    return this.data.subarray(start, this.at);
  }

  damaged(why: string): never {
    throw new InputError(`${this.name} is damaged: ${why}`);
  }
}

/** Writes magic, version and header, and a checksum of them. */
export function writeHeader(header: CompressedHeader): Uint8Array<ArrayBuffer> {
  const { style } = header;
  const flags = (style?.carriageReturn ? 1 : 0) + (style?.finalNewline ? 2 : 0);
  const model = Uint8Array.from(header.model.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const bytes = new ByteWriter()
    .bytes(magic)
    .byte(version)
    .byte(layouts.indexOf(header.layout))
    .block(model)
    .count(header.size)
    .uint32(header.checksum)
    .count(header.rows)
    .count(header.columns)
    .count(header.rowsPerBlock)
    .byte(style?.separator ?? 0)
    .byte(flags)
    .block(header.head)
    .block(header.circuit)
    .finish();
  return new ByteWriter().bytes(bytes).uint32(crc32(bytes)).finish();
}

/** Reads and checks the header; the reader then stands at the codes. */
export function readHeader(reader: ByteReader): CompressedHeader {
  const { name } = reader;
  const start = reader.left >= magic.length ? reader.bytes(magic.length) : undefined;
  if (!start?.every((byte, i) => byte === magic[i])) {
    throw new InputError(`${name} is not a file that filigree compress wrote, or its first bytes are damaged`);
  }
  const found = reader.byte();
  if (found !== version) {
    throw new InputError(`${name} is of version ${found} of the format, and this filigree reads version ${version}`);
  }
  const layout = layouts[reader.byte()] ?? reader.damaged('it names no known layout');
  const model = Array.from(reader.block(), (byte) => byte.toString(16).padStart(2, '0')).join('');
  const [size, checksum, rows, columns, rowsPerBlock] = [
    reader.count(),
    reader.uint32(),
    reader.count(),
    reader.count(),
    reader.count(),
  ];
  const [separator, flags] = [reader.byte(), reader.byte()];
  const [head, circuit] = [reader.block(), reader.block()];
  const covered = reader.since(0);
  if (reader.uint32() !== crc32(covered)) reader.damaged('its header does not match its checksum');
  const style =
    layout === 'table' ? { separator, carriageReturn: (flags & 1) > 0, finalNewline: (flags & 2) > 0 } : undefined;
  return { layout, model, size, checksum, rows, columns, rowsPerBlock, head, circuit, ...(style && { style }) };
}

/** The start of a model's hash, for messages. */
export const shortHash = (hash: string): string => quote(hash.slice(0, 12));
