import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as filigree from '../packages/filigree/dist/index.js';
import { createCpuDevice } from '../packages/filigree/dist/kernels/cpu/device.js';
import '../packages/filigree/dist/node/index.js';
import { LayeredEvaluator } from '../packages/filigree/dist/probabilistic/layered.js';

const { chowLiuTree, hclt, plantedTree, pruneEdges, sampleRows, scoreEdges, setDefaultDevice } = filigree;
const rounded = (x) => Number(x.toPrecision(4));
const variables = 69;
const batch = 512;

/** Seconds of one step in PyTorch, or undefined and a note. */
function torch(tree, latents, table, threads, note) {
  const folder = mkdtempSync(join(tmpdir(), 'filigree-bench-'));
  try {
    const structure = { parent: [...tree.parent], order: [...tree.order], latents, batch };
    writeFileSync(join(folder, 'structure.json'), JSON.stringify(structure));
    writeFileSync(join(folder, 'rows.bin'), Uint8Array.from(table.values.subarray(0, batch * variables)));
    const script = fileURLToPath(new URL('./peers/pc_bench.py', import.meta.url));
    const files = ['structure.json', 'rows.bin'].map((name) => join(folder, name));
    const run = spawnSync(process.env.PYTHON ?? '/usr/bin/python3', [script, ...files, '--threads', String(threads)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    if (run.status === 0) return JSON.parse(String(run.stdout));
    note('PyTorch: left out, needs Python with torch (Debian: python3-torch, libopenblas0-pthread; or set PYTHON)');
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The best time of one call, over some seconds. */
async function best(work, seconds) {
  let fastest = Number.POSITIVE_INFINITY;
  const start = performance.now();
  while (performance.now() - start < 1000 * seconds) {
    const from = performance.now();
    await work();
    fastest = Math.min(fastest, performance.now() - from);
  }
  return fastest / 1000;
}

/** Seconds of a whole EM step (flows of 512 rows and new weights), as `em` takes it, and the bytes it needs. */
async function stepOf(circuit, table, device, seconds = 2) {
  const layered = LayeredEvaluator.of(circuit, device);
  const cells = layered.cells(table);
  const time = await best(
    () => layered.step(cells, { start: 0, count: batch }, { step: 0.1, pseudocount: 0.05 }),
    seconds,
  );
  const { program, filled } = layers(layered);
  const bytes = 4 * program.parameters * 2 + 4 * (program.instructions.length + program.lists.length);
  const pass = 8 * (4 * program.tile * (2 * program.slots + program.scales) + 4 * program.parameters);
  layered.dispose();
  return { time, bytes, pass, filled };
}

const layers = (layered) => layered.layers;
const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(1);

/** An EM step of hidden Chow-Liu trees beside PyTorch, on one thread and on two; time and memory against edges after pruning. */
export async function run(note) {
  const load = loadavg()[0];
  if (load > 1) note(`the machine is busy (load ${load.toFixed(1)}): timings will be off`);
  const planted = plantedTree({ variables, latents: 8, values: 2, transitions: 0.3, emissions: 0.3, seed: 1 });
  const table = await sampleRows(planted, 2048, { seed: 1 });
  const tree = chowLiuTree(table, planted.states);
  const rows = [];
  for (const threads of [1, 2]) {
    const device = createCpuDevice({ threads });
    for (const latents of threads === 1 ? [16, 32, 64] : [32]) {
      const circuit = hclt(table, planted.states, { latents, tree, seed: 1 });
      const ours = await stepOf(circuit, table, device);
      const theirs = torch(tree, latents, table, threads, note);
      const again = await stepOf(circuit, table, device);
      const time = Math.min(ours.time, again.time);
      const rate = (seconds) => rounded(batch / seconds);
      rows.push({
        what: `EM of an HCLT, ${variables} variables, K = ${latents}, ${threads} thread${threads > 1 ? 's' : ''}, steps of ${batch} rows (${mebibytes(ours.bytes)} MiB, and ${mebibytes(ours.pass)} MiB in a pass)`,
        ours: rate(time),
        peers: theirs ? { 'torch matmul': rate(theirs.matmul), 'torch logsumexp': rate(theirs.logsumexp) } : {},
        unit: 'rows/s',
        ratio: theirs ? rounded(Math.min(theirs.matmul, theirs.logsumexp) / time) : null,
      });
    }
    device.dispose();
  }
  const device = createCpuDevice({ threads: 1 });
  setDefaultDevice(device);
  const dense = hclt(table, planted.states, { latents: 32, tree, seed: 1 });
  const scores = await scoreEdges(dense, 'flow', { table });
  const whole = await stepOf(dense, table, device);
  for (const block of [1, 8]) {
    for (const fraction of [0.5, 0.75, 0.9, 0.95]) {
      const { circuit } = pruneEdges(dense, scores, { fraction, block });
      const { time, bytes } = await stepOf(circuit, table, device, 1);
      rows.push({
        what: `EM step after pruning ${100 * fraction} % of the edges of K = 32, ${block === 1 ? 'single' : `tiles of ${block} x ${block}`} (${circuit.child.length} edges, ${mebibytes(bytes)} MiB)`,
        ours: rounded(1e3 * time),
        peers: { dense: rounded(1e3 * whole.time) },
        unit: 'ms',
        ratio: rounded(whole.time / time),
      });
    }
  }
  return rows;
}
