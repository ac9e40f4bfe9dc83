import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Circuit, logProbability, type ProbabilisticCircuit, readCircuit, readJpc } from 'filigree';
import { openModel } from 'filigree/node';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { serveExplorer } from '../packages/cli/src/explore/server.js';
import type { Served } from '../packages/cli/src/serve.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const examples = `${root}packages/explorer/public/examples`;
const program = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const built = existsSync(`${root}packages/explorer/dist/page/index.html`);
const there = existsSync(program) && built;
if (!there)
  console.log(`explorer: skipped, ${built ? `no Chromium at ${program}` : 'the page is not built (npm run build)'}`);
/** Where pictures of every view are written, one each; not in an ordinary run. */
const pictures = process.env['PICTURES'];

/** The edges that an example keeps, by name. */
function keptEdges(name: string): Set<string> {
  const { nodes, edges } = readCircuit(JSON.parse(readFileSync(`${examples}/${name}.circuit.json`, 'utf8')), name);
  const names = edges.source.map((s, e) => `${nodes.id[s]}->${nodes.id[edges.target[e]]}${edges.port?.[e] ?? ''}`);
  return new Set(names.filter((_, e) => edges.kept[e]));
}

/** Moves the mouse to a point where the line of an edge lies on top. */
async function hoverEdge(page: Page): Promise<void> {
  const point = await page.evaluate(`(() => {
    for (const line of document.querySelectorAll('.graph .edge:not(.off)')) {
      for (let share = 0.1; share < 1; share += 0.1) {
        const at = line.getPointAtLength(share * line.getTotalLength()).matrixTransform(line.getScreenCTM());
        if (document.elementFromPoint(at.x, at.y)?.classList.contains('edge')) return [at.x, at.y];
      }
    }
  })()`);
  await page.mouse.move(...(point as [number, number]));
}

