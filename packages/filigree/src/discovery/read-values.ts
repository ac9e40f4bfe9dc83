import { noGrad, scope, type Tensor } from '../tensor/index.js';

/** The values of the tensor that `make` makes, row-major; everything that was made on the way is freed. No gradients. */
export async function readValues(make: () => Tensor): Promise<Float64Array> {
  const made = scope(() => noGrad(make));
  try {
    return Float64Array.from(await made.data());
  } finally {
    made.dispose();
  }
}
