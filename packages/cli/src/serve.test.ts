import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { withFolder } from '../../../tests/command.js';
import { type Served, servePage } from './serve.js';

let served: Served;
let stop: () => void;

beforeAll(
  () =>
    new Promise<void>((ready) => {
      void withFolder(async (folder) => {
        const page = join(folder, 'page.html');
        writeFileSync(page, '<p>the page</p>');
        served = await servePage(page);
        ready();
        await new Promise<void>((resolve) => {
          stop = resolve;
        });
      });
    }),
);
afterAll(async () => {
  await served.close();
  stop();
});

/** What the server answers; fetch would not let us set the host. */
function ask(options: { method?: string; path?: string; headers?: Record<string, string> } = {}) {
  const port = Number(new URL(served.url).port);
  return new Promise<{ status?: number; body: string; headers: NodeJS.Dict<string | string[]> }>((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/', ...options }, (response) => {
      let body = '';
      response.on('data', (data) => {
        body += data;
      });
      response.on('end', () => resolve({ status: response.statusCode, body, headers: response.headers }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

const host = (): string => new URL(served.url).host;

it('serves the page with the headers that shared memory needs', async () => {
  const { status, body, headers } = await ask({ headers: { host: host() } });
  expect([status, body]).toEqual([200, '<p>the page</p>']);
  expect(headers['cross-origin-opener-policy']).toBe('same-origin');
  expect(headers['cross-origin-embedder-policy']).toBe('require-corp');
  expect(headers['cross-origin-resource-policy']).toBe('same-origin');
  expect(headers['content-type']).toMatch(/^text\/html/);
});

it('answers no other site, no other name of this machine, and nothing but reading', async () => {
  expect((await ask({ headers: { host: 'evil.example' } })).status).toBe(403);
  expect((await ask({ headers: { host: `evil.example:${new URL(served.url).port}` } })).status).toBe(403);
  expect((await ask({ headers: { host: host(), 'sec-fetch-site': 'cross-site' } })).status).toBe(403);
  expect((await ask({ headers: { host: host(), 'sec-fetch-site': 'same-site' } })).status).toBe(403);
  expect((await ask({ method: 'POST', headers: { host: host() } })).status).toBe(405);
  expect((await ask({ path: '/../package.json', headers: { host: host() } })).status).toBe(404);
});

it('takes the next free port', async () => {
  const second = await servePage('none.html', Number(new URL(served.url).port));
  expect(Number(new URL(second.url).port)).toBeGreaterThan(Number(new URL(served.url).port));
  await second.close();
});
