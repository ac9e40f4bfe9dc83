import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Circuit, circuitText, readCircuit } from 'filigree';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { serveExplorer } from '../packages/cli/src/explore/server.js';
import type { Served } from '../packages/cli/src/serve.js';
import { hasChromium, noChromium, startChromium } from './chromium.js';
import { root } from './command.js';

export const examples = join(root, 'packages/explorer/public/examples');
const built = existsSync(join(root, 'packages/explorer/dist/page/index.html'));
export const there = hasChromium && built;
if (!there) console.log(`explorer: skipped, ${built ? noChromium : 'the page is not built (npm run build)'}`);
/** Where pictures of every view are written, one each; not in an ordinary run. */
const pictures = process.env['PICTURES'];

/** A circuit that comes with the page. */
export const example = (name: string): Circuit =>
  readCircuit(JSON.parse(readFileSync(join(examples, `${name}.circuit.json`), 'utf8')), name);

export interface View {
  readonly width?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly base?: string;
}

/** What a test has: a served folder with a model and a circuit of it, and a way to visit the page. */
export interface Explorer {
  readonly folder: () => string;
  readonly url: () => string;
  /** The same without isolation headers. */
  readonly alone: () => string;
  /** The address of a file of the folder. */
  readonly place: (file: string) => string;
  /** Opens a place of the page, and fails on any error of the console, any dialog, and any request that leaves the server. */
  readonly visit: (place: string, use: (page: Page) => Promise<void>, view?: View) => Promise<void>;
}

/** Serves the page over a folder of its own, with these circuits in it too, for the tests of a file. */
export function useExplorer(circuits: () => Promise<Readonly<Record<string, Circuit>>> = async () => ({})): Explorer {
  let browser: Browser;
  let served: Served;
  let alone: Served;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'filigree-explorer-'));
    mkdirSync(join(folder, 'models'));
    cpSync(join(root, 'models/mix4'), join(folder, 'models', 'mix4'), { recursive: true });
    cpSync(join(examples, 'pronoun.circuit.json'), join(folder, 'mine.circuit.json'));
    writeFileSync(join(folder, 'broken.json'), '{"format":"filigree-circuit","version":1}');
    for (const [name, circuit] of Object.entries(await circuits()))
      writeFileSync(join(folder, name), circuitText(circuit));
    served = await serveExplorer([folder], { port: 4700 });
    alone = await serveExplorer([folder], { port: 4700, isolated: false });
    browser = await startChromium();
  });

  afterAll(async () => {
    await browser?.close();
    await served?.close();
    await alone?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  return {
    folder: () => folder,
    url: () => served.url,
    alone: () => alone.url,
    place: (file) => encodeURIComponent(`${folder.slice(1)}/${file}`),
    async visit(place, use, view = {}) {
      const base = view.base ?? served.url;
      const context: BrowserContext = await browser.newContext({
        viewport: { width: view.width ?? 1440, height: 1000 },
        colorScheme: view.colorScheme ?? 'light',
        acceptDownloads: true,
      });
      const page = await context.newPage();
      const trouble: string[] = [];
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) trouble.push(message.text());
      });
      page.on('pageerror', (error) => trouble.push(error.message));
      page.on('dialog', (dialog) => trouble.push(dialog.message()));
      page.on('request', (request) => {
        if (!request.url().startsWith(base) && !/^(blob|data):/.test(request.url())) trouble.push(request.url());
      });
      try {
        await page.goto(`${base}#/${place}`);
        await use(page);
        expect(trouble).toEqual([]);
      } finally {
        await context.close();
      }
    },
  };
}

export const pronoun = 'circuit/examples%2Fpronoun.circuit.json';
export const edges = async (page: Page): Promise<number> =>
  Number(await page.locator('.drawing-panel .graph').getAttribute('data-edges'));
export const shown = (page: Page, n: number): Promise<unknown> =>
  page.waitForSelector(`.drawing-panel .graph[data-edges="${n}"]`);
export const answered = (page: Page): Promise<unknown> => page.waitForSelector('.answer.strong .difference b');
/** Waits until an expression is true. Not waitForFunction, which the page's own policy forbids. */
export const until = (page: Page, expression: string): Promise<unknown> =>
  vi.waitUntil(() => page.evaluate(expression), { timeout: 30_000, interval: 50 });
/** Gives the page a file, as if it were chosen. */
export const give = (page: Page, name: string, text: string | Buffer): Promise<void> =>
  page
    .locator('input[type=file]')
    .first()
    .setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) });
export async function picture(page: Page, name: string): Promise<void> {
  if (pictures) await page.screenshot({ path: join(pictures, `explorer-${name}.png`) });
}
