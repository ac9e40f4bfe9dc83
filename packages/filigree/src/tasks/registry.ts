import { findNamed } from '../nearest.js';
import { agreement } from './agreement.js';
import { bracket } from './bracket.js';
import { docstring } from './docstring.js';
import { gender } from './gender.js';
import { greaterThan } from './greater-than.js';
import { induction } from './induction.js';
import { ioi, ioiAbcAll, ioiHard } from './ioi.js';
import { programTasks } from './program-tasks.js';
import { pronoun } from './pronoun.js';
import { quote } from './quote.js';
import type { Task } from './task.js';

/** The built-in tasks of prose. */
export const tasks: readonly Task[] = [
  pronoun,
  induction,
  bracket,
  quote,
  ioi,
  ioiHard,
  ioiAbcAll,
  greaterThan,
  docstring,
  gender,
  ...agreement,
];

/** Every built-in task: of prose and of programs. */
export const allTasks: readonly Task[] = [...tasks, ...programTasks];

/** The built-in task of this name. Throws `InputError`, with the nearest name, when there is none. */
export function findTask(name: string): Task {
  return findNamed('task', name, allTasks, (task) => task.name, '; or give a JSONL file');
}
