/**
 * The explorer in a browser: script and layout per frame while 5,000 edges are dragged (the size slider, and the drawing itself), and the
 * first paint from the local server. Figures come from the browser's own trace of the page's main thread.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const program = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const layers = 12;
const heads = 12;
/** Edges that are laid out and dragged. */
const dragged = 5000;
const frames = 120;

/** What counts as script and layout in a trace. */
const counted = new Set([
  'FunctionCall',
  'EvaluateScript',
  'EventDispatch',
  'FireAnimationFrame',
  'TimerFire',
  'Layout',
  'UpdateLayoutTree',
  'RunMicrotasks',
  'v8.callFunction',
]);

/** Numbers in 0..1 (mulberry32). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** All 32,491 edges of a transformer of 12 layers of 12 heads, with made-up scores, a few large and most small. */
async function circuitText(kept) {
  const { EdgeGraph, circuitText: text, selectTop, toCircuit } = await import('../packages/filigree/dist/index.js');
  const graph = new EdgeGraph({ layers, heads, mlpWidth: 3072, parallel: false, width: 768 });
  const random = generator(1);
  const scores = new Float64Array(graph.tableSize);
  for (const place of graph.places()) scores[place] = (random() < 0.8 ? -1 : 0.5) * random() ** 8;
  return text(
    toCircuit(graph, selectTop(graph, scores, kept), scores, {
      model: 'made-up',
      modelHash: '',
      task: 'none',
      method: 'made-up',
      options: {},
      seed: 1,
      metrics: {},
      made: '2025-01-01T00:00:00Z',
    }),
  );
}

