/**
 * npm run bench -- [GROUP ...] [--json FILE]
 *
 * Builds the library, installs the peers (in `bench/`, where a network is there), runs the groups and prints a table.
 * A group is a file `bench/GROUP.mjs` that exports `run(note)`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const root = fileURLToPath(new URL('..', import.meta.url));
const note = (text) => console.error(`# ${text}`);
const fail = (text) => {
  console.error(text);
  process.exit(2);
};

const groups = [];
let file;
const words = process.argv.slice(2);
for (let i = 0; i < words.length; i++) {
  if (words[i] === '--json') file = words[++i] ?? fail('--json needs a file name');
  else if (words[i].startsWith('-')) fail(`unknown option ${words[i]}; there is --json FILE`);
  else groups.push(words[i]);
}
const known = readdirSync(`${root}bench`)
  .filter((name) => name.endsWith('.mjs') && !['timing.mjs', 'peak.mjs'].includes(name))
  .map((name) => name.slice(0, -4));
for (const group of groups) {
  if (!known.includes(group)) fail(`unknown group ${group}; there are: ${known.join(', ')}`);
}

const command = (program, args) =>
  spawnSync(program, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] }).status;
if (command('npx', ['tsc', '-b', 'packages/filigree']) !== 0) fail('the library does not build');
if (!existsSync(`${root}bench/node_modules`) && command('npm', ['install', '--prefix', 'bench']) !== 0) {
  note('peers from npm could not be installed; they are left out');
}

// Node 20 has fused multiply-add behind this flag, which has to be set before the first module.
if (Number(process.versions.node.split('.')[0]) < 22) setFlagsFromString('--experimental-wasm-relaxed-simd');

const rows = [];
for (const group of groups.length > 0 ? groups : known) {
  const { run } = await import(`../bench/${group}.mjs`);
  rows.push(...(await run(note)));
}

const cells = rows.map(({ what, ours, peers, unit, ratio }) => [
  what,
  `${ours} ${unit}`,
  Object.entries(peers)
    .map(([name, value]) => `${name} ${value}`)
    .join(', '),
  ratio === null ? '' : String(ratio),
]);
cells.unshift(['what', 'ours', 'peers', 'ratio']);
const widths = [0, 1, 2].map((column) => Math.max(...cells.map((row) => row[column].length)));
for (const row of cells)
  console.log(
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
if (file) {
  writeFileSync(`${file}.part`, `${JSON.stringify(rows, null, 1)}\n`);
  renameSync(`${file}.part`, file);
}
process.exit(0);
