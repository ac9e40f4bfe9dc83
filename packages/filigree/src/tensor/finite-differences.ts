import { backward } from './autograd.js';
import { tensor } from './create.js';
import { mul, sum } from './ops/index.js';
import { Random } from './random.js';
import { scope } from './scope.js';
import { noGrad, track } from './tape.js';
import type { Tensor } from './tensor.js';

/**
 * The judge of gradients: compares the reverse pass of `f` with central differences of a random projection of its output, at
 * every input element. Run it on the f64 reference device. Returns the largest error relative to `1 + |expected|`.
 */
export function gradientError(
  f: (...inputs: Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  options: { seed?: number; step?: number } = {},
): number {
  const { seed = 1, step = 1e-5 } = options;
  return scope(() => {
    for (const input of inputs) track(input);
    const output = f(...inputs);
    const projection = tensor(new Random(seed).normals(output.size), output.shape, undefined, output.device);
    const gradients = backward([{ tensor: output, seed: projection }], inputs);
    let worst = 0;
    inputs.forEach((input, which) => {
      const values = input.dataSync();
      const analytic = gradients[which]?.dataSync() ?? new Float64Array(input.size);
      const value = (i: number, moved: number): number =>
        scope(() =>
          noGrad(() => {
            const copy = Float64Array.from(values);
            copy[i] = moved;
            const moved1 = tensor(copy, input.shape, undefined, input.device);
            return sum(mul(f(...inputs.map((x, j) => (j === which ? moved1 : x))), projection)).dataSync()[0];
          }),
        );
      for (let i = 0; i < input.size; i++) {
        const expected = (value(i, values[i] + step) - value(i, values[i] - step)) / (2 * step);
        worst = Math.max(worst, Math.abs(expected - analytic[i]) / (1 + Math.abs(expected)));
      }
    });
    return worst;
  });
}
