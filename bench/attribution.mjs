import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eapIg, loadTransformer, openCheckpoint, readPairs } from '../packages/filigree/dist/index.js';
import { openModelFiles, startEngine } from '../packages/filigree/dist/node/index.js';
import { bestTime } from './timing.mjs';

const STEPS = 5;
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const python = process.env.PYTHON ?? '/usr/bin/python3';
const rounded = (x) => Number(x.toPrecision(4));

/** PyTorch's seconds by variant (see the script), or undefined and a note. */
function torch(folder, pairs, threads, note) {
  const script = path('./peers/attribution_bench.py');
  const args = [script, folder, pairs, '--threads', String(threads), '--steps', String(STEPS)];
  const run = spawnSync(python, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  if (run.status === 0) return JSON.parse(String(run.stdout)).variants;
  note('PyTorch: left out, needs Python with torch (Debian: python3-torch, libopenblas0-pthread; or set PYTHON)');
  return undefined;
}

/** EAP-IG of all edges, from token ids to scores: ours beside vectorised PyTorch, on one thread and on two. */
export async function run(note) {
  const folder = mkdtempSync(join(tmpdir(), 'filigree-bench-'));
  const rows = [];
  try {
    const cases = [];
    const make = spawnSync(python, [path('./peers/make_tiny.py'), '--llama', folder], { stdio: 'ignore' });
    if (make.status === 0) cases.push(['6 layers, 8 heads, width 256', folder, join(folder, 'pairs.jsonl')]);
    const stories = join(process.env.FILIGREE_SHARED ?? path('../../shared'), 'models/stories260K');
    if (existsSync(stories)) {
      cases.push(['stories260K', stories, path('../fixtures/expected/stories260K-pairs.jsonl')]);
    } else {
      note(`stories260K: left out, there is no ${stories}`);
    }
    for (const [name, model, file] of cases) {
      for (const threads of [1, 2]) {
        startEngine({ threads });
        const transformer = await loadTransformer(await openCheckpoint(await openModelFiles(model)));
        const { vocabulary, context } = transformer.config;
        const pairs = readPairs(readFileSync(file, 'utf8'), { file, vocabulary, context });
        const ours = await bestTime(() => eapIg(transformer, pairs, { steps: STEPS }), 3000);
        transformer.dispose();
        const variants = torch(model, file, threads, note);
        const peers = {};
        for (const [variant, times] of Object.entries(variants ?? {}))
          peers[`torch ${variant}`] = rounded(times.fastest * 1000);
        const best = Math.min(
          ...Object.entries(variants ?? {})
            .filter(([v]) => v.startsWith('split'))
            .map(([, t]) => t.fastest),
        );
        rows.push({
          what: `EAP-IG, ${STEPS} steps, ${pairs.length} pairs, ${name}, ${threads} thread${threads > 1 ? 's' : ''}`,
          ours: rounded(ours * 1000),
          peers,
          unit: 'ms',
          // How many times faster than PyTorch with split q, k, v inputs.
          ratio: Number.isFinite(best) ? rounded(best / ours) : null,
        });
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return rows;
}
