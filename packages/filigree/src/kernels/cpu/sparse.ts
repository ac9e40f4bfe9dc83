import type { PreparedPattern, SparseDevice, SparsePattern, View } from '../device.js';
import { sizeOf } from '../views.js';
import { withContiguous } from './copy.js';
import { type Engine, viewAddress } from './engine.js';
import { fill } from './fill.js';
import { i32 } from './instructions.js';
import type { Block } from './memory.js';
import { groupedKernel, groupedScratch, groupedWidth } from './sparse-grouped.js';
import { maskLargest } from './sparse-largest.js';
import { narrowBlocks, narrowQuads, narrowRows } from './sparse-narrow.js';
import { packAllKernel, SAMPLED_BAND, sampledKernel } from './sparse-sampled.js';
import { selectNm } from './sparse-select.js';
import { type NarrowUnits, Streams } from './sparse-streams.js';
import { wideKernel, wideScratch } from './sparse-wide.js';

/** Most rows of a batch for which the narrow kernels are used. */
const NARROW_SAMPLES = 4;
/** Multiply-adds, some 50 microseconds of them, that are worth the waking of a thread. */
const THREAD_WORK = 1 << 20;
/** Tiles for the rows of a batch that fill no whole one. */
const REST_WIDTHS = [4, 8, 12, 16, 24];
/** Longer groups of n:m are bisected; for shorter ones all pairs are compared, in code that is as long as their number. */
const LONG_GROUP = 32;
/** Inputs from which on a tile is larger than the caches. */
const FAR_INPUTS = 1 << 16;
/** Units for each thread, for balance. */
const UNITS_PER_THREAD = 4;

/** Sparse products on the CPU. The same to the bit for any number of threads. */
export function cpuSparse(engine: Engine): SparseDevice {
  return {
    prepare: (pattern, columns) => new Streams(engine, pattern, columns && viewAddress(columns)),
    product(w, values, out, x, bias) {
      const streams = w as PreparedPattern as Streams;
      if (sizeOf(out.shape) === 0) return;
      withRows(engine, [x], ([{ address, stride }]) => {
        withOrder(engine, streams, viewAddress(values), (weights) => {
          const job = { x: address, xStride: stride, out: viewAddress(out), outStride: 4 * out.strides[0], weights };
          const samples = x.shape[0];
          const add = bias ? viewAddress(bias) : 0;
          const narrows = samples <= NARROW_SAMPLES && streams.external === undefined;
          if (narrows) narrow(engine, streams, { ...job, samples, bias: add });
          else wide(engine, streams, { ...job, samples, bias: add });
        });
      });
    },
    sampled(w, out, g, x) {
      const streams = w as PreparedPattern as Streams;
      if (sizeOf(out.shape) === 0) return;
      if (x.shape[0] === 0) {
        fill(engine, 'f32', viewAddress(out), streams.pattern.size, 0);
        return;
      }
      withRows(engine, [x, g], ([from, slope]) => sampled(engine, streams, viewAddress(out), from, slope, x.shape[0]));
    },
    selectNm: (values, columns, w, n, m) => selectNm(engine, { values, columns }, w, n, m),
    maskNm: (mask, w, n, m) =>
      m > LONG_GROUP ? maskLargest(engine, mask, w, n, m) : selectNm(engine, { mask }, w, n, m),
  };
}

/** A batch with contiguous features: its address and the bytes from row to row. */
interface Rows {
  readonly address: number;
  readonly stride: number;
}

interface ProductJob {
  readonly x: number;
  readonly xStride: number;
  readonly out: number;
  readonly outStride: number;
  readonly weights: number;
  readonly samples: number;
  readonly bias: number;
}

/** The views as rows of contiguous features, copied where they are not. */
function withRows(engine: Engine, views: readonly View[], use: (rows: Rows[]) => void): void {
  const straight = views.map(({ shape, strides }) => strides[1] === 1 || shape[1] <= 1);
  const copied = views.filter((_, k) => !straight[k]);
  withContiguous(engine, copied, (addresses) => {
    let next = 0;
    use(
      views.map((view, k) =>
        straight[k]
          ? { address: viewAddress(view), stride: 4 * view.strides[0] }
          : { address: addresses[next++], stride: 4 * view.shape[1] },
      ),
    );
  });
}