export async function run(note) {
  if (!existsSync(program)) {
    note(`explorer is left out: no Chromium at ${program} (set CHROMIUM)`);
    return [];
  }
  for (const args of [
    ['node_modules/typescript/bin/tsc', '-b'],
    ['node_modules/vite/bin/vite.js', 'build', 'packages/explorer', '--logLevel', 'error'],
  ]) {
    if (spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0)
      throw new Error('the page does not build');
  }
  const { serveExplorer } = await import('../packages/cli/dist/explore/server.js');
  const { chromium } = await import('playwright-core');
  const folder = mkdtempSync(join(tmpdir(), 'filigree-bench-'));
  const file = join(folder, 'large.circuit.json');
  writeFileSync(file, await circuitText(dragged));
  const served = await serveExplorer([folder]);
  const browser = await chromium.launch({
    executablePath: program,
    args: [
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--enable-unsafe-swiftshader',
      '--use-angle=swiftshader',
    ],
  });
  const rows = [];
  const row = (what, ours, limit, unit) =>
    rows.push({
      what,
      ours,
      peers: limit === undefined ? {} : { 'at most': limit },
      unit,
      ratio: limit === undefined ? null : Number((limit / ours).toFixed(2)),
    });
  try {
    const paints = [];
    for (let i = 0; i < 3; i++) {
      const page = await browser.newPage();
      await page.goto(served.url);
      await page.waitForSelector('.tour');
      // The list may stand before the frame that shows it is reported.
      const paint = () =>
        new Promise((resolve) => {
          const observer = new PerformanceObserver((list) => {
            const [entry] = list.getEntriesByName('first-contentful-paint');
            if (entry) resolve(entry.startTime);
          });
          observer.observe({ type: 'paint', buffered: true });
        });
      paints.push(await page.evaluate(paint));
      await page.close();
    }
    row(
      'explorer: first contentful paint from the local server, median of 3',
      Math.round(paints.sort((a, b) => a - b)[Math.floor(paints.length / 2)]),
      2000,
      'ms',
    );

    const page = await browser.newPage({ viewport: { width: 1440, height: 1000 } });
    const opened = Date.now();
    await page.goto(`${served.url}#/circuit/${encodeURIComponent(file.slice(1))}`);
    await page.waitForSelector(`.graph[data-edges="${dragged}"]`, { timeout: 120_000 });
    row(`explorer: ${dragged} of 32,491 edges read, laid out and drawn`, Date.now() - opened, undefined, 'ms');
    await page.waitForTimeout(1500);
    const graph = await page.locator('.graph').boundingBox();
    const slider = await page.locator('#size').boundingBox();
    const drags = {
      'the size slider between 1,000 and 5,000 edges': async () => {
        // The logarithmic slider has 5,000 of 32,491 edges at four fifths of its length.
        const at = (share) => slider.x + 8 + share * (slider.width - 16);
        await page.mouse.move(at(0.82), slider.y + slider.height / 2);
        await page.mouse.down();
        for (let i = 0; i < frames; i++)
          await page.mouse.move(at(0.745 + 0.075 * Math.cos(i / 9)), slider.y + slider.height / 2);
        await page.mouse.up();
      },
      'the drawing of 5,000 edges': async () => {
        const [x, y] = [graph.x + 40, graph.y + graph.height - 60];
        await page.mouse.move(x, y);
        await page.mouse.down();
        for (let i = 0; i < frames; i++)
          await page.mouse.move(x + 150 + 140 * Math.sin(i / 9), y - 120 + 100 * Math.cos(i / 7));
        await page.mouse.up();
      },
    };
    for (const [what, drag] of Object.entries(drags)) {
      // The first drag warms up: the page's code is then compiled.
      await drag();
      const { busy, rate } = await traced(browser, page, drag);
      const at = (share) => Number(busy[Math.min(busy.length - 1, Math.floor(share * busy.length))].toFixed(2));
      const painter = await page.locator('.graph').getAttribute('data-painter');
      note(
        `dragging ${what}: ${busy.length} frames drawn by ${painter}, mean ${(busy.reduce((a, b) => a + b, 0) / busy.length).toFixed(2)} ms, longest ${at(1)} ms`,
      );
      row(`explorer: script and layout per frame, dragging ${what}, median`, at(0.5), 8, 'ms');
      row(`explorer: the same, 95th percentile`, at(0.95), 8, 'ms');
      row(`explorer: frames a second of it`, Number(rate.toFixed(1)), undefined, 'Hz');
    }
  } finally {
    await browser.close();
    await served.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return rows;
}

/**
 * Script and layout of each frame of the page's main thread while `work` is done, sorted; and frames a second. Time is the thread's own
 * where the trace has it, so that a busy machine does not count.
 */
async function traced(browser, page, work) {
  await browser.startTracing(page, {
    categories: [
      'devtools.timeline',
      'disabled-by-default-devtools.timeline',
      'disabled-by-default-devtools.timeline.frame',
      'blink',
      'cc',
    ],
  });
  await page.evaluate(() => performance.mark('drag-from'));
  await work();
  await page.evaluate(() => performance.mark('drag-to'));
  const { traceEvents: events } = JSON.parse((await browser.stopTracing()).toString());
  // The thread that animation frames fire on is the page's.
  const frameStarts = events.filter(({ name }) => name === 'FireAnimationFrame' || name === 'BeginMainThreadFrame');
  const threads = new Map();
  for (const { pid, tid } of events.filter(({ name }) => name === 'FireAnimationFrame'))
    threads.set(`${pid} ${tid}`, (threads.get(`${pid} ${tid}`) ?? 0) + 1);
  const [main] = [...threads].sort((a, b) => b[1] - a[1])[0] ?? ['none'];
  const own = events.filter(({ pid, tid }) => `${pid} ${tid}` === main);
  const starts = frameStarts
    .filter(({ name, pid, tid }) => name === 'BeginMainThreadFrame' && `${pid} ${tid}` === main)
    .map(({ ts }) => ts)
    .sort((a, b) => a - b);
  // Nested events count once: only the outermost of those that count.
  const tasks = own
    .filter(({ ph, name, dur }) => ph === 'X' && counted.has(name) && dur > 0)
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  const outer = [];
  let end = 0;
  for (const task of tasks) {
    if (task.ts < end) continue;
    end = task.ts + task.dur;
    outer.push(task);
  }
  const busy = starts.map((from, i) => {
    const to = starts[i + 1] ?? Number.POSITIVE_INFINITY;
    return outer
      .filter(({ ts }) => ts >= from && ts < to)
      .reduce((sum, { dur, tdur }) => sum + (tdur ?? dur) / 1000, 0);
  });
  const seconds = (starts.at(-1) - starts[0]) / 1e6;
  return { busy: busy.slice(0, -1).sort((a, b) => a - b), rate: (starts.length - 1) / seconds };
}
