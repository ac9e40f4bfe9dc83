/**
 * One step of weight-sparse training (Gao et al. 2025), part by part, on one matrix of 768 x 192 and 1,024 tokens, against density: what the
 * product with nonzero weights takes, and our own dense product in turns. The weight gradient, AdamW and the selection are dense at any density;
 * the gradient of nonzero weights only is what `denseEvery` takes in between.
 */
import { bestTimes } from './timing.mjs';

const [out, inputs, tokens] = [768, 192, 1024];
const densities = [1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64];

export async function run(note) {
  const f = await import('../packages/filigree/dist/index.js');
  const { startEngine } = await import('../packages/filigree/dist/node/index.js');
  const { keepLargest, SparseTensor, absTopK } = await import('../packages/filigree/dist/sparse/index.js');
  startEngine({ threads: 1 });
  note(`${out} x ${inputs}, ${tokens} tokens, one thread`);
  const random = new f.Random(1);
  const w = f.tensor(random.normals(out * inputs), [out, inputs]);
  const [x, g] = [inputs, out].map((width) => f.tensor(random.normals(tokens * width), [tokens, width]));
  const freed = (make) => () => f.scope(() => void make());
  const view = (t) => t.view('bench');
  const device = w.device;
  const [m, v, p] = [0, 1, 2].map(() => f.tensor(random.normals(out * inputs).map(Math.abs), [out, inputs]));
  const adam = { lr: 1e-9, beta1: 0.9, beta2: 0.95, eps: 0.1, weightDecay: 0.1, step: 100 };
  const gradient = f.tensor(random.normals(out * inputs), [out, inputs]);
  const rows = [];
  const short = (value) => Number(value.toPrecision(3));
  const row = (what, ours, dense) =>
    rows.push({
      what,
      ours: short(1000 * ours),
      peers: dense === undefined ? {} : { 'our dense product': short(1000 * dense) },
      unit: 'ms',
      ratio: dense === undefined ? null : short(dense / ours),
    });
  for (const density of densities) {
    const kept = f.tensor(await w.data(), [out, inputs]);
    keepLargest(kept, Math.round(density * out * inputs), 4);
    const packed = SparseTensor.fromDense(await kept.data(), [out, inputs]);
    const products = packed.products();
    const [forward, back] = [packed.forward(), packed.transposed()];
    const y = f.Tensor.allocate([tokens, out]);
    const dx = f.Tensor.allocate([tokens, inputs]);
    const dw = f.Tensor.allocate([packed.layout.size]);
    const best = await bestTimes(
      {
        forward: () => products.product(forward, view(packed.values), view(y), view(x)),
        'dense forward': freed(() => f.matmul(x, w, { transposeB: true })),
        input: () => products.product(back, view(packed.values), view(dx), view(g)),
        'dense input': freed(() => f.matmul(g, w)),
        there: () => products.sampled(forward, view(dw), view(g), view(x)),
        'dense weights': freed(() => f.matmul(g, x, { transposeA: true })),
        select: () => void keepLargest(kept, Math.round(density * out * inputs), 4),
      },
      2,
    );
    const at = `density 1/${Math.round(1 / density)}`;
    row(`forward, ${at}`, best.forward, best['dense forward']);
    row(`input gradient, ${at}`, best.input, best['dense input']);
    row(`weight gradient of nonzero weights only, ${at}`, best.there, best['dense weights']);
    row(`selection of the largest weights, ${at}`, best.select);
    for (const t of [y, dx, dw, kept]) t.dispose();
    packed.dispose();
  }
  const best = await bestTimes(
    {
      weights: freed(() => f.matmul(g, x, { transposeA: true })),
      adamw: () => device.adamw(view(p), view(gradient), view(m), view(v), adam),
      topk: freed(() => absTopK(g, out / 4)),
    },
    2,
  );
  row('weight gradient, any density', best.weights);
  row('AdamW, any density', best.adamw);
  row('AbsTopK of the neurons, a quarter kept', best.topk);
  return rows;
}