/** The values in the order in which the pattern names them. */
function withOrder(engine: Engine, streams: Streams, values: number, use: (values: number) => void): void {
  const { order } = streams;
  if (order === undefined) {
    use(values);
    return;
  }
  const { size } = streams.pattern;
  const kernel = engine.kernel('sparse order', ['i32', 'i32', 'i32'], (f, from, to, out, places, table) => {
    const i = f.local('i32');
    const place = f.let(i32.add(places, i32.shl(from, 2)));
    const at = f.let(i32.add(out, i32.shl(from, 2)));
    const one = (k: number) => f.store(at, i32.load(i32.add(table, i32.shl(i32.load(place, 4 * k), 2))), 4 * k);
    const move = (count: number) => {
      for (const pointer of [place, at]) f.increment(pointer, 4 * count);
    };
    f.set(i, from);
    f.for(i, undefined, f.let(i32.sub(to, 7)), 8, () => {
      for (let k = 0; k < 8; k++) one(k);
      move(8);
    });
    f.for(i, undefined, to, 1, () => {
      one(0);
      move(1);
    });
  });
  const ordered = engine.memory.allocate(4 * size);
  engine.run(kernel, size, 65_536, [ordered.address, order, values]);
  use(ordered.address);
  engine.memory.free(ordered);
}

function narrow(engine: Engine, streams: Streams, job: ProductJob): void {
  for (const { kind, table, count } of streams.narrow()) {
    const work = (streams.pattern.size * job.samples) / count;
    engine.run(narrowKernel(engine, streams, kind), count, Math.ceil(THREAD_WORK / 8 / (work + 1)), [
      ...[job.x, job.xStride, job.out, job.outStride, job.samples],
      ...[table, streams.rowOffsets, job.weights, job.bias],
    ]);
  }
}

function narrowKernel(engine: Engine, streams: Streams, kind: NarrowUnits['kind']) {
  const { indexBytes, step = 1 } = streams;
  const { lanes } = streams.pattern;
  return engine.module(`sparse ${kind} ${lanes} ${indexBytes} ${step}`, (m) => {
    if (kind === 'quads') narrowQuads(m, indexBytes);
    else if (lanes === 1) narrowRows(m, indexBytes, step);
    else narrowBlocks(m, indexBytes, lanes, step);
  });
}

/** All whole tiles, and what is left in the narrowest tile that holds it. */
/** Every tile of a batch, packed: `[tile][feature][width]`. To be freed. */
function packTiles(engine: Engine, from: Rows, samples: number, features: number, width: number): Block {
  const tiles = Math.ceil(samples / width);
  const pack = engine.module(`sparse pack ${width}`, (m) => packAllKernel(m, width));
  const zeros = engine.memory.allocate(4 * features);
  if (samples % width !== 0) fill(engine, 'f32', zeros.address, features, 0);
  const block = engine.memory.allocate(4 * width * tiles * features);
  const minimum = Math.ceil(65_536 / (width * features + 1));
  engine.run(pack, tiles, minimum, [from.address, from.stride, samples, features, zeros.address, block.address]);
  engine.memory.free(zeros);
  return block;
}

function grouped(
  engine: Engine,
  streams: Streams,
  job: ProductJob,
  layout: NonNullable<SparsePattern['grouped']>,
): void {
  const { memory, threads } = engine;
  const { rows, cols, size } = streams.pattern;
  const width = groupedWidth(layout);
  const { patterns, g, m } = layout;
  const shape = `${patterns.length} ${patterns[0].length} ${m} ${g}`;
  const kernel = engine.module(`sparse grouped ${shape} ${width}`, (module) => groupedKernel(module, layout, width));
  const x = packTiles(engine, { address: job.x, stride: job.xStride }, job.samples, cols, width);
  const chunks = rows / (patterns.length * g);
  const work = (size * job.samples) / chunks;
  const chunk =
    threads === 1 ? chunks : Math.max(Math.ceil(THREAD_WORK / work), Math.ceil(chunks / (UNITS_PER_THREAD * threads)));
  const each = groupedScratch(layout, width);
  const scratch = memory.allocate(each * Math.ceil(chunks / chunk));
  engine.run(kernel, chunks, chunk, [
    ...[x.address, 4 * width * cols, Math.ceil(job.samples / width), job.samples, job.out, job.outStride],
    ...[streams.members, job.weights, (4 * size) / rows, cols / m, job.bias, scratch.address, each, chunk],
  ]);
  for (const block of [x, scratch]) memory.free(block);
}

