/**
 * Every elementwise operation, written once over an abstract arithmetic: the reference interprets it on numbers, the
 * CPU emits it as SIMD instructions, the GPU will emit it as WGSL.
 */
export interface Arithmetic<V> {
  constant(value: number): V;
  add(a: V, b: V): V;
  sub(a: V, b: V): V;
  mul(a: V, b: V): V;
  div(a: V, b: V): V;
  /** Smaller of the two; NaN if either is. */
  min(a: V, b: V): V;
  max(a: V, b: V): V;
  neg(a: V): V;
  abs(a: V): V;
  sqrt(a: V): V;
  floor(a: V): V;
  exp(a: V): V;
  log(a: V): V;
  tanh(a: V): V;
  erf(a: V): V;
  sin(a: V): V;
  cos(a: V): V;
  /** 1 where true, 0 where false. */
  less(a: V, b: V): V;
  equal(a: V, b: V): V;
  /** `yes` where `condition` is not 0. */
  select(condition: V, yes: V, no: V): V;
}

type Operation = <V>(m: Arithmetic<V>, ...x: V[]) => V;

const sigmoid = <V>(m: Arithmetic<V>, x: V): V => m.div(m.constant(1), m.add(m.constant(1), m.exp(m.neg(x))));
/** Cumulative distribution of the standard normal. */
const phi = <V>(m: Arithmetic<V>, x: V): V =>
  m.mul(m.constant(0.5), m.add(m.constant(1), m.erf(m.mul(x, m.constant(Math.SQRT1_2)))));
/** tanh argument of the approximate GELU: sqrt(2/pi) (x + 0.044715 x^3). */
const geluInner = <V>(m: Arithmetic<V>, x: V): V =>
  m.mul(m.constant(Math.sqrt(2 / Math.PI)), m.add(x, m.mul(m.constant(0.044715), m.mul(x, m.mul(x, x)))));

/** Operation name to its formula. A name ending in `Grad` takes the input and the output's gradient. */
export const elementwise = {
  copy: (_m, x) => x,
  neg: (m, x) => m.neg(x),
  abs: (m, x) => m.abs(x),
  sign: (m, x) => m.sub(m.less(m.constant(0), x), m.less(x, m.constant(0))),
  floor: (m, x) => m.floor(x),
  exp: (m, x) => m.exp(x),
  log: (m, x) => m.log(x),
  sqrt: (m, x) => m.sqrt(x),
  rsqrt: (m, x) => m.div(m.constant(1), m.sqrt(x)),
  square: (m, x) => m.mul(x, x),
  sin: (m, x) => m.sin(x),
  cos: (m, x) => m.cos(x),
  tanh: (m, x) => m.tanh(x),
  sigmoid: (m, x) => sigmoid(m, x),
  erf: (m, x) => m.erf(x),
  relu: (m, x) => m.max(x, m.constant(0)),
  silu: (m, x) => m.mul(x, sigmoid(m, x)),
  gelu: (m, x) => m.mul(x, phi(m, x)),
  geluTanh: (m, x) => m.mul(m.mul(m.constant(0.5), x), m.add(m.constant(1), m.tanh(geluInner(m, x)))),
  add: (m, a, b) => m.add(a, b),
  sub: (m, a, b) => m.sub(a, b),
  mul: (m, a, b) => m.mul(a, b),
  div: (m, a, b) => m.div(a, b),
  minimum: (m, a, b) => m.min(a, b),
  maximum: (m, a, b) => m.max(a, b),
  less: (m, a, b) => m.less(a, b),
  equal: (m, a, b) => m.equal(a, b),
  select: (m, c, a, b) => m.select(c, a, b),
  mulAdd: (m, a, b, c) => m.add(m.mul(a, b), c),
  /** a + alpha b */
  addScaled: (m, a, b, alpha) => m.add(a, m.mul(b, alpha)),
  tanhGrad: (m, x, g) => {
    const t = m.tanh(x);
    return m.mul(g, m.sub(m.constant(1), m.mul(t, t)));
  },
  sigmoidGrad: (m, x, g) => {
    const s = sigmoid(m, x);
    return m.mul(g, m.mul(s, m.sub(m.constant(1), s)));
  },
  erfGrad: (m, x, g) => m.mul(g, m.mul(m.constant(2 / Math.sqrt(Math.PI)), m.exp(m.neg(m.mul(x, x))))),
  reluGrad: (m, x, g) => m.select(m.less(m.constant(0), x), g, m.constant(0)),
  siluGrad: (m, x, g) => {
    const s = sigmoid(m, x);
    return m.mul(g, m.mul(s, m.add(m.constant(1), m.mul(x, m.sub(m.constant(1), s)))));
  },
  geluGrad: (m, x, g) => {
    const density = m.mul(m.constant(1 / Math.sqrt(2 * Math.PI)), m.exp(m.mul(m.constant(-0.5), m.mul(x, x))));
    return m.mul(g, m.add(phi(m, x), m.mul(x, density)));
  },
  geluTanhGrad: (m, x, g) => {
    const t = m.tanh(geluInner(m, x));
    const slope = m.mul(
      m.constant(Math.sqrt(2 / Math.PI)),
      m.add(m.constant(1), m.mul(m.constant(3 * 0.044715), m.mul(x, x))),
    );
    const left = m.mul(m.constant(0.5), m.add(m.constant(1), t));
    const right = m.mul(m.mul(m.constant(0.5), x), m.mul(m.sub(m.constant(1), m.mul(t, t)), slope));
    return m.mul(g, m.add(left, right));
  },
} satisfies Record<string, Operation>;

export type ElementwiseName = keyof typeof elementwise;

/** The formula of `name`, with its arity hidden. */
export function formula(name: ElementwiseName): Operation {
  return elementwise[name] as Operation;
}
