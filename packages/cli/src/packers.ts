import { spawnSync } from 'node:child_process';
import { brotliCompressSync, constants, deflateRawSync, gzipSync } from 'node:zlib';

const { BROTLI_PARAM_QUALITY: quality, BROTLI_PARAM_LGWIN: window } = constants;

/** General compressors at their strongest: how many bytes they need. xz is there where the machine has it. */
export function packers(): Record<string, (bytes: Uint8Array) => number> {
  const xz = (bytes: Uint8Array): number | undefined => {
    const { status, stdout } = spawnSync('xz', ['-9e', '--stdout'], { input: bytes, maxBuffer: 2 ** 28 });
    return status === 0 ? stdout.length : undefined;
  };
  const hasXz = xz(new Uint8Array(0)) !== undefined;
  return {
    'gzip -9': (bytes) => gzipSync(bytes, { level: 9 }).length,
    'deflate -9': (bytes) => deflateRawSync(bytes, { level: 9 }).length,
    'brotli -11': (bytes) => brotliCompressSync(bytes, { params: { [quality]: 11, [window]: 24 } }).length,
    ...(hasXz && { 'xz -9e': (bytes) => xz(bytes) ?? Number.POSITIVE_INFINITY }),
  };
}