function wide(engine: Engine, streams: Streams, job: ProductJob): void {
  const layout = streams.pattern.grouped;
  if (layout && groupedWidth(layout) > 0 && streams.pattern.size > 0) {
    grouped(engine, streams, job, layout);
    return;
  }
  const { width } = streams;
  const left = job.samples % width;
  const narrowest = REST_WIDTHS.find((w) => w >= left) ?? width;
  if (left === 0 || narrowest >= width) {
    wideTiles(engine, streams, job, width);
    return;
  }
  const whole = job.samples - left;
  if (whole > 0) wideTiles(engine, streams, { ...job, samples: whole }, width);
  const [x, out] = [job.x + whole * job.xStride, job.out + whole * job.outStride];
  wideTiles(engine, streams, { ...job, x, out, samples: left }, narrowest);
}

function wideTiles(engine: Engine, streams: Streams, job: ProductJob, width: number): void {
  const { step } = streams;
  const { lanes, rows, cols, size } = streams.pattern;
  const kernel = engine.module(`sparse wide ${lanes} ${width} ${step}`, (m) => wideKernel(m, { lanes, width, step }));
  const { memory, threads } = engine;
  const tiles = Math.ceil(job.samples / width);
  const work = size * job.samples;
  const wanted = threads === 1 ? 1 : Math.min(UNITS_PER_THREAD * threads, Math.ceil(work / THREAD_WORK));
  const parts = Math.max(1, Math.min(Math.ceil(wanted / tiles), Math.ceil(rows / 64)));
  const units = tiles * parts;
  const chunk =
    threads === 1
      ? units
      : Math.max(Math.ceil((units * THREAD_WORK) / (work + 1)), Math.ceil(units / (UNITS_PER_THREAD * threads)));
  const each = wideScratch(width, cols);
  const { groups, columns } = streams;
  const bounds = streams.bounds(parts);
  const scratch = memory.allocate(each * Math.ceil(units / chunk));
  const zeros = memory.allocate(4 * cols);
  if (job.samples % width !== 0) fill(engine, 'f32', zeros.address, cols, 0);
  engine.run(kernel, units, chunk, [
    ...[job.x, job.xStride, job.out, job.outStride, job.samples, cols, rows, groups, columns, job.weights, job.bias],
    ...[bounds, parts, zeros.address, scratch.address, each, chunk],
  ]);
  memory.free(zeros);
  memory.free(scratch);
}

/** The tile of the gradient of the values: wide ones touch the partial sums less often, but may end in more padding. */
function sampledWidth(samples: number, features: number): number {
  // Where a tile is larger than the caches, every entry waits for memory once a tile.
  const far = features > FAR_INPUTS;
  const cost = (width: number) => Math.ceil(samples / width) * (width + (far ? 64 : 6));
  return (far ? [4, 8, 16, 24, 32] : [4, 8, 12, 16, 24]).reduce((best, width) =>
    cost(width) <= cost(best) ? width : best,
  );
}

function sampled(engine: Engine, streams: Streams, out: number, x: Rows, g: Rows, samples: number): void {
  const { memory, threads } = engine;
  const { step } = streams;
  const { rows, cols, lanes, size } = streams.pattern;
  const width = sampledWidth(samples, cols);
  const tiles = Math.ceil(samples / width);
  const xs = packTiles(engine, x, samples, cols, width);
  const gs = packTiles(engine, g, samples, rows, width);
  const kernel = engine.module(`sparse sampled ${lanes} ${step} ${width}`, (m) => sampledKernel(m, lanes, step, width));
  const work = size * samples;
  const parts =
    threads === 1
      ? 1
      : Math.max(1, Math.min(UNITS_PER_THREAD * threads, Math.floor(work / THREAD_WORK), Math.ceil(rows / 64)));
  const chunk = Math.max(1, Math.ceil(parts / (UNITS_PER_THREAD * threads)));
  const each = 16 * Math.min(size, SAMPLED_BAND + lanes * cols);
  const scratch = memory.allocate(each * Math.ceil(parts / chunk));
  engine.run(kernel, parts, chunk, [
    ...[xs.address, gs.address, tiles, 4 * width * cols, 4 * width * rows],
    ...[streams.groups, streams.columns, out, streams.bounds(parts), scratch.address, each, chunk],
  ]);
  for (const block of [xs, gs, scratch]) memory.free(block);
}
