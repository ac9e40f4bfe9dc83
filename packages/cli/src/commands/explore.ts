import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { InputError } from 'filigree';
import { listItems } from '../explore/items.js';
import { addTalkOptions, type TalkOptions, wholeNumber } from '../options.js';
import { root } from '../root.js';
import type { Run, Session } from '../session.js';
import { count } from '../table.js';

interface ExploreOptions extends TalkOptions {
  port: number;
  isolation: boolean;
}

/** The model that comes with the project, for the examples of the page. */
const shippedModel = join(root, 'models/mix4');

export function addExplore(program: Command, run: Run): void {
  const command = program
    .command('explore')
    .description('serve the page in which circuits are seen, questioned and changed; only on this machine')
    .argument('[paths...]', 'files and folders to show (default: out and models where they are, else this folder)')
    .summary('look at circuits in the browser')
    .addOption(
      new Option('--port <n>', 'the first port to try').argParser(wholeNumber('--port', 1, 65_435)).default(4173),
    )
    .option('--no-isolation', 'leave out the headers that threads need; the page then computes on one thread');
  addTalkOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  filigree explore
  filigree explore out/ pronoun.circuit.json
  filigree explore circuit.psdd

The page shows models, circuits in every format that filigree reads, probabilistic circuits and records of training. It
computes in the browser; no request leaves the machine. Ctrl-C ends.`,
    )
    .action((paths: string[], options: ExploreOptions) => run((session) => explore(paths, options, session), options));
}

async function explore(paths: readonly string[], options: ExploreOptions, session: Session): Promise<void> {
  const roots = await rootsOf(paths);
  const { items } = await listItems(roots);
  // Here, not above: every other command starts without the parts of a server.
  const { serveExplorer } = await import('../explore/server.js');
  const served = await serveExplorer(roots, { port: options.port, isolated: options.isolation });
  if (session.json) session.print({ url: served.url, items: items.length });
  else session.say(`${count(items.length)} things to look at, at ${served.url} (only on this machine). Ctrl-C ends.`);
  try {
    await new Promise<void>((resolve) => {
      if (session.signal.aborted) resolve();
      session.signal.addEventListener('abort', () => resolve(), { once: true });
    });
  } finally {
    await served.close();
  }
}

const there = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;

/** What the user named, or what there usually is; and the model of the examples. Throws InputError for what is not there. */
export async function rootsOf(paths: readonly string[]): Promise<string[]> {
  for (const path of paths) {
    if (!(await there(path)))
      throw new InputError(`There is no file or folder ${path}; give what the page should show.`);
  }
  const usual: string[] = [];
  if (paths.length === 0) {
    for (const path of ['out', 'models']) if (await there(path)) usual.push(path);
    if (usual.length === 0) usual.push('.');
  }
  return [...paths, ...usual, ...((await there(shippedModel)) ? [shippedModel] : [])];
}
