import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Circuit, circuitText } from 'filigree';
import { expect, it } from 'vitest';
import { withFolder } from '../../../../tests/command.js';
import { listItems } from './items.js';
import { exploreApp } from './server.js';

const circuit: Circuit = {
  format: 'filigree-circuit',
  version: 1,
  kind: 'transformer',
  level: 'edge',
  nodes: {
    id: ['a', 'b'],
    kind: ['input', 'logits'],
    label: ['a', 'b'],
    layer: [0, 1],
    position: [null, null],
    score: [null, null],
  },
  edges: { source: [0], target: [1], port: [''], score: [-1], kept: [true] },
  provenance: {
    model: 'm',
    modelHash: '',
    task: 't',
    method: 'x',
    options: {},
    seed: 0,
    metrics: {},
    made: '2025-01-01',
  },
};

/** A folder with a page, a circuit, a secret beside them, and the app over it. */
async function withApp(
  use: (ask: (path: string, init?: RequestInit) => Promise<Response>, file: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    mkdirSync(join(folder, 'page'));
    mkdirSync(join(folder, 'out'));
    writeFileSync(join(folder, 'page', 'index.html'), '<p>page</p>');
    writeFileSync(join(folder, 'secret.json'), '{}');
    const file = join(folder, 'out', 'x.circuit.json');
    writeFileSync(file, circuitText(circuit));
    const app = exploreApp({ roots: [join(folder, 'out')], page: join(folder, 'page'), port: 4173 });
    const ask = async (path: string, init: RequestInit = {}): Promise<Response> =>
      app.request(`http://127.0.0.1:4173${path}`, {
        ...init,
        headers: { host: '127.0.0.1:4173', ...(init.headers as Record<string, string>) },
      });
    await use(ask, file);
  });
}

it('serves the page, the list and listed files, and nothing else', async () => {
  await withApp(async (ask, file) => {
    const page = await ask('/');
    expect([page.status, await page.text()]).toEqual([200, '<p>page</p>']);
    expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(page.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    const { items } = (await (await ask('/api/items')).json()) as { items: { id: string }[] };
    expect(items.map(({ id }) => id)).toEqual([file.slice(1)]);
    const id = file.slice(1).split('/').map(encodeURIComponent).join('/');
    const whole = await ask(`/files/${id}`);
    expect(whole.headers.get('content-type')).toBe('application/octet-stream');
    const text = await whole.text();
    expect(text).toBe(circuitText(circuit));
    const part = await ask(`/files/${id}`, { headers: { range: 'bytes=2-5' } });
    expect([part.status, await part.text()]).toEqual([206, text.slice(2, 6)]);
    for (const path of [
      '/files/secret.json',
      '/files/%2e%2e/secret.json',
      '/..%2fsecret.json',
      '/files/etc/passwd',
      '/%2e%2e/secret.json',
    ]) {
      expect((await ask(path)).status, path).toBe(404);
    }
    expect((await ask('/', { headers: { 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
    expect((await ask('/', { method: 'POST' })).status).toBe(405);
  });
});

it('saves a circuit over a listed one, asked for by the page only, and nothing that is none', async () => {
  await withApp(async (ask, file) => {
    const id = `/files/${file.slice(1)}`;
    const noted = circuitText({ ...circuit, annotations: { pinned: [1] } });
    const put = (body: string, headers: Record<string, string> = { 'x-filigree': 'save' }, to = id) =>
      ask(to, { method: 'PUT', body, headers: { 'content-length': String(body.length), ...headers } });
    expect((await put(noted, {})).status).toBe(403);
    expect((await put('{"format":"filigree-circuit"}')).status).toBe(422);
    expect((await put('no')).status).toBe(422);
    expect((await put(noted, { 'x-filigree': 'save' }, '/files/other.json')).status).toBe(404);
    expect(readFileSync(file, 'utf8')).toBe(circuitText(circuit));
    expect((await put(noted)).status).toBe(200);
    expect(readFileSync(file, 'utf8')).toBe(noted);
  });
});

it('lists models, circuits, distributions and records of training', async () => {
  const { items } = await listItems(['models/mix4', 'packages/explorer/public/examples']);
  const kinds = Object.fromEntries(items.map(({ name, kind }) => [name, kind]));
  expect(kinds).toEqual({
    mix4: 'model',
    'training of mix4': 'run',
    'garden.jpc': 'distribution',
    'pronoun.circuit.json': 'circuit',
    'quote.circuit.json': 'circuit',
  });
  expect(items.find(({ name }) => name === 'pronoun.circuit.json')?.facts).toMatchObject({
    task: 'pronoun',
    kept: 15,
    edges: 479,
  });
});

it('lists the circuits that lie in the folder of a model', async () => {
  const { items } = await listItems(['models/weight-sparse']);
  expect(items.map(({ name, kind }) => `${kind} ${name}`).sort()).toEqual([
    'circuit bracket_counting.circuit.json',
    'circuit set_or_string_fixedvarname.circuit.json',
    'circuit single_double_quote.circuit.json',
    'model weight-sparse',
    'run training of weight-sparse',
  ]);
});
