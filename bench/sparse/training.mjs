import * as filigree from '../../packages/filigree/dist/index.js';
import { createCpuDevice } from '../../packages/filigree/dist/kernels/cpu/device.js';
import { bestTimes } from '../timing.mjs';
import { operand, products, randomLayout, rounded } from './layers.mjs';

const { add, crossEntropy, Layout, matmul, mul, Random, randomFanIn, relu, scope, SparseTensor, sparseLinear, tensor } =
  filigree;
const { valueAndGrad, zeros } = filigree;

/** SparseProp's own example: 768 -> 3072 at 98 %, batch 2048, beside our own dense layer and PyTorch's. */
export async function sparsepropRows(device, times) {
  const [inputs, out, batch] = [768, 3072, 2048];
  const layout = randomLayout(out, inputs, 0.02, 'csr');
  const sparse = products(device, layout, batch);
  const [x, w, y, dx, dw] = [
    operand(device, batch, inputs),
    operand(device, out, inputs),
    operand(device, batch, out),
    operand(device, batch, inputs),
    operand(device, out, inputs),
  ];
  const turned = (view) => ({ ...view, shape: [...view.shape].reverse(), strides: [...view.strides].reverse() });
  const product = (a, b, to) => device.product({ a, b, out: to, alpha: 1, accumulate: false });
  const seconds = await bestTimes({
    forward: sparse.forward,
    backward: () => {
      sparse['input gradient']();
      sparse['values gradient']();
    },
    denseForward: () => product(x, turned(w), y),
    denseBackward: () => {
      product(y, w, dx);
      product(turned(y), x, dw);
    },
  });
  return ['forward', 'backward'].map((part) => {
    const dense = seconds[part === 'forward' ? 'denseForward' : 'denseBackward'];
    const theirs = times?.sparseprop[part];
    return {
      what: `768 -> 3072, 98 % sparse, batch 2048, ${part} (SparseProp over PyTorch dense: ${part === 'forward' ? 2.22 : 2.35}x)`,
      ours: rounded(1e3 * seconds[part]),
      peers: { dense: rounded(1e3 * dense), ...(theirs && { 'torch dense': rounded(1e3 * theirs) }) },
      unit: 'ms',
      ratio: rounded((theirs ?? dense) / seconds[part]),
    };
  });
}

/** A network of sparse layers with SGD and momentum: one training step. */
function network(device, layouts, batch) {
  const random = new Random(1);
  const uniform = (n, scale) => Float32Array.from({ length: n }, () => scale * (2 * random.uniform() - 1));
  const weights = layouts.map(
    (layout) => new SparseTensor(tensor(uniform(layout.size, Math.sqrt((6 * layout.rows) / layout.size))), layout),
  );
  const biases = layouts.map((layout) => zeros([layout.rows]));
  const trained = [...weights.map((w) => w.values), ...biases];
  const velocities = trained.map((p) => zeros(p.shape));
  const x = tensor(uniform(batch * layouts[0].cols, 1), [batch, layouts[0].cols]);
  const labels = Int32Array.from({ length: batch }, () => random.integer(10));
  const options = { lr: 1e-4, momentum: 0.9, weightDecay: 0, nesterov: false };
  const step = () =>
    scope(() => {
      const loss = () => {
        const last = weights.length - 1;
        const logits = weights.reduce((state, w, l) => {
          const y = sparseLinear(state, w, biases[l]);
          return l === last ? y : relu(y);
        }, x);
        return crossEntropy(logits, labels);
      };
      const { gradients } = valueAndGrad(loss, trained);
      trained.forEach((p, k) => {
        device.sgd(p.view('sgd'), gradients[k].view('sgd'), velocities[k].view('sgd'), options);
      });
    });
  const dispose = () => {
    for (const t of [...weights, ...biases, ...velocities, x]) t.dispose();
  };
  return { step, dispose };
}

/** The same network, dense with masks, in our own engine. */
function maskedNetwork(device, layouts, batch) {
  const random = new Random(1);
  const weights = layouts.map(({ rows, cols }) => tensor(random.normals(rows * cols, 0.03), [rows, cols]));
  const masks = layouts.map(({ support, rows, cols }) => tensor(support.toMask(), [rows, cols]));
  const biases = layouts.map((layout) => zeros([layout.rows]));
  const trained = [...weights, ...biases];
  const velocities = trained.map((p) => zeros(p.shape));
  const x = tensor(random.normals(batch * layouts[0].cols), [batch, layouts[0].cols]);
  const labels = Int32Array.from({ length: batch }, () => random.integer(10));
  const options = { lr: 1e-4, momentum: 0.9, weightDecay: 0, nesterov: false };
  const step = () =>
    scope(() => {
      const loss = () => {
        const logits = weights.reduce((state, w, l) => {
          const y = add(matmul(state, mul(w, masks[l]), { transposeB: true }), biases[l]);
          return l === weights.length - 1 ? y : relu(y);
        }, x);
        return crossEntropy(logits, labels);
      };
      const { gradients } = valueAndGrad(loss, trained);
      trained.forEach((p, k) => {
        device.sgd(p.view('sgd'), gradients[k].view('sgd'), velocities[k].view('sgd'), options);
      });
    });
  const dispose = () => {
    for (const t of [...weights, ...masks, ...biases, ...velocities, x]) t.dispose();
  };
  return { step, dispose };
}

