import { type Command, Option } from 'commander';
import { noGrad, scope } from 'filigree';
import { loadModel } from '../engine.js';
import { openModel } from '../open.js';
import { addEngineOptions, addTalkOptions, type EngineOptions, numberList, type TalkOptions } from '../options.js';
import type { Run, Session } from '../session.js';
import { figure, table } from '../table.js';

interface Options extends TalkOptions, EngineOptions {
  ids: number[];
}

const listed = 10;

export function addLogits(program: Command, run: Run): void {
  const command = program
    .command('logits')
    .description('what the model says comes after some tokens: the logits of the last position')
    .argument('<model>', 'a folder in Hugging Face layout, or a Hub id such as org/name')
    .summary('logits after some tokens')
    .addOption(
      new Option('--ids <list>', 'token ids, such as 1,403,407; none are added')
        .argParser(numberList('--ids', 0))
        .makeOptionMandatory(),
    );
  addTalkOptions(addEngineOptions(command))
    .addHelpText('after', '\nExample:\n  filigree logits models/mix4 --ids 1,403,407 --json')
    .action((model: string, options: Options) => run((session) => logits(model, options, session), options));
}

async function logits(name: string, options: Options, session: Session): Promise<void> {
  const { checkpoint, tokenizer } = await openModel(name, session);
  const { model } = await loadModel(checkpoint, options);
  model.check([options.ids]);
  const result = scope(() => noGrad(() => model.run([options.ids], { at: [options.ids.length - 1] }).logits));
  const values = [...(await result.data())];
  if (session.json) {
    // Nine digits tell every f32 from its neighbours.
    session.print({ logits: values.map((value) => Number(value.toPrecision(9))) });
    return;
  }
  const best = [...values.keys()].sort((a, b) => values[b] - values[a] || a - b).slice(0, listed);
  const largest = values[best[0]];
  const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
  const token = (id: number): string => (tokenizer && id < tokenizer.size ? JSON.stringify(tokenizer.token(id)) : '');
  const rows = best.map((id) => [
    String(id),
    figure(values[id], 4),
    figure(Math.exp(values[id] - largest) / total, 4),
    token(id),
  ]);
  session.say(table(['id', 'logit', 'probability', ''], rows).join('\n'));
}
