import { beforeAll, describe, expect, it } from 'vitest';
import { tensor } from './create.js';
import {
  add,
  backward,
  crossEntropy,
  div,
  einsum,
  gelu,
  mean,
  mul,
  ones,
  Random,
  scope,
  silu,
  softmax,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  track,
} from './index.js';

/**
 * Gradients of the blocks that transformers are made of, in f32 on the CPU device, beside those of jax-js, which shares no code
 * with us. jax-js consumes its arguments, hence the many `.ref`.
 */
type Jax = typeof import('@jax-js/jax');
type JaxArray = import('@jax-js/jax').Array;
let jax: Jax;

beforeAll(async () => {
  // Node 20 has no navigator, which jax-js looks at when it is imported.
  if (!('navigator' in globalThis)) Object.defineProperty(globalThis, 'navigator', { value: {} });
  jax = await import('@jax-js/jax');
  await jax.init('wasm');
  jax.defaultDevice('wasm');
});

const random = new Random(11);
const draw = (...shape: number[]): { shape: number[]; data: Float32Array<ArrayBuffer> } => ({
  shape,
  data: Float32Array.from(
    random.normals(
      shape.reduce((a, b) => a * b, 1),
      0.7,
    ),
  ),
});

/** Largest difference of the two gradients of a scalar, relative to the largest entry. */
async function disagreement(
  inputs: ReturnType<typeof draw>[],
  ours: (...x: Tensor[]) => Tensor,
  theirs: (...x: JaxArray[]) => JaxArray,
): Promise<number> {
  const gradients = scope(() => {
    const x = inputs.map(({ data, shape }) => track(tensor(data, shape)));
    const value = ours(...x);
    return backward([{ tensor: value, seed: ones(value.shape) }], x).map((g) => g!.dataSync());
  });
  const arrays = inputs.map(({ data, shape }) => jax.numpy.array(data, { shape }));
  const argnums = inputs.map((_, i) => i);
  const expected = jax.grad(theirs, { argnums })(...arrays) as unknown as JaxArray[];
  let worst = 0;
  for (const [i, array] of expected.entries()) {
    const wanted = (await array.data()) as Float32Array;
    const largest = Math.max(...wanted.map(Math.abs));
    gradients[i].forEach((g, j) => {
      worst = Math.max(worst, Math.abs(g - wanted[j]) / largest);
    });
  }
  return worst;
}

describe('gradients agree with jax-js', () => {
  it('a root-mean-square norm and a gated MLP', async () => {
    const inputs = [draw(5, 8), draw(8), draw(12, 8), draw(12, 8), draw(8, 12)];
    const ours = (x: Tensor, gain: Tensor, gate: Tensor, up: Tensor, down: Tensor): Tensor => {
      const n = mul(div(x, sqrt(add(mean(square(x), -1, true), 1e-5))), gain);
      const hidden = mul(silu(einsum('td,hd->th', n, gate)), einsum('td,hd->th', n, up));
      return sum(square(einsum('th,dh->td', hidden, down)));
    };
    const theirs = (x: JaxArray, gain: JaxArray, gate: JaxArray, up: JaxArray, down: JaxArray): JaxArray => {
      const { numpy: np, nn } = jax;
      const power = np.mean(np.square(x.ref), -1, { keepdims: true });
      const n = x.div(np.sqrt(power.add(1e-5))).mul(gain);
      const hidden = nn.silu(np.matmul(n.ref, np.transpose(gate))).mul(np.matmul(n, np.transpose(up)));
      return np.sum(np.square(np.matmul(hidden, np.transpose(down))));
    };
    expect(await disagreement(inputs, ours, theirs)).toBeLessThan(1e-5);
  });

  it('attention over keys and values', async () => {
    const inputs = [draw(6, 4), draw(7, 4), draw(7, 5)];
    const ours = (q: Tensor, k: Tensor, v: Tensor): Tensor =>
      sum(square(einsum('ts,sd->td', softmax(einsum('td,sd->ts', q, k, 0.5)), v)));
    const theirs = (q: JaxArray, k: JaxArray, v: JaxArray): JaxArray => {
      const { numpy: np, nn } = jax;
      const pattern = nn.softmax(np.matmul(q, np.transpose(k)).mul(0.5), -1);
      return np.sum(np.square(np.matmul(pattern, v)));
    };
    expect(await disagreement(inputs, ours, theirs)).toBeLessThan(1e-5);
  });

  it('a layer norm, a GELU layer and the cross-entropy of its logits', async () => {
    const inputs = [draw(6, 8), draw(8), draw(8), draw(9, 8), draw(5, 9)];
    const targets = [0, 4, 2, 2, 1, 3];
    const ours = (x: Tensor, gain: Tensor, shift: Tensor, up: Tensor, out: Tensor): Tensor => {
      const centred = sub(x, mean(x, -1, true));
      const n = add(mul(div(centred, sqrt(add(mean(square(centred), -1, true), 1e-5))), gain), shift);
      return crossEntropy(einsum('th,vh->tv', gelu(einsum('td,hd->th', n, up)), out), targets);
    };
    const theirs = (x: JaxArray, gain: JaxArray, shift: JaxArray, up: JaxArray, out: JaxArray): JaxArray => {
      const { numpy: np, nn } = jax;
      const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
      const power = np.mean(np.square(centred.ref), -1, { keepdims: true });
      const n = centred
        .div(np.sqrt(power.add(1e-5)))
        .mul(gain)
        .add(shift);
      const hidden = nn.gelu(np.matmul(n, np.transpose(up)), { approximate: false });
      const logits = np.matmul(hidden, np.transpose(out));
      const picked = Float32Array.from({ length: 30 }, (_, i) => (targets[Math.floor(i / 5)] === i % 5 ? -1 / 6 : 0));
      return np.sum(nn.logSoftmax(logits, -1).mul(np.array(picked, { shape: [6, 5] })));
    };
    expect(await disagreement(inputs, ours, theirs)).toBeLessThan(1e-5);
  });
});
