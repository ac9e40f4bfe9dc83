// Trains every arm of the table in docs/sparse-training.md on real digits and on twenty-class glyphs, and writes the page.
// Every run is kept in docs/sparse-training.json at once: interrupted, it goes on where it was. --minutes N ends after about so long.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { findings, runTable, tableBudget, tableSection, tableSeeds, tunedAblation } from '../claims/dist/index.js';
import { comparisonOf, glyphs, splitAt } from '../packages/filigree/dist/index.js';
import { openDataset, startEngine, writeFileAtomic } from '../packages/filigree/dist/node/index.js';

if (Number(process.versions.node.split('.')[0]) < 21) setFlagsFromString('--experimental-wasm-relaxed-simd');
startEngine({ threads: 1 });
const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({ options: { minutes: { type: 'string' } } });
const until = performance.now() + 60_000 * Number(values.minutes ?? 600);
const path = join(root, 'docs/sparse-training.json');
const kept = existsSync(path)
  ? JSON.parse(readFileSync(path, 'utf8'))
  : { format: 'filigree-sparse-training', version: 1, budget: tableBudget, runs: {} };
if (JSON.stringify(kept.budget) !== JSON.stringify(tableBudget)) {
  throw new Error(`${path} holds runs of other settings; remove it to begin anew`);
}

const shared = process.env.FILIGREE_SHARED ?? join(root, '../shared');
const digits = join(shared, 'data/mnist');
const sets = {
  'twenty-class glyphs': () => splitAt(glyphs({ samples: 10_000, seed: 1 }), 8000),
  'real digits': async () => splitAt(await openDataset(digits), 8000),
};
if (!existsSync(digits)) {
  console.error(`real digits left out: there is no ${digits}`);
  delete sets['real digits'];
}

const controller = new AbortController();
process.on('SIGINT', () => controller.abort(new Error('interrupted; call again to go on')));

/** Runs the first seeds on one data set, as far as they were not run before. */
async function runs(name, split, seeds) {
  kept.runs[name] ??= {};
  const done = kept.runs[name];
  const store = {
    read: async (arm, seed) => done[arm]?.[seed],
    async write(arm, seed, outcome) {
      done[arm] = { ...done[arm], [seed]: outcome };
      await writeFileAtomic(path, `${JSON.stringify(kept, null, 1)}\n`);
      console.error(
        `${name}, ${arm}, seed ${seed}: ${(100 * outcome.accuracy).toFixed(2)} %, ${outcome.seconds.toFixed(1)} s`,
      );
      if (performance.now() > until) controller.abort(new Error('the time is over; call again to go on'));
    },
  };
  return runTable(split, { store, seeds, signal: controller.signal });
}

/** Seeds that every arm of a comparison has. */
const seedCount = ({ outcomes }) => Math.min(...[...outcomes.values()].map((runs) => runs.length));

/** The page of what is there; it says what is missing. */
async function writePage(comparisons) {
  const missing = Object.keys(sets)
    .map((name) => [name, comparisons[name] ? seedCount(comparisons[name]) : 0])
    .filter(([, count]) => count < tableSeeds.length)
    .map(([name, count]) => `${name}: ${count} of ${tableSeeds.length} seeds`);
  const unfinished =
    missing.length > 0 ? [`**Unfinished** (${missing.join('; ')}): call the command again to go on.`] : [];
  const { hidden, epochs, batch, lr, weightDecay, every, pull } = tableBudget;
  const page = [
    '# Sparse training, side by side',
    ...unfinished,
    `Written by \`npm run sparse-training\` (resumable; runs are kept in sparse-training.json). Perceptrons with ${hidden.join(' and ')} hidden neurons, 8,000 samples to train and 2,000 to test, ${epochs} epochs of batches of ${batch}, SGD with momentum 0.9, learning rate ${lr} with 5 % warm-up and cosine, weight decay ${weightDecay}: the same for every arm. Densities by Erdős–Rényi over all layers; all dynamic arms rewire every ${every} updates until three quarters of the training, a share that falls from 30 % along a cosine. SR-STE and BDWP decay what does not compute by ${pull}. These settings were chosen on another seed (lr and rewiring interval on dense, static and RigL; the decay on SR-STE at 1:4; on two other seeds and glyphs, the second threshold of SRigL). SRigL stands there twice: with the paper's threshold of 0.3 for convolutions (its transformers have 0.95), and with ${tunedAblation}. With six or seven inputs a neuron, 0.3 asks for one salient input, so that no neuron ever goes, and every neuron has as few inputs as all others; RigL gives the best many. Of 0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9 the mean over all densities was 75.0, 74.9, 74.1, 77.8, 79.7, 73.0, 64.9 % (RigL: 78.7); from 0.8 on too few neurons are left. Seeds ${tableSeeds.join(', ')}: within a seed all arms have the same order of data and the same initial weights (by place). Mean ± half of the 95 % interval (Student's t; with three seeds it is wide, with one there is none). Glyphs come in ten pairs of twins that differ in one vertex. Digits are the 10,000 of MNIST's test file: 8,000 to train, 2,000 to test.`,
    ...Object.entries(comparisons).flatMap(([name, c]) => [
      tableSection(
        `${name[0].toUpperCase()}${name.slice(1)}, ${seedCount(c)} seed${seedCount(c) === 1 ? '' : 's'}`,
        comparisonOf(c.outcomes),
      ),
      findings(c).join('\n'),
    ]),
    '',
  ].join('\n\n');
  await writeFileAtomic(join(root, 'docs/sparse-training.md'), page);
  console.error(`wrote docs/sparse-training.md${missing.length > 0 ? `, unfinished: ${missing.join('; ')}` : ''}`);
}

const splits = Object.fromEntries(
  await Promise.all(Object.entries(sets).map(async ([name, open]) => [name, await open()])),
);
const comparisons = {};
try {
  for (let count = 1; count <= tableSeeds.length; count++) {
    for (const [name, split] of Object.entries(splits)) {
      comparisons[name] = await runs(name, split, tableSeeds.slice(0, count));
      await writePage(comparisons);
    }
  }
} catch (error) {
  if (!controller.signal.aborted) throw error;
  console.error(error.message);
  process.exitCode = 3;
}
