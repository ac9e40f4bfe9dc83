import { spawnSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { createCpuDevice } from '../packages/filigree/dist/kernels/cpu/device.js';
import { contiguousView } from '../packages/filigree/dist/kernels/views.js';
import '../packages/filigree/dist/node/index.js';
import { fmaPeak } from './peak.mjs';
import { bestTime, bestTimes } from './timing.mjs';

const CUBES = [512, 768, 1024];
const GIGA = 1e9;

/** A device with `product(batch, rows, cols, depth, {turnA, turnB})`: operands on it, and a function that multiplies once. */
function ours(threads) {
  const device = createCpuDevice({ threads });
  const operand = (batch, rows, cols, turned = false) => {
    const buffer = device.allocate('f32', batch * rows * cols);
    device.write(
      buffer,
      0,
      Float32Array.from({ length: buffer.length }, () => Math.random() - 0.5),
    );
    const view = contiguousView(buffer, [batch, rows, cols]);
    return turned ? { ...view, strides: [rows * cols, 1, rows] } : view;
  };
  return {
    device,
    product(batch, rows, cols, depth, { turnA = false, turnB = false } = {}) {
      const a = operand(batch, rows, depth, turnA);
      const b = operand(batch, depth, cols, turnB);
      const p = { a, b, out: operand(batch, rows, cols), alpha: 1, accumulate: false };
      return () => device.product(p);
    },
  };
}

/** Seconds by cube, or undefined and a note where Debian's Python or its NumPy is not installed. */
function openblas(threads, cubes, note) {
  const script = fileURLToPath(new URL('./peers/openblas.py', import.meta.url));
  const env = { ...process.env, OPENBLAS_NUM_THREADS: String(threads) };
  const run = spawnSync(process.env.PYTHON ?? '/usr/bin/python3', [script, ...cubes.map(String)], { env });
  if (run.status === 0) return JSON.parse(String(run.stdout));
  note('openblas: left out, needs Python with NumPy (Debian: python3-numpy, libopenblas0-pthread; or set PYTHON)');
  return undefined;
}

async function peers(note) {
  const loaded = {};
  for (const name of ['tfjs-wasm', 'jax-js']) {
    try {
      loaded[name] = await (await import(`./peers/${name}.mjs`)).load();
    } catch (error) {
      note(`${name}: left out, ${String(error).split('\n')[0]}`);
    }
  }
  return loaded;
}

const rounded = (x) => Number(x.toPrecision(4));

/** Rows of the table; `note` takes what a reader should know. */
export async function run(note) {
  const rows = [];
  const one = ours(1);
  note(`relaxed SIMD: ${one.device.engine.relaxed ? 'yes' : 'no (multiply, then add)'}`);
  const load = loadavg()[0];
  if (load > 1)
    note(`the machine is busy (load ${load.toFixed(1)}): long timings and the rows of two threads will be off`);
  const others = await peers(note);
  const most = fmaPeak(one.device.engine);
  const blas = openblas(1, CUBES, note);
  const blasTwo = blas && openblas(2, CUBES, note);
  for (const n of CUBES) {
    const flops = 2 * n ** 3;
    const data = Float32Array.from({ length: n * n }, () => Math.random() - 0.5);
    const works = { peak: most.work, ours: one.product(1, n, n, n) };
    for (const [name, { product }] of Object.entries(others)) works[name] = product(data, data, n);
    const { peak: peakTime, ours: time, ...rest } = await bestTimes(works);
    const values = { 'FMA peak': rounded(most.flops / peakTime / GIGA) };
    for (const [name, seconds] of Object.entries(rest)) values[name] = rounded(flops / seconds / GIGA);
    if (blas) values.openblas = rounded(flops / blas[n] / GIGA);
    const speed = rounded(flops / time / GIGA);
    const ratio = rounded(speed / values['FMA peak']);
    rows.push({ what: `dense product ${n} cubed, one thread`, ours: speed, peers: values, unit: 'GFLOP/s', ratio });
  }

  const two = ours(2);
  for (const n of CUBES) {
    // More rounds than elsewhere: a moment in which the machine gives us one core only would be taken for our own doing.
    const times = await bestTimes({ one: one.product(1, n, n, n), two: two.product(1, n, n, n) }, 10);
    const gain = rounded(times.one / times.two);
    const theirs = blasTwo && rounded(blas[n] / blasTwo[n]);
    const values = theirs ? { openblas: theirs } : {};
    const ratio = theirs ? rounded(gain / theirs) : null;
    rows.push({
      what: `dense product ${n} cubed, two threads`,
      ours: gain,
      peers: values,
      unit: 'x one thread',
      ratio,
    });
  }
  two.device.dispose();

  const shapes = [
    ['head scores', 80, 12, 12, 8, { turnB: true }],
    ['head values', 80, 12, 8, 12],
    ['heads 12x8x64', 80, 12, 8, 64],
    ['rows by a small weight', 1, 200, 64, 64, { turnB: true }],
    ['logits', 1, 200, 512, 64, { turnB: true }],
    ['scores of edges', 1, 60, 150, 20000, { turnA: true }],
    ['scores of edges, turned', 1, 60, 150, 20000, { turnB: true }],
    ['matrix-vector', 1, 1, 2048, 2048],
    ['matrix-vector, turned', 1, 1, 2048, 2048, { turnB: true }],
    ['matrix-vector, small', 1, 1, 64, 64, { turnB: true }],
    ['smallest', 1, 1, 1, 1],
  ];
  for (const [name, batch, m, n, k, turn] of shapes) {
    const seconds = await bestTime(one.product(batch, m, n, k, turn));
    const speed = (2 * batch * m * n * k) / seconds / GIGA;
    const what = `${name}: ${batch} of ${m}x${n}, depth ${k} (${speed.toFixed(1)} GFLOP/s)`;
    rows.push({ what, ours: rounded(seconds * 1e6), peers: {}, unit: 'us', ratio: null });
  }
  return rows;
}
