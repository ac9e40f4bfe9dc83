import { InputError } from '../errors.js';

/** Most bytes that a file may unpack to. */
const largest = 2 ** 30;

/**
 * The bytes of a file, unpacked where they are gzip; others as they are.
 * @param name what to call the file in messages
 * @throws InputError for a file that is damaged or cut short, and one that unpacks to more than 1 GiB
 */
export async function unpacked(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw new InputError(`${name} is a damaged gzip file, or cut short`);
    });
    if (done) break;
    size += value.length;
    if (size > largest) {
      await reader.cancel();
      throw new InputError(`${name} unpacks to more than ${largest / 2 ** 20} MiB`);
    }
    parts.push(value);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
