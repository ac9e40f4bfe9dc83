import { afterEach, expect, it, vi } from 'vitest';
import { InputError } from '../errors.js';
import { blobFiles, servedFiles } from './files.js';

afterEach(() => vi.unstubAllGlobals());

/** Stands in for a server of one file of 100 bytes 0, 1, 2, …; remembers what it was asked for. */
function server(): { asked: [string, string | undefined][] } {
  const asked: [string, string | undefined][] = [];
  vi.stubGlobal('fetch', async (url: string, init?: { headers?: { range?: string } }) => {
    const range = init?.headers?.range;
    asked.push([url, range]);
    if (!url.endsWith('/a%20b.bin')) return new Response('', { status: 404 });
    const [from, to] = range ? /(\d+)-(\d+)/.exec(range)!.slice(1).map(Number) : [0, 99];
    return new Response(Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i));
  });
  return { asked };
}

it('fetches a short file once, and parts of a long one', async () => {
  const { asked } = server();
  const short = await servedFiles('/f/', [{ path: 'a b.bin', size: 100 }], 'm').bytes('a b.bin');
  expect(await short.read(3, 2)).toEqual(Uint8Array.of(3, 4));
  const part = await short.read(97, 3);
  expect([...part, part.byteOffset, part.buffer.byteLength]).toEqual([97, 98, 99, 0, 3]);
  expect(asked).toEqual([['/f/a%20b.bin', undefined]]);
  const long = await servedFiles('/f/', [{ path: 'a b.bin', size: 2 ** 30 }], 'm').bytes('a b.bin');
  expect(await long.read(10, 2)).toEqual(Uint8Array.of(10, 11));
  expect(asked[1]).toEqual(['/f/a%20b.bin', 'bytes=10-11']);
});

it('says which file is missing, and asks for none that was not listed', async () => {
  const { asked } = server();
  const files = servedFiles('/f/', [{ path: 'gone', size: 5 }], 'my model');
  expect(await files.has('other')).toBe(false);
  await expect(files.text('other')).rejects.toThrow('my model has no file other');
  expect(asked).toEqual([]);
  await expect(files.text('gone')).rejects.toThrow(
    new InputError('gone of my model cannot be read: the server answered 404'),
  );
});

it('reads files that the user gave', async () => {
  const files = blobFiles('dropped', new Map([['config.json', new Blob(['{"é":1}'])]]));
  expect(await files.text('config.json')).toBe('{"é":1}');
  expect(await (await files.bytes('config.json')).read(0, 2)).toEqual(new TextEncoder().encode('{"'));
  expect(await files.has('model.safetensors')).toBe(false);
});
