import type { PatchGeometry } from './device.js';

/** Rows and columns of the output of a convolution. */
export function outputSize({ height, width, kernel, stride, padding }: PatchGeometry): [down: number, across: number] {
  const size = (n: number, k: number) => Math.max(0, Math.floor((n + 2 * padding - k) / stride) + 1);
  return [size(height, kernel[0]), size(width, kernel[1])];
}

/** Every tap of every patch that lies inside of the image, channel by channel: `visit(place among the patches, place in the images)`. */
export function eachTap(images: number, g: PatchGeometry, visit: (patch: number, pixel: number) => void): void {
  const [down, across] = outputSize(g);
  const [kh, kw] = g.kernel;
  let patch = 0;
  for (let b = 0; b < images; b++) {
    for (let oy = 0; oy < down; oy++) {
      for (let ox = 0; ox < across; ox++) {
        for (let ky = 0; ky < kh; ky++) {
          for (let kx = 0; kx < kw; kx++) {
            const y = oy * g.stride + ky - g.padding;
            const x = ox * g.stride + kx - g.padding;
            const inside = y >= 0 && y < g.height && x >= 0 && x < g.width;
            for (let c = 0; c < g.channels; c++, patch++) {
              if (inside) visit(patch, ((b * g.height + y) * g.width + x) * g.channels + c);
            }
          }
        }
      }
    }
  }
}
