import { findTask, type Task } from 'filigree';

/** The behaviours on which methods are compared: those that the text of the project's own model teaches. */
export const shippedTasks: readonly Task[] = ['pronoun', 'induction', 'bracket', 'quote'].map(findTask);
