import { type Command, Option } from 'commander';
import {
  grow,
  InputError,
  type ProbabilisticCircuit,
  type PruneScore,
  pruneEdges,
  pruneScores,
  scoreEdges,
} from 'filigree';
import { choice, numberFrom, wholeNumber } from '../options.js';
import { notesOf, openCircuit, saveCircuit } from '../pc-files.js';
import {
  addFitOptions,
  beginFit,
  edgeCount,
  type FitOptions,
  fit,
  measure,
  openTables,
  sayMeasured,
} from '../pc-fit.js';
import { circuitCommand } from '../pc-options.js';
import type { Run, Session } from '../session.js';

interface PruneOptions extends FitOptions {
  data: string;
  vtree?: string;
  score: PruneScore;
  fraction: number;
  block: number;
}

interface GrowOptions extends FitOptions {
  data: string;
  vtree?: string;
  deviation: number;
}

/** What has been learned is changed in smaller steps than what begins: the authors of prune and grow keep 0.7 of the old weights. */
const onward: [number, number] = [0.3, 0.05];

/** The commands that take edges out of a circuit and put more in. */
export function addPcPrune(group: Command, run: Run): void {
  const about = (name: string, description: string): Command =>
    circuitCommand(group, name, description).requiredOption('--data <file>', 'training rows');
  const share = numberFrom('--fraction', 0);
  const prune = about('prune', 'remove the edges that matter least, and learn the rest on')
    .addOption(
      new Option('--score <name>', 'what matters: flow of the data, weight, or chance')
        .argParser(choice('--score', pruneScores))
        .default('flow'),
    )
    .addOption(
      new Option('--fraction <x>', 'share of the edges of sums to remove, to 1')
        .argParser((text: string) => {
          const value = share(text);
          if (value <= 1) return value;
          throw new InputError(`--fraction must be from 0 to 1, not ${value}.`);
        })
        .default(0.75),
    )
    .addOption(
      new Option('--block <n>', 'remove tiles of n sums by n children')
        .argParser(wholeNumber('--block', 1))
        .default(1, 'single edges'),
    );
  addFitOptions(prune, 20, onward).action((path: string, options: PruneOptions) =>
    run(async (session) => {
      const change = async (circuit: ProbabilisticCircuit, tables: Awaited<ReturnType<typeof openTables>>) => {
        const { score, fraction, block, seed } = options;
        const scores = await session.during('scoring', ({ signal }) =>
          scoreEdges(circuit, score, { table: tables.train, seed, signal }),
        );
        return pruneEdges(circuit, scores, { fraction, block }).circuit;
      };
      await changed(path, options, session, change);
    }, options),
  );
  const growing = about('grow', 'double every latent space with noisy copies, and learn on').addOption(
    new Option('--deviation <x>', 'noise that tells copies apart').argParser(numberFrom('--deviation', 0)).default(0.3),
  );
  addFitOptions(growing, 20, onward).action((path: string, options: GrowOptions) =>
    run(
      (session) =>
        changed(path, options, session, async (circuit) =>
          grow(circuit, { deviation: options.deviation, seed: options.seed }),
        ),
      options,
    ),
  );
}

/** Opens, changes, learns on, measures before, after the change and after learning, and writes. */
async function changed(
  path: string,
  options: FitOptions & { data: string; vtree?: string },
  session: Session,
  change: (
    circuit: ProbabilisticCircuit,
    tables: Awaited<ReturnType<typeof openTables>>,
  ) => Promise<ProbabilisticCircuit>,
): Promise<void> {
  const { out } = options;
  await beginFit(options);
  const circuit = await openCircuit(path, options.vtree);
  const tables = await openTables(options.data, options, circuit);
  const started = performance.now();
  const before = { ...(await measure(circuit, tables, session)), edges: circuit.child.length };
  const cut = await change(circuit, tables);
  const between = { ...(await measure(cut, tables, session)), edges: cut.child.length };
  const learned = await fit(cut, tables, options, session);
  const after = await measure(learned, tables, session);
  if (out !== undefined) await saveCircuit(out, learned, notesOf(circuit), (text) => session.warn(text));
  const seconds = (performance.now() - started) / 1000;
  if (session.json) return session.print({ before, changed: between, ...after, edges: learned.child.length, seconds });
  for (const [name, result, edges] of [
    ['before', before, edgeCount(circuit)],
    ['changed', between, edgeCount(cut)],
    ['learned on', after, edgeCount(learned)],
  ] as const) {
    session.say(`${name}: ${edges} edges`);
    sayMeasured(result, circuit.variables, session);
  }
  if (out !== undefined) session.say(`wrote ${out}`);
}
