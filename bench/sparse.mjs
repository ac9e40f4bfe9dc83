import { spawnSync } from 'node:child_process';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as filigree from '../packages/filigree/dist/index.js';
import { createCpuDevice } from '../packages/filigree/dist/kernels/cpu/device.js';
import '../packages/filigree/dist/node/index.js';
import { inferRows, productRows, stepRows } from './sparse/layers.mjs';
import { memoryRow, millionRow, mlpRows, sparsepropRows, threadRows } from './sparse/training.mjs';

/** Seconds by row, or undefined and a note. */
function torch(note) {
  const script = fileURLToPath(new URL('./peers/sparse_bench.py', import.meta.url));
  const run = spawnSync(process.env.PYTHON ?? '/usr/bin/python3', [script], { stdio: ['ignore', 'pipe', 'ignore'] });
  if (run.status === 0) return JSON.parse(String(run.stdout));
  note('PyTorch: left out, needs Python with torch (Debian: python3-torch, libopenblas0-pthread; or set PYTHON)');
  return undefined;
}

/** Sparse layers, one thread unless said: products, training steps and their parts, inference, whole networks, memory. */
export async function run(note) {
  const load = loadavg()[0];
  if (load > 1) note(`the machine is busy (load ${load.toFixed(1)}): timings will be off`);
  const device = createCpuDevice({ threads: 1 });
  filigree.setDefaultDevice(device);
  const times = torch(note);
  const rows = [];
  for (const name of ['csr', 'block 2x1', 'block 4x1']) {
    for (const [size, density] of [
      [128, 0.5],
      [256, 0.2],
      [512, 0.05],
      [512, 0.5],
    ]) {
      rows.push(...(await productRows(device, name, size, density, 128)));
    }
  }
  rows.push(...(await productRows(device, 'csr', 2048, 0.01, 128)));
  rows.push(...(await stepRows(device, times)));
  rows.push(...(await inferRows(device, times)));
  rows.push(...(await sparsepropRows(device, times)));
  rows.push(...(await mlpRows(device, times)));
  rows.push(...(await threadRows(device)));
  rows.push(memoryRow(), millionRow());
  return rows;
}
