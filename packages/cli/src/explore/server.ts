import { open, readFile, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { circuitText, InputError, readCircuit } from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { Hono } from 'hono';
import { guard, type Served, serveApp } from '../serve.js';
import { type Listing, listItems } from './items.js';

/** Most bytes that a circuit may have to be saved. */
const largestSave = 256 * 2 ** 20;

/** What the page may load: itself, and workers that it writes. Nothing from elsewhere. */
const policy = [
  "default-src 'self'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.jpc': 'text/plain; charset=utf-8',
};

/** The folder of the built page. Throws InputError where it is not built. */
export async function pageFolder(): Promise<string> {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('@filigree/explorer/package.json')),
    'dist',
    'page',
  );
  if ((await stat(join(folder, 'index.html')).catch(() => undefined))?.isFile()) return folder;
  throw new InputError('The page of the explorer is not built; run npm run build.');
}

export interface ExploreOptions {
  /** Files and folders to show. */
  readonly roots: readonly string[];
  readonly page: string;
  readonly port: number;
  /** Sends the isolation headers, which threads need (default true). */
  readonly isolated?: boolean;
}

/** The app that serves the page, the list of what is there, and the listed files; listed circuits can be saved. */
export function exploreApp({ roots, page, port, isolated = true }: ExploreOptions): Hono {
  const app = new Hono();
  if (!isolated) {
    app.use('*', async (c, next) => {
      await next();
      c.res.headers.delete('Cross-Origin-Opener-Policy');
      c.res.headers.delete('Cross-Origin-Embedder-Policy');
    });
  }
  guard(app, port, ['GET', 'HEAD', 'PUT']);
  let listing: Promise<Listing> | undefined;
  app.get('/api/items', async (c) => {
    listing = listItems(roots);
    return c.json({ items: (await listing).items });
  });
  const find = async (id: string): Promise<string | undefined> => {
    listing ??= listItems(roots);
    return (await listing).paths.get(id);
  };
  app.get('/files/*', async (c) => {
    const path = await find(nameAfter(c.req.path, '/files/'));
    if (path === undefined) return c.text('There is no such file here.', 404);
    return sendFile(path, c.req.header('range'));
  });
  app.put('/files/*', async (c) => {
    const id = nameAfter(c.req.path, '/files/');
    const path = await find(id);
    if (path === undefined) return c.text('There is no such file here.', 404);
    // Only scripts of this page can send the header: a form cannot, and a stranger's script is not let through.
    if (c.req.header('x-filigree') !== 'save') return c.text('This is not how circuits are saved.', 403);
    if (Number(c.req.header('content-length') ?? Number.POSITIVE_INFINITY) > largestSave) {
      return c.text('The circuit is too large to be saved.', 413);
    }
    try {
      const circuit = readCircuit(JSON.parse(await c.req.text()), id);
      readCircuit(JSON.parse(await readFile(path, 'utf8')), id);
      await writeFileAtomic(path, circuitText(circuit));
      return c.json({ saved: id });
    } catch (error) {
      if (error instanceof InputError) return c.text(error.message, 422);
      if (error instanceof SyntaxError) return c.text(`${id} is not a circuit of ours, so it is not written to.`, 422);
      throw error;
    }
  });
  app.get('/*', async (c) => {
    const name = c.req.path === '/' ? 'index.html' : nameAfter(c.req.path, '/');
    if (name.split('/').some((part) => part === '..' || part === '')) return c.text('Not found.', 404);
    const body = await readFile(join(page, name)).catch(() => undefined);
    const type = types[extname(name)];
    if (!body || type === undefined) return c.text('Not found.', 404);
    // Files whose names carry their hash never change.
    if (name.startsWith('assets/')) c.header('Cache-Control', 'max-age=31536000, immutable');
    return c.body(new Uint8Array(body), 200, { 'Content-Type': type, 'Content-Security-Policy': policy });
  });
  return app;
}

/** Serves the explorer on this machine alone. */
export async function serveExplorer(
  roots: readonly string[],
  { port, isolated }: { port?: number; isolated?: boolean } = {},
): Promise<Served> {
  const page = await pageFolder();
  return serveApp((own) => exploreApp({ roots, page, port: own, isolated }), port);
}

function nameAfter(path: string, start: string): string {
  try {
    return decodeURIComponent(path.slice(start.length));
  } catch {
    return '';
  }
}

/** A file, or the part of it that is asked for; as data, whatever it holds. */
async function sendFile(path: string, range: string | undefined): Promise<Response> {
  const info = await stat(path).catch(() => undefined);
  if (!info?.isFile()) return new Response('The file is gone.', { status: 404 });
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
  const [first, last] = from === undefined ? [0, info.size - 1] : [Number(from), Math.min(Number(to), info.size - 1)];
  if (from !== undefined && first > last) return new Response('No such part.', { status: 416 });
  const file = await open(path, 'r');
  try {
    const data = new Uint8Array(last - first + 1);
    for (let done = 0; done < data.length; ) {
      const { bytesRead } = await file.read(data, done, data.length - done, first + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return new Response(data, {
      status: from === undefined ? 200 : 206,
      headers: {
        'Content-Type': 'application/octet-stream',
        ...(from === undefined ? {} : { 'Content-Range': `bytes ${first}-${last}/${info.size}` }),
      },
    });
  } finally {
    await file.close();
  }
}
