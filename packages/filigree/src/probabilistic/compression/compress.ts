import { InputError } from '../../errors.js';
import { breathe } from '../../platform.js';
import type { ProbabilisticCircuit } from '../circuit.js';
import {
  ByteReader,
  ByteWriter,
  type CompressedHeader,
  crc32,
  readHeader,
  type StoredLayout,
  shortHash,
  writeHeader,
} from './container.js';
import { RowWriter, rowsOf } from './layouts.js';
import { modelHash } from './model-hash.js';
import { precision, RansCoder, RansDecoder, toFrequencies } from './rans.js';
import { StreamModel } from './stream-model.js';

export interface CompressOptions {
  /** Bytes of the circuit in the project's own format, to be carried in the file so that it opens without another. */
  readonly embed?: Uint8Array;
  /** Computes every unit at every step: slower, the same bytes. */
  readonly whole?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (state: { done: number; total: number; unit: string }) => void;
}

export interface Compressed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How the file was read as rows; `stored` where it does not fit the circuit or would have grown, so that it is kept as it was. */
  readonly layout: StoredLayout;
  readonly rows: number;
  /** Bits of the codes alone, without the header. */
  readonly codeBits: number;
  /** Units that the steps of a row touch, in all: Σ_n |scope(n)|. */
  readonly unitsPerRow: number;
}

/** Values coded in one block, which are kept until the block is written. */
const blockValues = 2 ** 18;

/**
 * Compresses a file with a circuit as its model: each value takes about -log2 p(value | the values before it in its row) bits, by
 * asymmetric numeral systems with frequencies of 24 bits, so that a row takes about -log2 p(row). Any file comes back byte by byte;
 * one that does not fit the circuit is stored as it is. Liu, Mandt and Van den Broeck, "Lossless compression with probabilistic
 * circuits", ICLR 2022; instead of following a vtree, each step touches the units whose scope has the variable.
 * @throws InputError when the circuit is not smooth and decomposable, or has real variables
 */
export async function compress(
  file: Uint8Array,
  circuit: ProbabilisticCircuit,
  options: CompressOptions = {},
): Promise<Compressed> {
  const model = new StreamModel(circuit, options);
  const rows = rowsOf(file, circuit);
  const common = { size: file.length, checksum: crc32(file) };
  if (rows) {
    const { variables } = model;
    const rowsPerBlock = Math.max(1, Math.floor(blockValues / variables));
    const header: CompressedHeader = {
      ...common,
      layout: rows.layout,
      model: await modelHash(circuit),
      rows: rows.rows,
      columns: variables,
      rowsPerBlock,
      head: rows.head,
      circuit: options.embed ?? new Uint8Array(0),
      ...(rows.style && { style: rows.style }),
    };
    const writer = new ByteWriter().bytes(writeHeader(header));
    let codeBits = 0;
    const coder = new RowCoder(model);
    const values = new Uint16Array(variables);
    const rans = new RansCoder();
    for (let row = 0; row < rows.rows; row++) {
      rows.read(row, values);
      coder.encode(values, rans);
      if ((row + 1) % rowsPerBlock === 0 || row + 1 === rows.rows) {
        const block = rans.finish();
        codeBits += 8 * block.length;
        writer.block(block).uint32(crc32(block));
      }
      if (row % 16 === 0) await turn(options, row, rows.rows);
    }
    const bytes = writer.finish();
    const least = file.length + 64;
    if (options.embed || bytes.length < least)
      return { bytes, layout: rows.layout, rows: rows.rows, codeBits, unitsPerRow: model.unitsPerRow };
  }
  const none = new Uint8Array(0);
  const header = writeHeader({
    ...common,
    layout: 'stored',
    model: '',
    rows: 0,
    columns: 0,
    rowsPerBlock: 0,
    head: none,
    circuit: none,
  });
  const bytes = new ByteWriter().bytes(header).bytes(file).finish();
  return { bytes, layout: 'stored', rows: 0, codeBits: 8 * file.length, unitsPerRow: model.unitsPerRow };
}

/** What a compressed file says of itself. Throws InputError when it is none, cut short or damaged. */
export function compressedHeader(bytes: Uint8Array, name: string): CompressedHeader {
  return readHeader(new ByteReader(bytes, name));
}

/**
 * Gives back the file that `compress` was given. Every byte is checked: the header, each block and the whole have checksums.
 * @param circuit the circuit that the file was compressed with; not needed where it is stored as it was
 * @param name what to call the file in messages
 * @throws InputError for what is no such file, cut short, damaged, of another circuit or of a newer version
 */
