import {
  add,
  concat,
  div,
  expand,
  gather,
  mul,
  reshape,
  rotary,
  slice,
  type Tensor,
  tanh,
  tensor,
} from '../tensor/index.js';
import type { TransformerConfig } from './config.js';

/** `cap tanh(x / cap)`, or `x` where there is no cap. */
export function capped(x: Tensor, cap: number | undefined): Tensor {
  return cap === undefined ? x : mul(tanh(div(x, cap)), cap);
}

/** Scores `[b, heads, t, s]` of queries from position `start` on, those of keys `window` or more positions back hidden. */
export function withinWindow(scores: Tensor, start: number, window: number): Tensor {
  const [length, keys] = scores.shape.slice(2);
  if (window === 0 || keys <= window) return scores;
  const hidden = new Float32Array(length * keys);
  for (let t = 0; t < length; t++) hidden.fill(-1e30, t * keys, t * keys + Math.max(0, start + t - window + 1));
  return add(scores, tensor(hidden, [length, keys], undefined, scores.device));
}

/**
 * The softmax of scores `[b, heads, t, s]` with a further term in each denominator, a head's logit for attending to nothing; as it is where
 * there are no such logits (`[heads]`). `attend` takes the scores, and by how many keys they begin early.
 */
export function withSink(
  scores: Tensor,
  sink: Tensor | undefined,
  attend: (scores: Tensor, more: number) => Tensor,
): Tensor {
  if (!sink) return attend(scores, 0);
  const [batch, heads, queries, keys] = scores.shape;
  const column = expand(reshape(sink, [1, heads, 1, 1]), [batch, heads, queries, 1]);
  return slice(attend(concat([column, scores], 3), 1), 3, 1, keys + 1);
}

/** Scores `[b, heads, 1, s]` of one query per sequence, at position `start + at[b]`: keys behind it or out of its window hidden. */
export function hideUnseen(scores: Tensor, start: number, at: readonly number[], window: number): Tensor {
  const keys = scores.shape[3];
  const hidden = new Float32Array(at.length * keys);
  at.forEach((position, b) => {
    const end = start + position + 1;
    hidden.fill(-1e30, b * keys + end, (b + 1) * keys);
    if (window > 0 && end > window) hidden.fill(-1e30, b * keys, b * keys + end - window);
  });
  return add(scores, tensor(hidden, [at.length, 1, 1, keys], undefined, scores.device));
}

/** One position of each sequence: `[…, b, t, width] -> […, b, 1, width]`. */
export function rowsAt(x: Tensor, at: readonly number[]): Tensor {
  const [batch, length, width] = x.shape.slice(-3);
  const lead = x.shape.slice(0, -3);
  const tables = lead.reduce((a, b) => a * b, 1);
  const rows = Array.from({ length: tables }, (_, i) => at.map((t, b) => (i * batch + b) * length + t)).flat();
  const ids = tensor(rows, [...lead, batch, 1], 'i32', x.device);
  return gather(reshape(x, [-1, width]), ids);
}

/** Queries `[b, 1, heads, headWidth]` turned by the angles of positions `start + at[b]`. */
export function turnedAt(
  q: Tensor,
  angles: { readonly cos: Tensor; readonly sin: Tensor },
  start: number,
  at: readonly number[],
): Tensor {
  const [batch, , heads, headWidth] = q.shape;
  const ids = tensor(
    at.map((t) => start + t),
    [batch],
    'i32',
    q.device,
  );
  // Sequences take the place of positions, each with the angles of its own.
  const turned = rotary(reshape(q, [1, batch, heads, headWidth]), gather(angles.cos, ids), gather(angles.sin, ids));
  return reshape(turned, q.shape);
}

/** Cosines and sines of the rotary angles, `[context, rotaryWidth / 2]` each. */
export function rotaryAngles(config: TransformerConfig): { cos: Tensor; sin: Tensor } {
  const half = config.rotaryWidth / 2;
  const angles = Float64Array.from({ length: config.context * half }, (_, i) => {
    const position = Math.floor(i / half);
    return position * config.rotaryBase ** (-(i % half) / half);
  });
  const shape = [config.context, half];
  return { cos: tensor(angles.map(Math.cos), shape), sin: tensor(angles.map(Math.sin), shape) };
}
