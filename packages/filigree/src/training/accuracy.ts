import type { Transformer } from '../nn/transformer.js';
import type { Pair, Task } from '../tasks/task.js';
import { noGrad, scope } from '../tensor/index.js';

/** What of a task decides which answers are right. */
export type Judged = Pick<Task, 'metric' | 'oneSided'>;

/**
 * Share of pairs that a model gets right on both sides: after the clean prompt every answer has a higher logit than every wrong
 * one, after the corrupted prompt the reverse. Of a one-sided task the clean prompt alone is asked. Where the task is measured by
 * probabilities, the answers must together be more probable than the wrongs.
 */
export async function accuracy(
  model: Transformer,
  pairs: readonly Pair[],
  { metric, oneSided = false }: Judged = { metric: 'logit-diff' },
): Promise<number> {
  const atOnce = 32;
  const { vocabulary } = model.config;
  const favours = metric === 'prob-diff' ? moreProbable : allHigher;
  let right = 0;
  for (let start = 0; start < pairs.length; start += atOnce) {
    const part = pairs.slice(start, start + atOnce);
    const prompts = [...part.map((p) => p.clean), ...(oneSided ? [] : part.map((p) => p.corrupt))];
    const at = prompts.map((p) => p.length - 1);
    const logits = scope(() => noGrad(() => model.run(prompts, { at, narrow: true }).logits));
    const values = await logits.data();
    logits.dispose();
    const row = (index: number) => values.subarray(index * vocabulary, (index + 1) * vocabulary);
    part.forEach(({ answers, wrongs }, i) => {
      if (favours(row(i), answers, wrongs) && (oneSided || favours(row(part.length + i), wrongs, answers))) right++;
    });
  }
  return right / pairs.length;
}

type Favours = (logits: ArrayLike<number>, up: readonly number[], down: readonly number[]) => boolean;

const allHigher: Favours = (logits, up, down) =>
  Math.min(...up.map((id) => logits[id])) > Math.max(...down.map((id) => logits[id]));

const moreProbable: Favours = (logits, up, down) => {
  const largest = Math.max(...[...up, ...down].map((id) => logits[id]));
  const total = (ids: readonly number[]): number => ids.reduce((sum, id) => sum + Math.exp(logits[id] - largest), 0);
  return total(up) > total(down);
};
