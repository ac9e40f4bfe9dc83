import { mkdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type ClaimResult,
  type ClaimStore,
  claimSizes,
  claims,
  claimsPage,
  findClaim,
  runAll,
  runClaim,
  textTable,
} from '@filigree/claims';
import { type Command, Option } from 'commander';
import { openCheckpoint } from 'filigree';
import { openModelFiles, startEngine, writeFileAtomic } from 'filigree/node';
import { allowRelaxedSimd } from '../engine.js';
import { addTalkOptions, choice, type TalkOptions, wholeNumber } from '../options.js';
import { packers } from '../packers.js';
import { root } from '../root.js';
import type { Run, Session } from '../session.js';

interface Options extends TalkOptions {
  size: (typeof claimSizes)[number];
  seed: number;
  threads?: number;
  results: string;
}

interface AllOptions extends Options {
  again?: boolean;
  page: string;
}

function addOptions(command: Command): Command {
  return addTalkOptions(
    command
      .addOption(
        new Option('--size <size>', `how long it may take: ${claimSizes.join(', ')}`)
          .argParser(choice('--size', claimSizes))
          .default('quick'),
      )
      .addOption(new Option('--seed <n>', 'decides data and weights').argParser(wholeNumber('--seed', 0)).default(0))
      .addOption(
        new Option('--threads <n>', 'threads to compute on (default: all cores)').argParser(
          wholeNumber('--threads', 1, 256),
        ),
      )
      .option('--results <folder>', 'where results are kept', 'out/claims'),
  );
}

export function addClaim(program: Command, run: Run): void {
  addOptions(
    program
      .command('claim')
      .summary('run the experiment of one paper')
      .description("run the experiment of one paper and print our figures beside the paper's own")
      .argument('<slug>', `which: ${claims.map((c) => c.slug).join(', ')}`),
  ).action((slug: string, options: Options) => run((session) => one(slug, options, session), options));
}

export function addClaims(program: Command, run: Run): void {
  addOptions(
    program
      .command('claims')
      .summary('run the experiments of all papers')
      .description(
        'run the experiments of all papers; those already done with this seed and this size or a larger one are kept',
      )
      .option('--again', 'measure again what was done')
      .option('--page <file>', 'the page to write', 'docs/claims.md'),
  ).action((options: AllOptions) => run((session) => all(options, session), options));
}

async function one(slug: string, options: Options, session: Session): Promise<void> {
  const claim = findClaim(slug);
  start(options);
  const store = storeIn(options.results);
  const result = await session.during(slug, (progress) =>
    runClaim(slug, { ...options, ...progress, ...host(), store }),
  );
  if (session.json) return session.print(result);
  session.say(`${claim.paper.title} (${claim.paper.authors}, ${claim.paper.year})\n${claim.says}\n`);
  tell(result, session);
}

async function all(options: AllOptions, session: Session): Promise<void> {
  start(options);
  await mkdir(dirname(options.page), { recursive: true });
  const results = await session.during('claims', (progress) =>
    runAll({ ...options, ...progress, ...host(), store: storeIn(options.results) }),
  );
  await writeFileAtomic(options.page, claimsPage(results));
  if (session.json) return session.print(results);
  for (const result of results) session.say(`${result.holds ? 'holds   ' : 'DOES NOT'}  ${result.slug}: ${result.why}`);
  session.say(`wrote ${options.page}`);
}

function start(options: Options): void {
  allowRelaxedSimd();
  startEngine({ threads: options.threads });
}

function tell(result: ClaimResult, session: Session): void {
  session.say(textTable(result.rows));
  session.say(`\n${result.holds ? 'Holds' : 'DOES NOT HOLD'} (size ${result.size}): ${result.why}`);
}

/** What claims may use of this machine. */
const host = () => ({ openModel, packers: packers() });

/** A model of the project, or undefined where it is absent. */
async function openModel(name: string): ReturnType<NonNullable<Parameters<typeof runClaim>[1]['openModel']>> {
  const folder = join(root, 'models', name);
  const there = await stat(folder).catch(() => undefined);
  return there ? openCheckpoint(await openModelFiles(folder)) : undefined;
}

/** One file per claim. */
function storeIn(folder: string): ClaimStore {
  const file = (slug: string): string => join(folder, `${slug}.json`);
  return {
    read: (slug) => readFile(file(slug), 'utf8').catch(() => undefined),
    async write(slug, text) {
      await mkdir(folder, { recursive: true });
      await writeFileAtomic(file(slug), text);
    },
  };
}