describe.skipIf(!there)('the explorer', () => {
  let browser: Browser;
  let served: Served;
  let alone: Served;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'filigree-explorer-'));
    mkdirSync(join(folder, 'models'));
    cpSync(`${root}models/mix4`, join(folder, 'models', 'mix4'), { recursive: true });
    cpSync(`${examples}/pronoun.circuit.json`, join(folder, 'mine.circuit.json'));
    writeFileSync(join(folder, 'broken.json'), '{"format":"filigree-circuit","version":1}');
    served = await serveExplorer([folder], { port: 4700 });
    alone = await serveExplorer([folder], { port: 4700, isolated: false });
    browser = await chromium.launch({
      executablePath: program,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  });

  afterAll(async () => {
    await browser?.close();
    await served?.close();
    await alone?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  interface View {
    readonly width?: number;
    readonly colorScheme?: 'light' | 'dark';
    readonly base?: string;
  }

  /** Opens a place of the page, and fails on any error of the console, any dialog, and any request that leaves the server. */
  async function visit(place: string, use: (page: Page) => Promise<void>, view: View = {}): Promise<void> {
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
  }

  const mine = () => `circuit/${encodeURIComponent(`${folder.slice(1)}/mine.circuit.json`)}`;
  const pronoun = 'circuit/examples%2Fpronoun.circuit.json';
  const edges = async (page: Page) => Number(await page.locator('.drawing-panel .graph').getAttribute('data-edges'));
  const shown = (page: Page, n: number) => page.waitForSelector(`.drawing-panel .graph[data-edges="${n}"]`);
  const answered = (page: Page) => page.waitForSelector('.answer.strong .difference b');
  const difference = async (page: Page, column: number) =>
    Number((await page.locator('.answer .difference b').nth(column).textContent())?.replace('\u2212', '-'));
  /** Waits until an expression is true. Not waitForFunction, which the page's own policy forbids. */
  const until = (page: Page, expression: string) =>
    vi.waitUntil(() => page.evaluate(expression), { timeout: 30_000, interval: 50 });
  const overflow = (page: Page) => page.evaluate('document.documentElement.scrollWidth');
  async function picture(page: Page, name: string): Promise<void> {
    if (pictures) await page.screenshot({ path: join(pictures, `explorer-${name}.png`) });
  }

  /** Asks a worker of the page's own script, as the page does. */
  const inWorker = async (page: Page, calls: [call: string, ask: unknown][]): Promise<unknown[]> => {
    const url = (await page.evaluate(
      `performance.getEntriesByType('resource').map((e) => e.name).find((name) => name.includes('/worker-'))`,
    )) as string;
    return page.evaluate(
      async ([address, list]) => {
        const worker = new Worker(address as string, { type: 'module' });
        const got: unknown[] = [];
        for (const [id, [call, ask]] of (list as [string, unknown][]).entries()) {
          got.push(
            await new Promise((resolve, reject) => {
              worker.onmessage = ({ data }) => {
                if (data.kind === 'done') {
                  const { logits } = data.got as { logits?: Float32Array };
                  resolve(logits ? Array.from(logits) : data.got);
                } else if (data.kind === 'failed') reject(new Error(data.message));
              };
              worker.postMessage({ kind: 'call', id, call, ask });
            }),
          );
        }
        worker.terminate();
        return got;
      },
      [url, calls] as const,
    );
  };

  it.each([
    ['with threads', true],
    ['on one thread where the page is not isolated', false],
  ])('computes the same logits as Node %s', async (_, isolated) => {
    const text = 'One day, Lily went to the park.';
    const { model, tokenizer } = await openModel(`${root}models/mix4`);
    const ids = tokenizer!.encode(text);
    const run = model.run([ids], { at: [ids.length - 1] });
    const expected = Array.from((await run.logits.data()) as Float32Array);
    model.dispose();
    const base = (isolated ? served : alone).url;
    await visit(
      '',
      async (page) => {
        await page.waitForSelector('.items li');
        expect(await page.evaluate('crossOriginIsolated')).toBe(isolated);
        const { items } = (await page.evaluate(`fetch('api/items').then((a) => a.json())`)) as {
          items: { id: string; kind: string; files: unknown }[];
        };
        const item = items.find(({ kind }) => kind === 'model')!;
        const source = { kind: 'served', base: `${base}files/${item.id}/`, files: item.files };
        const [facts, logits] = (await inWorker(page, [
          ['openModel', { key: 'm', name: 'mix4', source }],
          ['logits', { model: 'm', text }],
        ])) as [{ threads: number; hash: string }, number[]];
        if (!isolated) expect(facts.threads).toBe(1);
        expect(logits).toHaveLength(expected.length);
        for (const [i, value] of logits.entries()) expect(Math.abs(value - expected[i])).toBeLessThan(1e-5);
      },
      { base },
    );
  });

  it('lists what is here, and begins a tour', async () => {
    await visit('', async (page) => {
      await page.waitForSelector('.items li');
      expect(await page.locator('.items').nth(0).textContent()).toContain('mine.circuit.json');
      expect(await page.locator('.home').textContent()).toContain('llama, 4 layers of 4 heads');
      expect(await page.locator('.home').textContent()).toContain('12,000 steps');
      expect(await page.locator('.home').textContent()).not.toContain('broken.json');
      expect(await page.locator('.tour li').count()).toBe(3);
      await picture(page, 'home');
      await page.locator('.tour a').first().click();
      await shown(page, 15);
      await page.goto(`${served.url}#/`);
      await page.locator('.items a', { hasText: 'training of mix4' }).click();
      await page.waitForSelector('.run-view .series .line');
      expect(await page.locator('h1').textContent()).toContain('12,000 steps');
      await picture(page, 'run');
    });
  });

  it('adds and removes edges in rank order, with the marker moving', async () => {
    await visit(pronoun, async (page) => {
      await shown(page, 15);
      await answered(page);
      await page.waitForSelector('.verdict .scale');
      await picture(page, 'circuit');
      expect(await page.locator('h1').textContent()).toMatch(/^15 of 479 edges carry 9\d\u00a0% of the difference\.$/);
      const marker = () => page.locator('.marker').getAttribute('transform');
      const before = await marker();
      await page.locator('#size').focus();
      await page.keyboard.press('End');
      await shown(page, 479);
      expect(await marker()).not.toBe(before);
      expect(await page.locator('.edge-list .rank').first().textContent()).toBe('1');
      await page.keyboard.press('Home');
      await shown(page, 0);
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      await shown(page, 2);
      expect(await page.locator('.graph .edge:not(.off)').count()).toBe(2);
      await page.locator('#threshold').focus();
      await page.keyboard.press('Home');
      await until(page, `Number(document.querySelector('.graph').dataset.edges) > 400`);
      await page.getByRole('button', { name: 'As in the file' }).click();
      await shown(page, 15);
      await page.getByRole('button', { name: 'Undo' }).click();
      expect(await edges(page)).toBeGreaterThan(400);
      await page.getByRole('button', { name: 'Redo' }).click();
      await shown(page, 15);
      await hoverEdge(page);
      expect(await page.locator('.tip').textContent()).toMatch(/\u2192 .*: \u2212?[\d.]+ \u00b7 rank \d+/);
    });
  });

  it('opens a node, switches it off, and measures what that does', async () => {
    await visit(pronoun, async (page) => {
      await answered(page);
      await page.waitForSelector('.verdict .scale');
      await page.getByRole('searchbox').fill('a2.h3');
      await page.keyboard.press('Enter');
      await page.waitForSelector('.node-panel .attention .cell');
      expect(await page.locator('.node-panel .coloured').count()).toBeGreaterThan(3);
      expect(await page.locator('.effect').textContent()).toMatch(/takes the metric from 6\.\d+ to /);
      await picture(page, 'node');
      const whole = await page.locator('.verdict .scale b').textContent();
      await page.getByRole('button', { name: 'Switch off' }).click();
      await until(page, `document.querySelector('.verdict .scale b')?.textContent !== ${JSON.stringify(whole)}`);
      // Without its head that moves the name, the circuit can hardly tell the two prompts apart.
      expect(Number(await page.locator('.verdict .scale b').textContent())).toBeLessThan(0.2);
      await page.keyboard.press('Escape');
      await page.locator('[data-node="5"]').focus();
      await page.keyboard.press('Enter');
      await page.waitForSelector('.node-panel .neurons li');
    });
  });

  it('answers as the prompts are typed, and under another ablation', async () => {
    await visit(pronoun, async (page) => {
      await answered(page);
      const [whole, own, other] = [await difference(page, 0), await difference(page, 1), await difference(page, 2)];
      expect(whole).toBeGreaterThan(4);
      expect(own).toBeGreaterThan(3);
      expect(other).toBeLessThan(-4);
      const prompts = page.locator('.prompts textarea');
      await prompts.nth(0).fill('One day, Tim went to the park.');
      await prompts.nth(1).fill('One day, Lily went to the park.');
      await until(page, `document.querySelector('.answer .difference b').textContent.startsWith('\u2212')`);
      expect(await difference(page, 0)).toBeCloseTo(other, 2);
      await prompts.nth(1).fill('Lily');
      await until(page, `document.querySelector('.ask').textContent.includes('cannot be run on these')`);
      await page.locator('.verdict select').first().selectOption('zero');
      await until(page, `!['0.97', undefined].includes(document.querySelector('.verdict .scale b')?.textContent)`);
    });
  });

  it('finds a circuit by another method, puts the two side by side, and can be stopped', async () => {
    await visit(pronoun, async (page) => {
      await answered(page);
      const method = page.locator('.discover select').first();
      await method.selectOption('exact');
      await page.locator('.discover input[type=number]').first().fill('400');
      await page.getByRole('button', { name: 'Find the circuit' }).click();
      await page.locator('.job button').click();
      await until(page, `document.querySelector('.notice')?.textContent.startsWith('Cancelled')`);
      await method.selectOption('eap');
      await page.locator('.discover input[type=number]').first().fill('10');
      await page.getByRole('button', { name: 'Find the circuit' }).click();
      await page.waitForSelector('.compare-view .graph .edge', { state: 'attached' });
      expect(await page.locator('h1').textContent()).toMatch(/They share \d+ of \d+ edges/);
    });
    await visit('compare/examples%2Fpronoun.circuit.json/examples%2Fquote.circuit.json', async (page) => {
      await page.waitForSelector('.compare-view .graph .edge', { state: 'attached' });
      const [a, b] = ['pronoun', 'quote'].map(keptEdges);
      const shared = [...a].filter((edge) => b.has(edge)).length;
      const all = a.size + b.size - shared;
      expect(await page.locator('h1').textContent()).toBe(`They share ${shared} of ${all} edges.`);
      expect(await edges(page)).toBe(all);
      await page.locator('.parts input').nth(0).uncheck();
      await shown(page, all - shared);
      expect(await page.locator('.series .line').count()).toBe(2);
      await page.locator('.parts input').nth(0).check();
      await picture(page, 'compare');
    });
  });

  it('asks a distribution: marginals, the likeliest state, samples', async () => {
    const circuit: ProbabilisticCircuit = readJpc(readFileSync(`${examples}/garden.jpc`, 'utf8'), 'garden.jpc');
    await visit('distribution/examples%2Fgarden.jpc', async (page) => {
      await page.waitForSelector('.distribution-view .graph .edge', { state: 'attached' });
      const chance = async (variable: number) => {
        const label = await page.locator('.variable').nth(variable).locator('button').nth(1).getAttribute('aria-label');
        return Number(/probability (\d+)/.exec(label ?? '')?.[1]) / 100;
      };
      const expected = (variable: number, evidence: Map<number, number>) =>
        Math.exp(logProbability(circuit, new Map([[variable, 1]]), evidence));
      expect(await chance(1)).toBeCloseTo(expected(1, new Map()), 1.9);
      await page.getByRole('button', { name: /^snails about is 1/ }).click();
      await until(page, `document.querySelector('h1').textContent.includes('has probability')`);
      const snails = new Map([[4, 1]]);
      for (const v of [0, 1, 2, 3, 5])
        expect(Math.abs((await chance(v)) - expected(v, snails))).toBeLessThanOrEqual(0.0051);
      expect(Number(await page.locator('h1 em').textContent())).toBeCloseTo(
        Math.exp(logProbability(circuit, snails)),
        3,
      );
      const states = await page.locator('.state').allTextContents();
      for (const state of states) expect(state[4]).toBe('1');
      expect(await page.evaluate('location.hash')).toContain('e=5%3D1');
      await picture(page, 'distribution');
    });
  });

  it('keeps groups and notes in the file, and comes back from its address', async () => {
    let address = '';
    await visit(mine(), async (page) => {
      await answered(page);
      await page.locator('[data-node="5"]').click();
      await page.locator('.words input').fill('names');
      await page.keyboard.press('Enter');
      await page.locator('.words textarea').fill('moves the name');
      await page.locator('.node-panel .edge-list input:checked').first().uncheck();
      await page.waitForSelector('.summary .groups li');
      await shown(page, 14);
      await page.waitForTimeout(400);
      address = (await page.evaluate('location.hash')) as string;
    });
    await visit(address.slice(2), async (page) => {
      await shown(page, 14);
      expect(await page.locator('.summary .groups').textContent()).toContain('moves the name');
      await page.waitForSelector('.node-panel');
      await page.getByRole('button', { name: 'Save' }).click();
      await until(page, `document.querySelector('.notice')?.textContent.startsWith('Saved into')`);
    });
    const file = join(folder, 'mine.circuit.json');
    const original = readCircuit(JSON.parse(readFileSync(`${examples}/pronoun.circuit.json`, 'utf8')), 'pronoun');
    const saved: Circuit = readCircuit(JSON.parse(readFileSync(file, 'utf8')), file);
    expect(saved.annotations).toEqual({
      supernodes: [{ name: 'names', nodes: [5] }],
      notes: [{ node: 5, text: 'moves the name' }],
    });
    expect(saved.edges.kept.filter(Boolean)).toHaveLength(14);
    expect(saved.provenance.options).toMatchObject({ size: 14, edited: true });
    // What was measured of all fifteen edges is not said of the fourteen.
    expect(saved.provenance.metrics['interval']).toBeUndefined();
    expect(saved.provenance.metrics['faithfulness']).not.toBe(original.provenance.metrics['faithfulness']);
  });

  it('writes pictures and files, and opens attribution graphs with positions', async () => {
    const contents = new Map<string, Buffer>();
    await visit(pronoun, async (page) => {
      await answered(page);
      for (const format of ['svg', 'png', 'circuit', 'graph']) {
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.locator('select[aria-label=Export]').selectOption(format),
        ]);
        contents.set(download.suggestedFilename(), readFileSync(await download.path()));
      }
    });
    expect([...contents.keys()]).toEqual(['pronoun.svg', 'pronoun.png', 'pronoun.circuit.json', 'pronoun.graph.json']);
    expect(contents.get('pronoun.svg')!.toString()).toMatch(/^<svg /);
    expect(contents.get('pronoun.png')!.subarray(1, 4).toString()).toBe('PNG');
    const graph = JSON.parse(contents.get('pronoun.graph.json')!.toString()) as {
      metadata: { prompt_tokens: string[] };
      nodes: { clerp: string }[];
    };
    expect(graph.metadata.prompt_tokens.join('')).toContain('Lily');
    expect(graph.nodes.at(-1)!.clerp).toMatch(/^Output " She" \(p=0\.\d{3}\)$/);
    await visit('', async (page) => {
      const give = (name: string, text: string | Buffer) =>
        page
          .locator('input[type=file]')
          .first()
          .setInputFiles({ name, mimeType: 'application/json', buffer: Buffer.from(text) });
      await give('back.graph.json', contents.get('pronoun.graph.json')!);
      await shown(page, 15);
      await give('theirs.json', JSON.stringify(theirs));
      await page.waitForSelector('.graph .columns text');
      expect(await page.locator('.graph .columns text').allTextContents()).toEqual(['The', 'cat']);
      await picture(page, 'positions');
      await give('no.circuit.json', 'not JSON');
      await until(
        page,
        `document.querySelector('.problem')?.textContent.includes('no.circuit.json is not valid JSON')`,
      );
      await give('model.safetensors', 'x');
      await until(
        page,
        `document.querySelector('.problem')?.textContent.includes('not something that this page shows')`,
      );
    });
    await visit('circuit/gone.json', async (page) => {
      await page.waitForSelector('.problem');
      expect(await page.locator('.problem').textContent()).toContain('There is no gone.json here');
    });
  });

  it.each([360, 800])('fits into %i px, in light and dark', async (width) => {
    const places = [
      ['', '.items li'],
      [`${pronoun}?node=10`, '.node-panel .neurons li'],
      ['distribution/examples%2Fgarden.jpc?e=5=1', '.graph .edge'],
      ['compare/examples%2Fpronoun.circuit.json/examples%2Fquote.circuit.json', '.graph .edge'],
    ] as const;
    for (const [place, ready] of width === 360 ? places : places.slice(1, 2)) {
      const colorScheme = width === 360 ? 'dark' : 'light';
      await visit(
        place,
        async (page) => {
          await page.waitForSelector(ready, { state: 'attached' });
          expect(await overflow(page), place).toBeLessThanOrEqual(width);
        },
        { width, colorScheme },
      );
    }
  });
});

