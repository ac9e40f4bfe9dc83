import * as filigree from '../../packages/filigree/dist/index.js';
import { contiguousView } from '../../packages/filigree/dist/kernels/views.js';
import { fmaPeak } from '../peak.mjs';
import { bestTimes } from '../timing.mjs';

const { Layout, parseLayout, Random, scope, SparseTensor, sparseLinear, sum, square, tensor, Topology, valueAndGrad } =
  filigree;
const GIGA = 1e9;
export const rounded = (x) => Number(x.toPrecision(4));

/** A random support of that density: single weights, whole blocks, or the same number in every row. */
export function randomLayout(rows, cols, density, name) {
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
export function operand(device, ...shape) {
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
export function products(device, layout, batch) {
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

export async function productRows(device, name, size, density, batch) {
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

/** Milliseconds of dropping and growing 30 % of the weights, with the layout and one array of state carried along. */
function rewire(layout, state) {
  const { support } = layout;
  const count = Math.round(0.3 * support.size);
  const drop = Int32Array.from({ length: count }, (_, k) => k * 3);
  const free = [];
  for (let key = 0; free.length < count; key += 7) {
    const wrapped = key % (support.rows * support.cols);
    if (support.slotOf(Math.floor(wrapped / support.cols), wrapped % support.cols) < 0) free.push(wrapped);
    if (key > 7 * support.rows * support.cols) break;
  }
  const grow = [...new Set(free)];
  return () => {
    const edit = support.edit(drop, grow);
    const next = new Layout(edit.next, layout.spec);
    next.transposed();
    next.carry(layout, state, 0, edit);
    next.carry(layout, state, 0, edit);
  };
}

/** Training of one layer as a user writes it, tape and scopes included, and the share of each part. */
export async function stepRows(device, times) {
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
    const parts = {
      ...products(device, layout, batch),
      update: () => device.sgd(w.values.view('sgd'), velocity.view('sgd'), velocity.view('sgd'), { ...options, lr: 0 }),
      ...(sparsity > 0.6 && { rewiring: rewire(layout, new Float32Array(layout.size)) }),
    };
    const { step, ...shares } = await bestTimes({ step: work, ...parts });
    const theirs = times?.step[sparsity];
    const macs = (3 * layout.size * batch) / 1e6;
    const bytes = 4 * layout.size * 3;
    rows.push({
      what: `layer step ${size} x ${size}, batch ${batch}, ${100 * sparsity} % sparse (${macs.toFixed(1)} M MACs; weights, gradient, momentum ${(bytes / 1024).toFixed(0)} KiB)`,
      ours: rounded(step * 1e3),
      peers: theirs ? { 'torch masked': rounded(theirs * 1e3) } : {},
      unit: 'ms',
      ratio: theirs ? rounded(theirs / step) : null,
    });
    for (const [part, seconds] of Object.entries(shares)) {
      rows.push({
        what: `  of it ${part}${part === 'rewiring' ? ' (30 % of the weights, on the host; not in the step)' : ''}`,
        ours: rounded(seconds * 1e3),
        peers: {},
        unit: 'ms',
        ratio: null,
      });
    }
    w.dispose();
  }
  return rows;
}

/** One sample through 2048 x 2048 at 87.5 % and through SRigL's 3072 -> 768 at 90 %, beside our own dense product and PyTorch's. */
export async function inferRows(device, times) {
  return [
    ...(await inferLayer(device, [2048, 2048], 0.125, times?.infer)),
    ...(await inferLayer(device, [768, 3072], 0.1, times?.srigl)),
  ];
}

async function inferLayer(device, [rows, cols], density, times) {
  const [a, b, out] = [operand(device, 1, cols), operand(device, rows, cols), operand(device, 1, rows)];
  const turned = { ...b, shape: [cols, rows], strides: [1, cols] };
  const works = { dense: () => device.product({ a, b: turned, out, alpha: 1, accumulate: false }) };
  for (const name of ['csr', 'condensed', 'block 4x1']) {
    works[name] = products(device, randomLayout(rows, cols, density, name), 1).forward;
  }
  const { dense, ...rest } = await bestTimes(works, 5);
  const micro = (seconds) => rounded(seconds * 1e6);
  return Object.entries(rest).map(([name, seconds]) => ({
    what: `one sample, ${name}, ${cols} -> ${rows}, ${100 * (1 - density)} % sparse`,
    ours: micro(seconds),
    peers: {
      dense: micro(dense),
      ...(times && {
        'torch dense': micro(times.dense),
        'torch csr': micro(times.csr),
        ...(times.scipy && { 'scipy csr': micro(times.scipy) }),
      }),
    },
    unit: 'us',
    ratio: rounded(dense / seconds),
  }));
}
