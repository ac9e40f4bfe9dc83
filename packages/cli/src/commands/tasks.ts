import type { Command } from 'commander';
import { tasks } from 'filigree';
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
  const known = tasks.map((task) => {
    const { name, description, metric } = task;
    return { name, description, metric, example: task.texts({ seed: 0, part: 'discovery' }).next().value };
  });
  if (session.json) {
    session.print({ tasks: known });
    return;
  }
  const lines = known.flatMap(({ name, description, metric, example: { clean, corrupt, answer, wrong } }) => [
    `${name}: ${description} (${metric})`,
    `  clean    ${JSON.stringify(clean)} -> ${JSON.stringify(answer)}`,
    `  corrupt  ${JSON.stringify(corrupt)} -> ${JSON.stringify(wrong)}`,
    '',
  ]);
  session.say(`${lines.join('\n')}\nOr give a JSONL file of pairs; filigree discover --help says how a row looks.`);
}
