/**
 * node scripts/digits.mjs [FILE.gz] [--latents 8] [--epochs 8] [--tree FILE.json]
 *
 * Bits per pixel of a hidden Chow-Liu tree on real digits before and after one round of pruning and growing, and of learning on
 * without it for as many epochs; writes docs/digits.md. FILE is an IDX file of images, default the 10,000 test images of MNIST in
 * ../shared/data/mnist, of which the first 8,000 are learned from and the last 2,000 measured. --tree keeps the tree in a file, so that
 * a second run need not find it again.
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';

if (Number(process.versions.node.split('.')[0]) < 21) setFlagsFromString('--experimental-wasm-relaxed-simd');
const filigree = await import('../packages/filigree/dist/index.js');
const { startEngine } = await import('../packages/filigree/dist/node/index.js');
const { chowLiuTree, em, grow, hclt, idxTable, meanLogLikelihood, pruneEdges, readIdx, scoreEdges } = filigree;

const root = fileURLToPath(new URL('..', import.meta.url));
const text = { type: 'string' };
const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { latents: { ...text, default: '8' }, epochs: { ...text, default: '8' }, tree: text },
});
const file = positionals[0] ?? join(root, '../shared/data/mnist/t10k-images-idx3-ubyte.gz');
const [latents, epochs] = [Number(options.latents), Number(options.epochs)];

const images = idxTable(await readIdx(new Uint8Array(readFileSync(file)), file), file);
const { columns } = images;
const part = (from, to) => ({ rows: to - from, columns, values: images.values.subarray(from * columns, to * columns) });
const split = Math.floor(0.8 * images.rows);
const [train, test] = [part(0, split), part(split, images.rows)];
startEngine({});

const saved = options.tree;
let tree;
if (saved !== undefined && existsSync(saved)) {
  const { parent, order } = JSON.parse(readFileSync(saved, 'utf8'));
  tree = { parent: Int32Array.from(parent), order: Uint32Array.from(order) };
} else tree = chowLiuTree(train, new Array(columns).fill(256));
if (saved !== undefined) writeFileSync(saved, JSON.stringify({ parent: [...tree.parent], order: [...tree.order] }));

const rows = [];
const measured = async (name, circuit, seconds) => {
  const edges = circuit.first.reduce(
    (sum, at, unit) => sum + (circuit.kind[unit] === 2 ? circuit.first[unit + 1] - at : 0),
    0,
  );
  const bits = -(await meanLogLikelihood(circuit, test)) / columns / Math.LN2;
  const trained = -(await meanLogLikelihood(circuit, train)) / columns / Math.LN2;
  rows.push([name, edges, trained.toFixed(3), bits.toFixed(3), seconds === undefined ? '' : seconds.toFixed(0)]);
  console.error(rows.at(-1).join('  '));
};
const learned = async (start, step, seed) => {
  const from = performance.now();
  const { circuit } = await em(start, train, { epochs, batchRows: 500, step, pseudocount: 0.05, seed });
  return { circuit, seconds: (performance.now() - from) / 1000 };
};
const states = new Array(columns).fill(256);
const first = await learned(hclt(train, states, { latents, tree, seed: 1 }), [1, 0.1], 1);
await measured(`hidden Chow-Liu tree, ${latents} latents, ${epochs} epochs`, first.circuit, first.seconds);
const scores = await scoreEdges(first.circuit, 'flow', { table: train });
const cut = pruneEdges(first.circuit, scores, { fraction: 0.75 }).circuit;
await measured('75 % of the edges pruned by flow', cut);
const grown = await learned(grow(cut, { seed: 2 }), [0.6, 0.05], 2);
await measured(`then grown, and ${epochs} epochs more`, grown.circuit, grown.seconds);
const plain = await learned(first.circuit, [0.6, 0.05], 2);
await measured(`instead ${epochs} epochs more as it was`, plain.circuit, plain.seconds);

const row = (cells) => `| ${cells.join(' | ')} |`;
const head = ['circuit', 'edges of sums', 'bits per pixel, train', 'bits per pixel, test', 'seconds'];
const out = join(root, 'docs/digits.md');
writeFileSync(
  `${out}.part`,
  `# Digits

Bits per pixel on images of handwritten digits, before and after one round of pruning and growing (Dang, Liu and Van den Broeck, NeurIPS
2022), written by \`node scripts/digits.mjs\`. Learned from the first ${train.rows} of the 10,000 test images of MNIST and measured on the
last ${test.rows}: the paper's 1.14 (hidden Chow-Liu tree: 1.20) has the 60,000 training images, over six times as many, at least sixteen times
the latents, and many more epochs, so that these figures are for comparison with each other, not with it. One seed.

${row(head)}
${row(head.map(() => '---'))}
${rows.map(row).join('\n')}
`,
);
renameSync(`${out}.part`, out);