export async function decompress(
  bytes: Uint8Array,
  circuit: ProbabilisticCircuit | undefined,
  name: string,
  options: Pick<CompressOptions, 'signal' | 'onProgress'> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new ByteReader(bytes, name);
  const header = readHeader(reader);
  const file =
    header.layout === 'stored' ? reader.bytes(header.size) : await decodeRows(reader, header, circuit, options);
  if (reader.left > 0) reader.damaged(`${reader.left} bytes stand after its end`);
  if (file.length !== header.size || crc32(file) !== header.checksum) {
    reader.damaged('what came out does not match its checksum');
  }
  return new Uint8Array(file);
}

async function decodeRows(
  reader: ByteReader,
  header: CompressedHeader,
  circuit: ProbabilisticCircuit | undefined,
  options: Pick<CompressOptions, 'signal' | 'onProgress'>,
): Promise<Uint8Array> {
  const { layout, rows, columns, rowsPerBlock, style, size, head } = header;
  if (!circuit) {
    throw new InputError(
      `${reader.name} does not carry its circuit; give the one that it was compressed with (its hash is ${shortHash(header.model)})`,
    );
  }
  const hash = await modelHash(circuit);
  if (hash !== header.model) {
    throw new InputError(
      `${reader.name} was compressed with another circuit: its hash is ${shortHash(header.model)}, and the given one's ${shortHash(hash)}`,
    );
  }
  if (
    columns !== circuit.variables ||
    rowsPerBlock < 1 ||
    rowsPerBlock > Math.max(1, Math.floor(blockValues / columns))
  ) {
    reader.damaged('its header contradicts itself');
  }
  const coder = new RowCoder(new StreamModel(circuit));
  const writer = new RowWriter(layout as Exclude<StoredLayout, 'stored'>, style, size, head);
  for (let row = 0; row < rows; row += rowsPerBlock) {
    const count = Math.min(rowsPerBlock, rows - row);
    const block = reader.block();
    if (reader.uint32() !== crc32(block)) reader.damaged('a block of codes does not match its checksum');
    const rans = new RansDecoder(block, reader.name);
    const values = new Uint16Array(count * columns);
    for (let r = 0; r < count; r++) {
      coder.decode(values.subarray(r * columns, (r + 1) * columns), rans);
      if (r % 16 === 0) await turn(options, row + r, rows);
    }
    rans.end();
    writer.write(values, columns, row + count === rows);
  }
  return writer.bytes();
}

async function turn({ signal, onProgress }: CompressOptions, done: number, total: number): Promise<void> {
  signal?.throwIfAborted();
  onProgress?.({ done, total, unit: 'rows' });
  await breathe();
}

/** Codes the values of rows, variable by variable. */
class RowCoder {
  private readonly shares: Float64Array;

  constructor(private readonly model: StreamModel) {
    this.shares = new Float64Array(model.widest);
  }

  encode(values: Uint16Array, rans: RansCoder): void {
    this.model.reset();
    for (let v = 0; v < values.length; v++) {
      const count = this.predict(v);
      const known = this.shares[values[v]] > 0;
      toFrequencies(this.shares, count);
      let start = 0;
      for (let x = 0; x < values[v]; x++) start += this.shares[x];
      rans.put(start, this.shares[values[v]]);
      // The model holds a value that it calls impossible for unknown, and goes on.
      if (known) this.model.tell(v, values[v]);
    }
  }

  decode(values: Uint16Array, rans: RansDecoder): void {
    this.model.reset();
    const possible = new Uint8Array(this.shares.length);
    for (let v = 0; v < values.length; v++) {
      const count = this.predict(v);
      for (let x = 0; x < count; x++) possible[x] = this.shares[x] > 0 ? 1 : 0;
      toFrequencies(this.shares, count);
      const slot = rans.peek();
      let [start, value] = [0, 0];
      while (start + this.shares[value] <= slot) start += this.shares[value++];
      rans.take(start, this.shares[value]);
      values[v] = value;
      if (possible[value]) this.model.tell(v, value);
    }
  }

  private predict(variable: number): number {
    this.model.shares(variable, this.shares);
    return this.model.circuit.states[variable];
  }
}

/** Bits that a frequency of 2^precision costs: what the coder pays for a value. */
export const frequencyBits = (frequency: number): number => precision - Math.log2(frequency);