/** An attribution graph as circuit-tracer writes them. */
const theirs = {
  metadata: {
    slug: 's',
    scan: 'gemma',
    transcoder_list: [],
    prompt_tokens: ['The', ' cat'],
    prompt: 'The cat',
    node_threshold: 0.8,
  },
  qParams: { pinnedIds: [], supernodes: [], linkType: 'both', clickedId: '', sg_pos: '' },
  nodes: [
    {
      node_id: 'E_5_0',
      feature: 5,
      layer: 'E',
      ctx_idx: 0,
      feature_type: 'embedding',
      jsNodeId: 'E_5-0',
      clerp: 'Emb: "The"',
    },
    {
      node_id: 'E_6_1',
      feature: 6,
      layer: 'E',
      ctx_idx: 1,
      feature_type: 'embedding',
      jsNodeId: 'E_6-1',
      clerp: 'Emb: " cat"',
    },
    {
      node_id: '0_7_0',
      feature: 7,
      layer: '0',
      ctx_idx: 0,
      feature_type: 'cross layer transcoder',
      jsNodeId: '0_7-0',
      clerp: 'articles',
      activation: 2.5,
    },
    {
      node_id: '3_9_1',
      feature: 9,
      layer: '3',
      ctx_idx: 1,
      feature_type: 'cross layer transcoder',
      jsNodeId: '3_9-0',
      clerp: 'animals',
      activation: 1.5,
    },
    {
      node_id: '27_9_1',
      feature: 9,
      layer: '27',
      ctx_idx: 1,
      feature_type: 'logit',
      jsNodeId: 'L_9-1',
      clerp: 'Output " sat" (p=0.4)',
      token_prob: 0.4,
    },
  ],
  links: [
    { source: 'E_5_0', target: '0_7_0', weight: 1.5 },
    { source: '0_7_0', target: '3_9_1', weight: 0.5 },
    { source: 'E_6_1', target: '3_9_1', weight: 2 },
    { source: '3_9_1', target: '27_9_1', weight: 1.2 },
    { source: 'E_6_1', target: '27_9_1', weight: -0.3 },
  ],
};
