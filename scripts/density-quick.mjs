/**
 * node scripts/density-quick.mjs [FOLDER]
 *
 * How good hidden Chow-Liu trees get on the binary density benchmarks in the time of a quick prototype (vectorised, one thread), on one
 * thread: writes docs/density-quick.md. As many epochs as the time allows; no other setting was chosen for it.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

if (Number(process.versions.node.split('.')[0]) < 21) setFlagsFromString('--experimental-wasm-relaxed-simd');
const { em, hclt, meanLogLikelihood, readTable } = await import('../packages/filigree/dist/index.js');
const { startEngine } = await import('../packages/filigree/dist/node/index.js');
startEngine({ threads: 1 });

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = process.argv[2] ?? join(root, '../shared/data/debd');
/** Name, latents, epochs; rows a step, pseudocount; likelihood and seconds of the prototype. */
const sets = [
  ['nltcs', 16, 20, 512, 0.05, -6.027, 2],
  ['dna', 8, 15, 200, 0.01, -80.23, 4],
  ['baudio', 16, 12, 512, 0.05, -40.48, 12],
  ['bnetflix', 16, 15, 512, 0.05, -56.96, 15],
  ['plants', 32, 25, 512, 0.05, -13.78, 30],
];
const lines = [];
for (const [name, latents, epochs, batchRows, pseudocount, quick, quickSeconds] of sets) {
  const file = (part) => join(folder, `${name}.${part}.data`);
  if (!existsSync(file('train'))) {
    console.error(`${name}: left out, there is no ${file('train')}`);
    continue;
  }
  const [train, valid, test] = ['train', 'valid', 'test'].map((part) =>
    readTable(readFileSync(file(part), 'utf8'), file(part)),
  );
  const [started, used] = [performance.now(), process.cpuUsage()];
  const start = hclt(train, new Array(train.columns).fill(2), { latents, seed: 1 });
  const { circuit } = await em(start, train, { epochs, batchRows, step: [1, 0.05], pseudocount, seed: 1 });
  const seconds = (performance.now() - started) / 1000;
  const processor = process.cpuUsage(used).user / 1e6;
  const [v, t] = [await meanLogLikelihood(circuit, valid), await meanLogLikelihood(circuit, test)];
  const cells = [name, latents, epochs, v.toFixed(3), `**${t.toFixed(3)}**`, seconds.toFixed(1), processor.toFixed(1)];
  lines.push(`| ${[...cells, quick, quickSeconds].join(' | ')} |`);
  console.error(lines.at(-1));
}
const path = join(root, 'docs/density-quick.md');
writeFileSync(
  `${path}.part`,
  `# Density estimation in the time of a quick prototype

Mean log-likelihood in nats of hidden Chow-Liu trees on the binary density benchmarks, structure and mini-batch EM on one thread, for as many
epochs as a vectorised prototype's time allows; written by \`node scripts/density-quick.mjs\`. One seed, no validation. Seconds by the clock, on a
machine that others used at the same time, and of the processor. [What longer learning reaches](density.md).

| set | K | epochs | valid | test | seconds | of the processor | prototype, test | its seconds |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
${lines.join('\n')}
`,
);
renameSync(`${path}.part`, path);
process.exit(0);
