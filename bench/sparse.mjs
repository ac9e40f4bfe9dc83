import { spawnSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as filigree from '../packages/filigree/dist/index.js';
import { createCpuDevice } from '../packages/filigree/dist/kernels/cpu/device.js';
import { contiguousView } from '../packages/filigree/dist/kernels/views.js';
import '../packages/filigree/dist/node/index.js';
import { fmaPeak } from './peak.mjs';
import { bestTimes } from './timing.mjs';

const { Layout, parseLayout, Random, scope, SparseTensor, sparseLinear, sum, square, tensor, Topology, valueAndGrad } =
  filigree;
const GIGA = 1e9;
const rounded = (x) => Number(x.toPrecision(4));

/** Seconds by row, or undefined and a note. */
function torch(note) {
  const script = fileURLToPath(new URL('./peers/sparse_bench.py', import.meta.url));
  const run = spawnSync(process.env.PYTHON ?? '/usr/bin/python3', [script], { stdio: ['ignore', 'pipe', 'ignore'] });
  if (run.status === 0) return JSON.parse(String(run.stdout));
  note('PyTorch: left out, needs Python with torch (Debian: python3-torch, libopenblas0-pthread; or set PYTHON)');
  return undefined;
}

/** A random support of that density: single weights, whole blocks, or the same number in every row. */
function randomLayout(rows, cols, density, name) {
  const random = new Random(rows + cols + Math.round(1000 * density));
  const spec = parseLayout(name);
  const { r = 1, c = 1 } = spec;
  const mask = new Uint8Array(rows * cols);
  if (spec.kind === 'condensed') {
    const columns = Array.from({ length: cols }, (_, j) => j);
    for (let i = 0; i < rows; i++) {
      for (const j of random.shuffle(columns).slice(0, Math.round(density * cols))) mask[i * cols + j] = 1;
    }
  } else {
    for (let i = 0; i < rows; i += r)
      for (let j = 0; j < cols; j += c) if (random.uniform() < density) mask[i * cols + j] = 1;
  }
  return new Layout(Topology.fromMask(mask, rows, cols), spec);
}

/** Random numbers on the device. */
function operand(device, ...shape) {
  const buffer = device.allocate(
    'f32',
    shape.reduce((a, b) => a * b, 1),
  );
  device.write(
    buffer,
    0,
    Float32Array.from({ length: buffer.length }, () => Math.random() - 0.5),
  );
  return contiguousView(buffer, shape);
}

/** Forward, input gradient and values' gradient of one layer, each a function to time. */
function products(device, layout, batch) {
  const { rows, cols, size } = layout;
  const [values, x, y] = [operand(device, size), operand(device, batch, cols), operand(device, batch, rows)];
  const [forward, transposed] = [device.sparse.prepare(layout.pattern), device.sparse.prepare(layout.transposed())];
  const gradients = { x: operand(device, batch, cols), values: operand(device, size) };
  return {
    forward: () => device.sparse.product(forward, values, y, x),
    'input gradient': () => device.sparse.product(transposed, values, gradients.x, y),
    'values gradient': () => device.sparse.sampled(forward, gradients.values, y, x),
  };
}

async function productRows(device, name, size, density, batch) {
  const layout = randomLayout(size, size, density, name);
  const peak = fmaPeak(device.engine);
  const { peak: peakTime, ...times } = await bestTimes({ peak: peak.work, ...products(device, layout, batch) });
  const top = peak.flops / peakTime / GIGA;
  const flops = 2 * layout.size * batch;
  return Object.entries(times).map(([what, seconds]) => {
    const speed = flops / seconds / GIGA;
    const ms = (seconds * 1e3).toFixed(3);
    return {
      what: `${name}, ${what}, ${size} x ${size}, density ${density}, batch ${batch} (${ms} ms)`,
      ours: rounded(speed),
      peers: { 'FMA peak': rounded(top) },
      unit: 'GFLOP/s',
      ratio: rounded(speed / top),
    };
  });
}

/** Training of one layer as a user writes it: forward, backward and SGD with momentum, tape and scopes included. */
async function stepRows(device, times) {
  const [size, batch] = [1024, 128];
  const rows = [];
  for (const sparsity of [0.6, 0.9, 0.95, 0.99]) {
    const layout = randomLayout(size, size, 1 - sparsity, 'csr');
    const random = new Random(1);
    const w = new SparseTensor(tensor(random.normals(layout.size, 0.03)), layout);
    const velocity = tensor(new Float32Array(layout.size));
    const x = tensor(random.normals(batch * size), [batch, size]);
    const options = { lr: 1e-8, momentum: 0.9, weightDecay: 0, nesterov: false };
    const work = () =>
      scope(() => {
        const { gradients } = valueAndGrad(() => sum(square(sparseLinear(x, w))), [w.values, x]);
        device.sgd(w.values.view('sgd'), gradients[0].view('sgd'), velocity.view('sgd'), options);
      });
    const { step } = await bestTimes({ step: work });
    const theirs = times?.step[sparsity];
    const bytes = 4 * layout.size * 3;
    rows.push({
      what: `layer step ${size} x ${size}, batch ${batch}, ${100 * sparsity} % sparse (weights, gradient, momentum ${(bytes / 1024).toFixed(0)} KiB)`,
      ours: rounded(step * 1e3),
      peers: theirs ? { 'torch masked': rounded(theirs * 1e3) } : {},
      unit: 'ms',
      ratio: theirs ? rounded(theirs / step) : null,
    });
    w.dispose();
  }
  return rows;
}

/** One sample through 2048 x 2048 at 87.5 %, beside our own dense product and PyTorch's. */
async function inferRows(device, times) {
  const size = 2048;
  const [a, b, out] = [operand(device, 1, size), operand(device, size, size), operand(device, 1, size)];
  const turned = { ...b, strides: [1, size] };
  const works = { dense: () => device.product({ a, b: turned, out, alpha: 1, accumulate: false }) };
  for (const name of ['csr', 'condensed', 'block 4x1']) {
    works[name] = products(device, randomLayout(size, size, 0.125, name), 1).forward;
  }
  const { dense, ...rest } = await bestTimes(works, 5);
  const micro = (seconds) => rounded(seconds * 1e6);
  return Object.entries(rest).map(([name, seconds]) => ({
    what: `one sample, ${name}, ${size} x ${size}, 87.5 % sparse`,
    ours: micro(seconds),
    peers: {
      dense: micro(dense),
      ...(times && { 'torch dense': micro(times.infer.dense), 'torch csr': micro(times.infer.csr) }),
    },
    unit: 'us',
    ratio: rounded(dense / seconds),
  }));
}

/** Sparse layers on one thread: products against the multiply-add peak, a training step, inference of one sample. */
export async function run(note) {
  const load = loadavg()[0];
  if (load > 1) note(`the machine is busy (load ${load.toFixed(1)}): timings will be off`);
  const device = createCpuDevice({ threads: 1 });
  filigree.setDefaultDevice(device);
  const times = torch(note);
  const rows = [];
  for (const name of ['csr', 'block 2x1', 'block 4x1']) {
    for (const [size, density] of [
      [128, 0.5],
      [256, 0.2],
      [512, 0.05],
      [512, 0.5],
    ]) {
      rows.push(...(await productRows(device, name, size, density, 128)));
    }
  }
  rows.push(...(await productRows(device, 'csr', 2048, 0.01, 128)));
  rows.push(...(await stepRows(device, times)));
  rows.push(...(await inferRows(device, times)));
  return rows;
}
