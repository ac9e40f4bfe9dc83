// Adds a layout, an operator and a sparsifier of one's own, trains through them, and says what ran dense.
// After npm run build: node examples/dist/grouped-nm.js
import {
  groupedNmMask,
  Layout,
  mul,
  nmPatterns,
  type Packed,
  pick,
  Random,
  SparseRegistry,
  SparseTensor,
  scatterValues,
  scope,
  sparseLinear,
  square,
  sub,
  sum,
  type Tensor,
  Topology,
  tensor,
  valueAndGrad,
} from 'filigree';
import 'filigree/node';

const [n, m, g] = [2, 4, 4];
const patterns = nmPatterns(n, m);
const registry = new SparseRegistry();

// The sparsifier: in every chunk of rows, each of the patterns is kept by g rows.
registry.registerSparsifier({
  name: 'grouped 2:4',
  kind: 'blocking',
  mask: (x, [rows, cols]) => groupedNmMask(x, rows, cols, { kind: 'nmg', n, m, g }),
});

// The layout: chunk by chunk, pattern by pattern, so that the only index is the row of each block, 16 bits.
interface Grouped extends Packed {
  readonly rows: Int16Array;
  /** Where each value belongs, and the same by rows. */
  readonly places: Float64Array;
  readonly order: Int32Array;
  readonly csr: Layout;
}
registry.registerLayout<Grouped>({
  name: 'grouped',
  pack(dense, mask, shape) {
    const [height, width] = shape;
    const chunk = patterns.length * g;
    const rows: number[] = [];
    const places: number[] = [];
    for (let column = 0; column < width; column += m) {
      for (let first = 0; first < height; first += chunk) {
        for (const pattern of patterns) {
          for (let row = first; row < first + chunk; row++) {
            const keys = pattern.map((k) => row * width + column + k);
            if (!keys.every((key) => mask[key] !== 0)) continue;
            rows.push(row - first);
            places.push(...keys);
          }
        }
      }
    }
    const order = Int32Array.from(places.keys()).sort((a, b) => places[a] - places[b]);
    const values = tensor(places.map((key) => dense[key]));
    const csr = new Layout(Topology.fromMask(mask, height, width));
    const at = Float64Array.from(places);
    return { layout: 'grouped', shape, values, rows: Int16Array.from(rows), places: at, order, csr };
  },
  densify: (w) => scatterValues(w.values, w.places, w.shape),
  bytes: (w) => 4 * w.values.size + 2 * w.rows.length,
});

// The operator, for a dense input and a weight in the new layout: the values by rows, through the sparse product.
registry.registerOperator({
  operator: 'linear',
  layouts: ['dense', 'grouped'],
  run: (x: Tensor, w: Grouped) => sparseLinear(x, new SparseTensor(pick(w.values, w.order), w.csr)),
});

// A teacher of that kind, and a student that begins with a tenth of its weights.
const random = new Random(1);
const [out, inputs] = [48, 64];
const x = tensor(random.normals(256 * inputs), [256, inputs]);
const dense = tensor(random.normals(out * inputs, 0.1), [out, inputs]);
const grouped = registry.sparsifier('grouped 2:4');
const teacher = registry.densify(await registry.sparsify(dense, grouped, 'grouped'));
const target = registry.run('linear', x, teacher);
const w = (await registry.sparsify(mul(0.1, teacher), grouped, 'grouped')) as Grouped;
const velocity = tensor(new Float32Array(w.values.size));
const losses: number[] = [];
for (let step = 0; step < 60; step++) {
  const value = scope(() => {
    const loss = () => sum(square(sub(registry.run('linear', x, w), target)));
    const { value, gradients } = valueAndGrad(loss, [w.values]);
    const options = { lr: 3e-4, momentum: 0.9, weightDecay: 0, nesterov: false };
    if (gradients[0]) x.device.sgd(w.values.view('sgd'), gradients[0].view('sgd'), velocity.view('sgd'), options);
    return value;
  });
  losses.push((await value.data())[0]);
}
console.log(`loss ${losses[0].toFixed(1)} -> ${losses[losses.length - 1].toFixed(1)}`);
console.log(`${registry.bytes(w)} bytes, dense ${registry.bytes(teacher)}`);

// A layout that no operator knows is multiplied densely, and that is counted.
registry.registerLayout<Grouped>({
  name: 'mystery',
  pack: () => ({ ...w, layout: 'mystery' }),
  densify: (packed) => scatterValues(packed.values, packed.places, packed.shape),
  bytes: () => 0,
});
registry.run('linear', x, { ...w, layout: 'mystery' });
for (const [kind, counts] of Object.entries(registry.report())) {
  for (const [key, count] of counts as ReadonlyMap<string, number>) console.log(`${kind}: ${key} ${count}`);
}
