import type { Device, DType } from '../kernels/device.js';
import { sizeOf } from '../kernels/views.js';
import { defaultDevice } from './default-device.js';
import { Tensor } from './tensor.js';

/** A tensor of `shape` filled from `data`, row-major. Throws RangeError when the lengths differ. */
export function tensor(
  data: ArrayLike<number>,
  shape: readonly number[] = [data.length],
  dtype?: DType,
  device: Device = defaultDevice(),
): Tensor {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`tensor: shape [${shape}] needs ${sizeOf(shape)} numbers, got ${data.length}`);
  }
  const result = Tensor.allocate(shape, dtype, device);
  device.write(result.view('tensor').buffer, 0, data);
  return result;
}

/** A tensor of one repeated value. */
export function full(shape: readonly number[], value: number, dtype?: DType, device: Device = defaultDevice()): Tensor {
  const result = Tensor.allocate(shape, dtype, device);
  device.fill(result.view('full').buffer, 0, result.size, value);
  return result;
}

export function zeros(shape: readonly number[], device?: Device): Tensor {
  return full(shape, 0, undefined, device);
}

export function ones(shape: readonly number[], device?: Device): Tensor {
  return full(shape, 1, undefined, device);
}
