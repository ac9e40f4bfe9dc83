// npm start: sets up, finds the circuit of one behaviour in the model that comes with the project, and opens the explorer on it.
// npm start -- --once ends after the report is written; --model FOLDER takes another model.
import { mkdir, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, node, root, setUp } from './setup.mjs';

const circuit = 'out/pronoun.circuit.json';
const report = 'out/report.html';

function options() {
  try {
    return parseArgs({
      options: { once: { type: 'boolean', default: false }, model: { type: 'string', default: 'models/mix4' } },
    }).values;
  } catch {
    return fail('npm start takes only --once and --model FOLDER, after two dashes: npm start -- --once', 2);
  }
}

const { once, model } = options();
await setUp();
const there = await stat(resolve(root, model)).catch(() => undefined);
if (!there?.isDirectory()) fail(`there is no folder ${model}; give the folder of a model with --model.`, 2);
await mkdir(`${root}/out`, { recursive: true });

console.log(`
A language model reads "One day, Lily went to the park." and goes on with "She"; with Tim it is "He".
Which of its connections do that? Filigree scores every edge between its parts, keeps the few that matter,
and measures how well those alone still choose the pronoun.
`);
const command = ['discover', model, '--task', 'pronoun', '--out', circuit, '--report', report];
console.log(`filigree ${command.join(' ')}\n`);
const code = await node(['packages/cli/bundle/filigree.js', ...command]);
if (code !== 0) process.exit(code);

console.log(`
How to read this: a circuit is the model with only some edges; all others carry what they would on the other prompt.
Faithfulness 1 is as good as the whole model, 0 is no better than nothing. Random circuits show what size alone does.
`);
if (once) {
  console.log(`Open ${report} in a browser to see the circuit; filigree explore shows it in the explorer.`);
} else {
  const { serveExplorer } = await import('../packages/cli/dist/explore/server.js');
  const served = await serveExplorer([`${root}/out`, resolve(root, model)]);
  const found = `${served.url}#/circuit/${encodeURIComponent(circuit)}`;
  console.log(`The circuit is at ${found}
and all that is here at ${served.url} (only on this machine; the report is ${report}). Ctrl-C ends.`);
  const end = async () => {
    await served.close();
    process.exit(0);
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}
