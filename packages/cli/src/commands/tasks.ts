import type { Command } from 'commander';
import { allTasks } from 'filigree';
import { addTalkOptions, type TalkOptions } from '../options.js';
import type { Run, Session } from '../session.js';

export function addTasks(program: Command, run: Run): void {
  const command = program
    .command('tasks')
    .description('list the built-in tasks, each with an example')
    .summary('list the built-in tasks');
  addTalkOptions(command).action((options: TalkOptions) => run(async (session) => list(session), options));
}

function list(session: Session): void {
  const known = allTasks.map((task) => {
    const { name, description, metric, oneSided = false } = task;
    return { name, description, metric, oneSided, example: task.texts({ seed: 0, part: 'discovery' }).next().value };
  });
  if (session.json) {
    session.print({ tasks: known });
    return;
  }
  const lines = known.flatMap(({ name, description, metric, oneSided, example: { clean, corrupt, answer, wrong } }) => [
    `${name}: ${description} (${metric})`,
    `  clean    ${JSON.stringify(clean)} -> ${shown(answer)}${oneSided ? `, not ${shown(wrong)}` : ''}`,
    `  corrupt  ${JSON.stringify(corrupt)}${oneSided ? '' : ` -> ${shown(wrong)}`}`,
    '',
  ]);
  session.say(`${lines.join('\n')}\nOr give a JSONL file of pairs; filigree discover --help says how a row looks.`);
}

/** The answers, of a long list the first and the last. */
function shown(answers: string | readonly string[]): string {
  const list = [answers].flat().map((answer) => JSON.stringify(answer));
  return list.length > 4 ? `${list[0]} .. ${list.at(-1)}` : list.join(' or ');
}
