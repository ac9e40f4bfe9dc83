import { findNamed } from '../nearest.js';
import { bracket } from './bracket.js';
import { induction } from './induction.js';
import { pronoun } from './pronoun.js';
import { quote } from './quote.js';
import type { Task } from './task.js';

/** The built-in tasks. */
export const tasks: readonly Task[] = [pronoun, induction, bracket, quote];

/** The built-in task of this name. Throws `InputError`, with the nearest name, when there is none. */
export function findTask(name: string): Task {
  return findNamed('task', name, tasks, (task) => task.name, '; or give a JSONL file');
}
