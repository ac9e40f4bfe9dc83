import { add, div, mul, type Tensor, tanh, tensor } from '../tensor/index.js';
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
