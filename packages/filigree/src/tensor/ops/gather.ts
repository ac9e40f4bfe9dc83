import { tensor, zeros } from '../create.js';
import { record } from '../tape.js';
import { Tensor } from '../tensor.js';
import { mul, neg, sub } from './elementwise.js';
import { mean } from './reduce.js';
import { logSoftmax } from './softmax.js';
import { contiguous, reshape } from './views.js';

/** Rows of `table` `[rows, width]` by `ids` (i32, any shape): `[...ids, width]`. Throws RangeError naming an id out of range. */
export function gather(table: Tensor, ids: Tensor): Tensor {
  const packed = contiguous(table);
  const flat = contiguous(ids);
  const out = Tensor.allocate([...ids.shape, table.shape[1]], undefined, table.device);
  table.device.gather(out.view('gather'), packed.view('gather'), flat.view('gather'));
  return record('gather', out, [packed], (g) => {
    const total = zeros(packed.shape, packed.device);
    total.device.scatterAdd(total.view('gather'), flat.view('gather'), contiguous(g).view('gather'));
    return [total];
  });
}

/** Elements of `x` by their row-major positions; the result has the positions' length. */
export function pick(x: Tensor, positions: ArrayLike<number>): Tensor {
  const ids = tensor(positions, [positions.length], 'i32', x.device);
  return reshape(gather(reshape(x, [x.size, 1]), ids), [positions.length]);
}

/**
 * Mean negative log-likelihood of `targets` (one per row) under `logits` `[rows, classes]`. With `smoothing`, that share of each
 * target is spread evenly over all classes (Szegedy et al. 2016).
 */
export function crossEntropy(logits: Tensor, targets: ArrayLike<number>, smoothing = 0): Tensor {
  const [rows, classes] = logits.shape;
  if (targets.length !== rows) throw new RangeError(`crossEntropy: ${rows} rows of logits, ${targets.length} targets`);
  const positions = Int32Array.from(targets, (target, row) => {
    if (!(target >= 0 && target < classes))
      throw new RangeError(`crossEntropy: target ${target} of ${classes} classes`);
    return row * classes + target;
  });
  const likelihoods = logSoftmax(logits);
  const hard = neg(mean(pick(likelihoods, positions)));
  if (smoothing === 0) return hard;
  return sub(mul(hard, 1 - smoothing), mul(mean(likelihoods), smoothing));
}
