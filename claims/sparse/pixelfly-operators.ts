import {
  add,
  type Layout,
  matmul,
  Random,
  SparseTensor,
  scope,
  sparseLinear,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  valueAndGrad,
} from 'filigree';

export const side = 256;
export const targets = ['Hadamard', 'circulant', 'rank 4 and block-diagonal'] as const;
export const parts = ['rank 4', 'block-diagonal'] as const;
export type Target = (typeof targets)[number] | (typeof parts)[number];

/** A known operator `[side, side]`, scaled to a squared norm of `side`. */
export function target(name: Target, seed: number): Float64Array {
  const random = new Random(seed).fork(name);
  const matrix = new Float64Array(side * side);
  const each = (value: (i: number, j: number) => number) => {
    for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) matrix[i * side + j] += value(i, j);
  };
  const rank4 = () => {
    const [u, v] = [random.normals(4 * side), random.normals(4 * side)];
    each((i, j) => [0, 1, 2, 3].reduce((s, r) => s + u[4 * i + r] * v[4 * j + r], 0) / Math.sqrt(4 * side));
  };
  const diagonal = () => {
    const values = random.normals(16 * side);
    each((i, j) => (Math.floor(i / 16) === Math.floor(j / 16) ? values[16 * i + (j % 16)] / 4 : 0));
  };
  if (name === 'Hadamard') {
    const parity = (x: number) => [...x.toString(2)].filter((c) => c === '1').length % 2;
    each((i, j) => (parity(i & j) === 0 ? 1 : -1));
  } else if (name === 'circulant') {
    // A smooth filter of a few dozen taps.
    const taps = Array.from({ length: side }, (_, d) => Math.exp(-((Math.min(d, side - d) / 6) ** 2)));
    each((i, j) => taps[(j - i + side) % side]);
  }
  if (name.startsWith('rank 4')) rank4();
  if (name.endsWith('block-diagonal')) diagonal();
  const norm = Math.sqrt(matrix.reduce((s, v) => s + v * v, 0) / side);
  return matrix.map((v) => v / norm);
}

/** A sparse part, a low-rank part, or both. */
export interface Arm {
  readonly layout?: Layout;
  readonly rank: number;
}

/** Descends `|W - T|^2 / |T|^2` by Adam with a falling rate; what is left at the end. */
export async function approximation(arm: Arm, goal: Float64Array, steps: number, seed: number): Promise<number> {
  const random = new Random(seed);
  const { layout, rank } = arm;
  const size = goal.reduce((s, v) => s + v * v, 0);
  const eye = tensor(
    Float64Array.from({ length: side * side }, (_, k) => (k % (side + 1) === 0 ? 1 : 0)),
    [side, side],
  );
  const turned = Float64Array.from(goal, (_, k) => goal[(k % side) * side + Math.floor(k / side)]);
  const wanted = tensor(turned, [side, side]);
  const w = layout && new SparseTensor(tensor(new Float64Array(layout.size), [layout.size]), layout);
  const low = rank > 0 ? [0, 1].map(() => tensor(random.normals(side * rank, 0.1), [side, rank])) : [];
  const trained = [...(w ? [w.values] : []), ...low];
  const moments = trained.map((p) => [0, 1].map(() => tensor(new Float64Array(p.size), p.shape)));
  // Rows of the result are the images of the unit vectors: the transposed operator.
  const built = (): Tensor => {
    const flat = w && sparseLinear(eye, w);
    const product = rank > 0 ? matmul(low[1], low[0], { transposeB: true }) : undefined;
    return flat && product ? add(flat, product) : (flat ?? product ?? eye);
  };
  let left = 1;
  for (let step = 1; step <= steps; step++) {
    const value = scope(() => {
      const { value, gradients } = valueAndGrad(() => sum(square(sub(built(), wanted))), trained);
      trained.forEach((p, k) => {
        const gradient = gradients[k];
        if (!gradient) return;
        const [m, v] = moments[k].map((t) => t.view('adamw'));
        const lr = 0.03 * (1 - (step - 1) / steps);
        const options = { lr, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, step };
        p.device.adamw(p.view('adamw'), gradient.view('adamw'), m, v, options);
      });
      return value;
    });
    if (step === steps) left = (await value.data())[0] / size;
    value.dispose();
  }
  for (const t of [eye, wanted, ...(w ? [w] : []), ...low, ...moments.flat()]) t.dispose();
  return left;
}