/** Nerva's headline: an MLP at 99 %, batch 100, beside our own dense layers and PyTorch's, both with masks. */
export async function mlpRows(device, times) {
  const rows = [];
  for (const [inputs, samples, what] of [
    [784, 60000, 'MNIST'],
    [3072, 50000, 'CIFAR-10'],
  ]) {
    const sizes = [inputs, 1024, 512, 10];
    const layouts = sizes.slice(1).map((out, l) => randomLayout(out, sizes[l], 0.01, 'csr'));
    const [ours, masked] = [network(device, layouts, 100), maskedNetwork(device, layouts, 100)];
    const seconds = await bestTimes({ step: ours.step, masked: masked.step });
    const theirs = times?.mlp[inputs];
    const epoch = (s) => rounded((s * samples) / 100);
    rows.push({
      what: `epoch of ${inputs}-1024-512-10 at 99 %, batch 100, shapes of ${what} (${samples} samples)`,
      ours: epoch(seconds.step),
      peers: { masked: epoch(seconds.masked), ...(theirs && { 'torch masked': epoch(theirs) }) },
      unit: 's',
      ratio: rounded((theirs ?? seconds.masked) / seconds.step),
    });
    ours.dispose();
    masked.dispose();
  }
  return rows;
}

/** Forward of one layer against density, on one thread and on two. */
export async function threadRows(one) {
  const two = createCpuDevice({ threads: 2 });
  const rows = [];
  for (const density of [0.01, 0.05, 0.1, 0.2, 0.5]) {
    const layout = randomLayout(1024, 1024, density, 'csr');
    const seconds = await bestTimes({
      one: products(one, layout, 512).forward,
      two: products(two, layout, 512).forward,
    });
    rows.push({
      what: `forward 1024 x 1024, batch 512, density ${density}, two threads`,
      ours: rounded(1e3 * seconds.two),
      peers: { 'one thread': rounded(1e3 * seconds.one) },
      unit: 'ms',
      ratio: rounded(seconds.one / seconds.two),
    });
  }
  two.dispose();
  return rows;
}

/** Memory that a training step of one layer takes at its peak, against the dense weight, its gradient and momentum. */
export function memoryRow() {
  const [size, batch] = [10000, 32];
  const device = createCpuDevice({ threads: 1 });
  filigree.setDefaultDevice(device);
  const random = new Random(1);
  const layout = new Layout(randomFanIn(size, size, size / 100, random));
  const { step } = network(device, [layout], batch);
  step();
  return {
    what: `peak memory of a step of ${size} x ${size} at 99 %, batch ${batch} (peer: dense weight, gradient, momentum, mask)`,
    ours: rounded(device.engine.memory.bytes / 2 ** 20),
    peers: { dense: rounded((4 * 4 * size * size) / 2 ** 20) },
    unit: 'MiB',
    ratio: rounded((16 * size * size) / device.engine.memory.bytes),
  };
}

/** A million neurons in three layers, eight connections each (SET's promise of scale). */
export function millionRow() {
  const device = createCpuDevice();
  filigree.setDefaultDevice(device);
  const random = new Random(1);
  const sizes = [784, 499995, 499995, 10];
  const layouts = sizes.slice(1).map((out, l) => new Layout(randomFanIn(out, sizes[l], out === 10 ? 5000 : 8, random)));
  const { step } = network(device, layouts, 32);
  step();
  const start = performance.now();
  for (let k = 0; k < 3; k++) step();
  const seconds = (performance.now() - start) / 3000;
  const weights = layouts.reduce((sum, layout) => sum + layout.size, 0);
  const gib = device.engine.memory.bytes / 2 ** 30;
  return {
    what: `training step of 784-499995-499995-10: a million neurons, ${(weights / 1e6).toFixed(1)} M weights, batch 32, ${device.engine.threads} threads, ${gib.toFixed(2)} GiB`,
    ours: rounded(seconds),
    peers: {},
    unit: 's',
    ratio: null,
  };
}
