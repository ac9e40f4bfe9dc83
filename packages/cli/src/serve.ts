import { readFile } from 'node:fs/promises';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';

/** A page that is being served. */
export interface Served {
  readonly url: string;
  close(): Promise<void>;
}

/** What lets a page use shared memory, and keeps other pages away from this one. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-store',
};

/** Makes an app answer only pages of its own on `port`, with these methods, and send what shared memory needs. */
export function guard(app: Hono, port: number, methods: readonly string[] = ['GET', 'HEAD']): void {
  app.use('*', async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
  });
  app.use('*', async (c, next) => {
    // A stranger's page can point a name of its own at this machine, or make the browser ask from afar: neither is answered.
    const host = c.req.header('host') ?? '';
    const from = c.req.header('sec-fetch-site') ?? 'none';
    if (![`127.0.0.1:${port}`, `localhost:${port}`].includes(host) || !['none', 'same-origin'].includes(from)) {
      return c.text('This server answers only pages of its own.', 403);
    }
    if (!methods.includes(c.req.method)) return c.text('This server only shows a page.', 405);
    return next();
  });
}

/** The one page of a server on `port`, read anew for every request. */
export function pageApp(path: string, port: number): Hono {
  const app = new Hono();
  guard(app, port);
  app.get('/', async (c) => c.html(await readFile(path, 'utf8')));
  return app;
}

/** Serves an HTML file on this machine alone, at `first` or the next free of a hundred ports. */
export function servePage(path: string, first?: number): Promise<Served> {
  return serveApp((port) => pageApp(path, port), first);
}

/** Serves an app on this machine alone, at `first` or the next free of a hundred ports. */
export async function serveApp(appFor: (port: number) => Hono, first = 4173): Promise<Served> {
  for (let port = first; port < first + 100; port++) {
    const server = createAdaptorServer({ fetch: appFor(port).fetch });
    const free = await new Promise<boolean>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
      );
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    return {
      url: `http://127.0.0.1:${port}/`,
      close: () =>
        new Promise((resolve) => {
          server.close(() => resolve());
          if ('closeAllConnections' in server) server.closeAllConnections();
        }),
    };
  }
  throw new Error(`no port from ${first} to ${first + 99} is free`);
}
