import type { Command } from 'commander';
import { type AllocatorName, allocators, loadMlp, pruneWeights, saveMlp } from 'filigree';
import { openFile, writeFileAtomic } from 'filigree/node';
import { addTalkOptions, choice, numberFrom, type TalkOptions } from '../options.js';
import { checkOutputs } from '../outputs.js';
import type { Run, Session } from '../session.js';
import { networkFacts, sayLayers } from '../sparse-facts.js';

interface Options extends TalkOptions {
  density: number;
  allocator: AllocatorName | 'global';
  out: string;
}

const names = ['global', ...(Object.keys(allocators) as AllocatorName[])] as const;

export function addPrune(program: Command, run: Run): void {
  const command = program
    .command('prune')
    .description('keep the largest weights of a network that train wrote, as a sparse network')
    .summary('keep the largest weights of a network')
    .argument('<network>', 'a model.safetensors of filigree train or prune')
    .requiredOption(
      '--density <share>',
      'share of the weights that stay, above 0 and at most 1',
      numberFrom('--density', 0),
    )
    .option('--allocator <name>', `weights of the layers: ${names.join(', ')}`, choice('--allocator', names), 'global')
    .requiredOption('--out <file>', 'where to write the sparse network');
  addTalkOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  filigree prune dense/model.safetensors --density 0.1 --out sparse.safetensors
  filigree info sparse.safetensors`,
    )
    .action((path: string, options: Options) => run((session) => pruneFile(path, options, session), options));
}

async function pruneFile(path: string, options: Options, session: Session): Promise<void> {
  await checkOutputs({ '--out': options.out });
  const model = await loadMlp(await openFile(path), path);
  const { density, allocator } = options;
  const pruned = await pruneWeights(model, { density, allocator });
  await writeFileAtomic(options.out, await saveMlp(pruned, { prunedFrom: path, density, allocator }));
  const facts = networkFacts(pruned);
  if (session.json) return session.print(facts);
  sayLayers(facts, session);
  session.say(`wrote ${options.out}`);
}
