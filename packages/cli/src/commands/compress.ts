import type { Command } from 'commander';
import {
  compress,
  compressedHeader,
  decompress,
  InputError,
  memoryBytes,
  readCircuitTensors,
  writeCircuitFile,
} from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { readBinaryFile } from '../open.js';
import { addTalkOptions, type TalkOptions } from '../options.js';
import { checkOutputs } from '../outputs.js';
import { circuitFormats, openCircuit } from '../pc-files.js';
import type { Run, Session } from '../session.js';
import { count } from '../table.js';

interface CompressOptions extends TalkOptions {
  circuit: string;
  vtree?: string;
  out: string;
  embed?: boolean;
}

interface DecompressOptions extends TalkOptions {
  circuit?: string;
  vtree?: string;
  out: string;
}

export function addCompress(program: Command, run: Run): void {
  addTalkOptions(
    program
      .command('compress')
      .summary('compress a file with a probabilistic circuit')
      .description(
        'compress a file, without loss, with a probabilistic circuit as the model of its rows: a table that fits the ' +
          'circuit, bytes where all of them are values of its variables, bits where they have two; any other file is stored as it is',
      )
      .argument('<file>', 'what to compress')
      .requiredOption('--circuit <file>', circuitFormats)
      .option('--vtree <file>', "the circuit's .vtree")
      .requiredOption('--out <file>', 'where to write the compressed file')
      .option('--embed', 'put the circuit into the file, so that it opens without another'),
  )
    .addHelpText(
      'after',
      `
Examples:
  filigree compress test.data --circuit model.fpc --out test.fz
  filigree decompress test.fz --circuit model.fpc --out test.again.data`,
    )
    .action((path: string, options: CompressOptions) => run((session) => pack(path, options, session), options));
}

export function addDecompress(program: Command, run: Run): void {
  addTalkOptions(
    program
      .command('decompress')
      .summary('give back a file that compress wrote')
      .description('give back, byte by byte, a file that filigree compress wrote')
      .argument('<file>', 'a file that filigree compress wrote')
      .option('--circuit <file>', 'the circuit that it was compressed with, unless it carries it')
      .option('--vtree <file>', "the circuit's .vtree")
      .requiredOption('--out <file>', 'where to write the file'),
  ).action((path: string, options: DecompressOptions) => run((session) => unpack(path, options, session), options));
}

async function pack(path: string, options: CompressOptions, session: Session): Promise<void> {
  await checkOutputs({ '--out': options.out });
  const circuit = await openCircuit(options.circuit, options.vtree);
  const file = await readBinaryFile(path);
  const embed = options.embed ? writeCircuitFile(circuit) : undefined;
  const { bytes, layout, rows, codeBits } = await session.during('compressing', (progress) =>
    compress(file, circuit, { ...progress, ...(embed && { embed }) }),
  );
  await writeFileAtomic(options.out, bytes);
  const values = rows * circuit.variables;
  if (session.json) {
    session.print({
      bytes: file.length,
      compressed: bytes.length,
      layout,
      rows,
      codeBits,
      bitsPerValue: values > 0 ? codeBits / values : null,
    });
    return;
  }
  const share = file.length > 0 ? ` (${((100 * bytes.length) / file.length).toFixed(1)} %)` : '';
  session.say(`${count(file.length)} bytes to ${count(bytes.length)}${share}, wrote ${options.out}`);
  if (layout === 'stored') {
    session.warn(`${path} does not fit the circuit, or would have grown: it is stored as it is.`);
  } else session.say(`${count(rows)} rows as ${layout}, ${(codeBits / Math.max(1, values)).toFixed(4)} bits a value`);
}

async function unpack(path: string, options: DecompressOptions, session: Session): Promise<void> {
  await checkOutputs({ '--out': options.out });
  const packed = await readBinaryFile(path);
  const header = compressedHeader(packed, path);
  const carried = header.circuit.length > 0;
  if (header.layout !== 'stored' && !carried && options.circuit === undefined) {
    throw new InputError(
      `${path} does not carry its circuit; give the one that it was compressed with, with --circuit.`,
    );
  }
  const circuit =
    options.circuit !== undefined
      ? await openCircuit(options.circuit, options.vtree)
      : carried
        ? await readCircuitTensors(memoryBytes(header.circuit), `the circuit in ${path}`)
        : undefined;
  const file = await session.during('decompressing', (progress) => decompress(packed, circuit, path, progress));
  await writeFileAtomic(options.out, file);
  if (session.json)
    session.print({ compressed: packed.length, bytes: file.length, layout: header.layout, rows: header.rows });
  else session.say(`${count(packed.length)} bytes to ${count(file.length)}, wrote ${options.out}`);
}
