import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { noGrad, scope } from '../tensor/index.js';

/**
 * Share of pairs that a model gets right on both sides: after the clean prompt every answer has a higher logit than every wrong
 * one, after the corrupted prompt the reverse.
 */
export async function accuracy(model: Transformer, pairs: readonly Pair[]): Promise<number> {
  const atOnce = 32;
  let right = 0;
  for (let start = 0; start < pairs.length; start += atOnce) {
    const part = pairs.slice(start, start + atOnce);
    const prompts = [...part.map((p) => p.clean), ...part.map((p) => p.corrupt)];
    const at = prompts.map((p) => p.length - 1);
    const logits = scope(() => noGrad(() => model.run(prompts, { at, narrow: true }).logits));
    const values = await logits.data();
    logits.dispose();
    const { vocabulary } = model.config;
    const margin = (row: number, up: readonly number[], down: readonly number[]): number => {
      const of = (ids: readonly number[]): number[] => ids.map((id) => values[row * vocabulary + id]);
      return Math.min(...of(up)) - Math.max(...of(down));
    };
    part.forEach(({ answers, wrongs }, i) => {
      if (margin(i, answers, wrongs) > 0 && margin(part.length + i, wrongs, answers) > 0) right++;
    });
  }
  return right / pairs.length;
}
