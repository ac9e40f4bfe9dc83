import { findTask, type Task } from 'filigree';

/** The behaviours of the project's own model on which methods are compared: six, of as many kinds as the papers have. */
export const shippedTasks: readonly Task[] = [
  'pronoun',
  'induction',
  'bracket',
  'ioi',
  'greater-than',
  'agreement-noun-pp',
].map(findTask);
