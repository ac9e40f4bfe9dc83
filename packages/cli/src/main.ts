#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { setDefaultDevice } from 'filigree';
import { addAttention } from './commands/attention.js';
import { addClaim, addClaims } from './commands/claim.js';
import { addCompare } from './commands/compare.js';
import { addCompress, addDecompress } from './commands/compress.js';
import { addConvert } from './commands/convert.js';
import { addCurves } from './commands/curves.js';
import { addDiscover } from './commands/discover.js';
import { addEvaluate } from './commands/evaluate.js';
import { addExplore } from './commands/explore.js';
import { addGenerate } from './commands/generate.js';
import { addInfo } from './commands/info.js';
import { addLens } from './commands/lens.js';
import { addLogits } from './commands/logits.js';
import { addPatch } from './commands/patch.js';
import { addPc } from './commands/pc.js';
import { addPrune } from './commands/prune.js';
import { addTasks } from './commands/tasks.js';
import { addTokenizer } from './commands/tokenizer.js';
import { addTrain } from './commands/train.js';
import { addWeightSparse } from './commands/weight-sparse.js';
import { explain } from './failure.js';
import { onInterrupt } from './interrupt.js';
import { type Run, Session } from './session.js';

const { signal, stop } = onInterrupt();

const run: Run = (work, options) => work(new Session(options, signal));

function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const command = new Command('filigree')
    .description('Find, measure and look at sparse circuits in neural networks.')
    .version(version)
    .exitOverride()
    // Errors are told in one place, in one line.
    .configureOutput({ writeErr: () => {} })
    .addHelpText(
      'after',
      `
Example:
  filigree discover models/mix4 --task pronoun --report pronoun.html

filigree <command> --help says more. Exit codes: 0 done, 1 internal error, 2 wrong input, 130 interrupted.`,
    );
  const commands = [
    addAttention,
    addClaim,
    addClaims,
    addCompare,
    addCompress,
    addConvert,
    addCurves,
    addDecompress,
    addDiscover,
    addEvaluate,
    addExplore,
    addGenerate,
    addInfo,
    addLens,
    addLogits,
    addPatch,
    addPc,
    addPrune,
    addTasks,
    addTokenizer,
    addTrain,
    addWeightSparse,
  ];
  for (const add of commands) add(command, run);
  return command;
}

// A reader that has seen enough, such as head, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

try {
  const command = program();
  if (process.argv.length <= 2) command.outputHelp();
  else await command.parseAsync();
} catch (error) {
  const { line, code } = explain(error, signal);
  if (line !== undefined) process.stderr.write(`filigree: ${line}\n`);
  if (code === 1 && process.env['FILIGREE_DEBUG'] && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  process.exitCode = code;
} finally {
  stop();
  setDefaultDevice(undefined)?.dispose();
}
