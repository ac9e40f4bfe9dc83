import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InputError } from '../errors.js';
import { type HubOptions, hubFiles } from './hub.js';
import { openModelFiles } from './open.js';

const commit = 'c'.repeat(40);
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

let cache: string;
let server: Server;
let options: HubOptions;
/** Paths asked of the stand-in for the Hub. */
let asked: string[];
/** What the stand-in serves of the model org/tiny; a test may change it. */
let files: Map<string, Uint8Array>;
/** Changes what is sent, to stand for a damaged transfer. */
let damage: (path: string, data: Uint8Array) => Uint8Array;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'filigree-hub-'));
  asked = [];
  damage = (_, data) => data;
  files = new Map([
    ['config.json', new TextEncoder().encode('{"a":1}')],
    ['model.safetensors', Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) % 256)],
    ['tokenizer.json', new TextEncoder().encode('{}')],
    ['README.md', new TextEncoder().encode('no')],
    ['pytorch_model.bin', new Uint8Array(10)],
  ]);
  server = createServer((request, response) => {
    const url = decodeURIComponent(request.url as string).split('?')[0];
    asked.push(url);
    const json = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    };
    if (url === '/api/models/org/tiny/revision/main') return json(200, { _id: '1', id: 'org/tiny', sha: commit });
    if (url === `/api/models/org/tiny/tree/${commit}`) {
      const entries = [...files].map(([path, data]) => ({
        type: 'file',
        path,
        size: data.length,
        oid: 'git',
        ...(path.endsWith('.safetensors') ? { lfs: { oid: sha256(data), size: data.length, pointerSize: 9 } } : {}),
      }));
      return json(200, entries);
    }
    const path = url.replace(`/org/tiny/resolve/${commit}/`, '');
    const data = files.get(path);
    if (!data) return json(404, { error: 'Repository not found' });
    if (request.headers.range) {
      response.writeHead(206, { etag: '"e"', 'content-range': `bytes 0-0/${data.length}` }).end(data.subarray(0, 1));
    } else response.end(damage(path, data));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  options = { cache, hubUrl: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(cache, { recursive: true, force: true });
});

const kept = () => join(cache, 'hub', 'org--tiny', 'main');

test('downloads what a checkpoint needs, once', async () => {
  const progress: [string, number, number][] = [];
  const model = await openModelFiles('org/tiny', { ...options, onProgress: (...step) => progress.push(step) });
  expect(model.name).toBe('org/tiny');
  expect(await model.text('config.json')).toBe('{"a":1}');
  const bytes = await model.bytes('model.safetensors');
  expect(await bytes.read(0, bytes.size)).toEqual(files.get('model.safetensors'));
  expect((await readdir(kept())).sort()).toEqual([
    'config.json',
    'filigree-download.json',
    'model.safetensors',
    'tokenizer.json',
  ]);
  expect(progress.at(-1)?.slice(1)).toEqual([300_009, 300_009]);
  asked = [];
  await hubFiles('org/tiny', options);
  expect(asked).toEqual([]);
});

test('a large file that is already there and right is not fetched again', async () => {
  await hubFiles('org/tiny', options);
  await rm(join(kept(), 'filigree-download.json'));
  asked = [];
  await hubFiles('org/tiny', options);
  expect(asked.filter((url) => url.endsWith('model.safetensors'))).toEqual([]);
  await writeFile(join(kept(), 'model.safetensors'), new Uint8Array(300_000));
  await rm(join(kept(), 'filigree-download.json'));
  const bytes = await (await hubFiles('org/tiny', options)).bytes('model.safetensors');
  expect(await bytes.read(0, bytes.size)).toEqual(files.get('model.safetensors'));
});

test.each<[string, (data: Uint8Array) => Uint8Array]>([
  ['cut short', (data) => data.slice(0, 1000)],
  ['changed', (data) => data.map((byte, i) => (i === 5 ? byte ^ 1 : byte))],
])('a file that arrives %s is refused and not kept', async (_, spoil) => {
  damage = (path, data) => (path === 'model.safetensors' ? spoil(data) : data);
  await expect(hubFiles('org/tiny', options)).rejects.toThrow(/model\.safetensors of org\/tiny arrived damaged/);
  expect(await readdir(kept())).not.toContain('model.safetensors');
  expect((await readdir(kept())).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  damage = (_path, data) => data;
  expect(await (await hubFiles('org/tiny', options)).has('model.safetensors')).toBe(true);
});

test('an interruption passes its reason on and leaves no half file', async () => {
  const controller = new AbortController();
  const stopped = new Error('stopped by the user');
  const onProgress = (file: string) => {
    if (file === 'model.safetensors') controller.abort(stopped);
  };
  await expect(hubFiles('org/tiny', { ...options, signal: controller.signal, onProgress })).rejects.toBe(stopped);
  expect((await readdir(kept())).filter((name) => name.includes('safetensors') || name.endsWith('.tmp'))).toEqual([]);
});

test('models that are unknown, or hold nothing we read, are told in one line', async () => {
  await expect(hubFiles('org/other', options)).rejects.toThrow(/no model org\/other that the Hub gives/);
  await expect(hubFiles('org/other', options)).rejects.toThrow(InputError);
  files.delete('model.safetensors');
  await expect(hubFiles('org/tiny', options)).rejects.toThrow(/no config\.json with safetensors/);
  await expect(hubFiles('not an id', options)).rejects.toThrow(/not a Hub id/);
  await expect(hubFiles('org/tiny@..', options)).rejects.toThrow(/not a Hub id/);
  await expect(hubFiles('org/tiny', { ...options, accessToken: 'x' })).rejects.toThrow(/begin with hf_/);
});

test('without a network, one line says so', async () => {
  // Nothing listens on the port of a server that is closed.
  const gone = createServer();
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
  const hubUrl = `http://127.0.0.1:${(gone.address() as { port: number }).port}`;
  await new Promise((resolve) => gone.close(resolve));
  const attempt = openModelFiles('org/tiny', { cache, hubUrl });
  await expect(attempt).rejects.toThrow(
    /no folder org\/tiny here, and the model .* cannot be reached \(ECONNREFUSED\)/,
  );
  await expect(attempt).rejects.toThrow(InputError);
});

test('a cache that cannot be made', async () => {
  await writeFile(join(cache, 'file'), '');
  await expect(hubFiles('org/tiny', { ...options, cache: join(cache, 'file') })).rejects.toThrow(/FILIGREE_CACHE/);
});
