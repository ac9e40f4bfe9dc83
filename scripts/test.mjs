// npm test: sets up, then format and lint, types, and the tests. All of them run, and one failure fails the whole.
// Arguments go to the tests: npm test -- packages/cli
import { node, setUp } from './setup.mjs';

await setUp();
const steps = [
  ['Format and lint', ['node_modules/@biomejs/biome/bin/biome', 'check', '.']],
  ['Types of the tests', ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.tests.json']],
  ['Tests', ['node_modules/vitest/vitest.mjs', 'run', ...process.argv.slice(2)]],
];
const failed = [];
for (const [name, args] of steps) {
  console.log(`${name}…`);
  const code = await node(args);
  if (code === 130) process.exit(130);
  if (code !== 0) failed.push(name);
}
if (failed.length > 0) {
  process.stderr.write(`failed: ${failed.join(', ')}\n`);
  process.exit(1);
}
console.log('All passed.');
