import type { Engine } from './engine.js';
import { i32, i32x4 } from './instructions.js';
import { eachVector, element, storeVector } from './lanes.js';

const WORK = 262_144;
const word = new DataView(new ArrayBuffer(4));

/** Sets `length` 32-bit words at a byte address: hosts fill shared memory from outside several times slower. */
export function fill(engine: Engine, dtype: 'f32' | 'i32', out: number, length: number, value: number): void {
  if (dtype === 'f32') word.setFloat32(0, value);
  else word.setInt32(0, value);
  const kernel = engine.kernel('fill', ['i32', 'i32'], (f, from, to, o, bits) => {
    const start = f.let(element(o, from));
    const x = f.let(i32x4.splat(bits));
    eachVector(f, i32.sub(to, from), (at, count) => storeVector(f, i32.add(start, at), x, count));
  });
  engine.run(kernel, length, WORK, [out, word.getInt32(0)]);
}
