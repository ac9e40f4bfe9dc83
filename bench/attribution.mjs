import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eapIg, loadTransformer, openCheckpoint, readPairs } from '../packages/filigree/dist/index.js';
import { openModelFiles, startEngine } from '../packages/filigree/dist/node/index.js';
import { bestTime } from './timing.mjs';

const STEPS = 5;
/** Ours and PyTorch take turns: calls of ours, then repeats of each of its variants, so many times. */
const ROUNDS = 2;
const CALLS = 3;
const path = (name) => fileURLToPath(new URL(name, import.meta.url));
const python = process.env.PYTHON ?? '/usr/bin/python3';
const rounded = (x) => Number(x.toPrecision(4));

/** The middle one; of an even number, the lower of the two. */
const median = (values) => [...values].sort((a, b) => a - b)[(values.length - 1) >> 1];

/** PyTorch's seconds by variant (see the script), or undefined and a note. */
function torch(folder, pairs, threads, note) {
  const script = path('./peers/attribution_bench.py');
  const args = [script, folder, pairs, '--threads', threads, '--steps', STEPS, '--repeats', CALLS].map(String);
  const run = spawnSync(python, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  if (run.status === 0) return JSON.parse(String(run.stdout)).variants;
  note('PyTorch: left out, needs Python with torch (Debian: python3-torch, libopenblas0-pthread; or set PYTHON)');
  return undefined;
}

/** EAP-IG of all edges, from token ids to scores: ours beside vectorised PyTorch, on one thread and on two; medians. */
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
        const work = () => eapIg(transformer, pairs, { steps: STEPS });
        // Until the optimised tier runs.
        await bestTime(work, 0);
        const times = [];
        const theirs = {};
        for (let round = 0; round < ROUNDS; round++) {
          note(`${name}, ${threads} thread${threads > 1 ? 's' : ''}, round ${round + 1} of ${ROUNDS}`);
          for (let call = 0; call < CALLS; call++) {
            const start = performance.now();
            await work();
            times.push(performance.now() - start);
          }
          const variants = torch(model, file, threads, note);
          if (!variants) break;
          for (const [name, { median: seconds }] of Object.entries(variants)) {
            theirs[name] = [...(theirs[name] ?? []), 1000 * seconds];
          }
        }
        transformer.dispose();
        const ours = median(times);
        const peers = Object.fromEntries(Object.entries(theirs).map(([name, list]) => [name, median(list)]));
        const split = Object.keys(peers).filter((name) => name.startsWith('split'));
        const best = Math.min(...split.map((name) => peers[name]));
        rows.push({
          what: `EAP-IG, ${STEPS} steps, ${pairs.length} pairs, ${name}, ${threads} thread${threads > 1 ? 's' : ''}`,
          ours: rounded(ours),
          peers: Object.fromEntries(Object.entries(peers).map(([name, ms]) => [`torch ${name}`, rounded(ms)])),
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
