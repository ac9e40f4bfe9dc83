import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { accuracy, eapIg, evaluateScores, findRecipe, findTask, taskPairs, tasks, tokenizerOf } from 'filigree';
import { openModel } from 'filigree/node';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const stories = `${process.env['FILIGREE_SHARED'] ?? `${root}../shared`}/models/stories260K`;
if (!existsSync(stories)) console.warn(`skipped: there is no ${stories}`);

describe('the model that the project ships', () => {
  it('is right on nine of ten unseen pairs of every task, and on four of five of indirect objects', async () => {
    const { model, tokenizer } = await openModel(`${root}models/mix4`);
    for (const task of tasks) {
      const { pairs } = taskPairs(task, tokenizer!, { count: 200, seed: 17, part: 'evaluation', context: 64 });
      expect(pairs).toHaveLength(200);
      // Both prompts of `ioi-hard` ask for a name, so that two right answers make a pair: about 0.8 squared.
      const least = { ioi: 0.8, 'ioi-abc-all': 0.8, 'ioi-hard': 0.64 }[task.name] ?? 0.9;
      expect(await accuracy(model, pairs, task), task.name).toBeGreaterThanOrEqual(least);
    }
    model.dispose();
  });

  it('has the tokenizer that its recipe makes', () => {
    const made = tokenizerOf(findRecipe('mix4'), 0).tokenizer;
    expect(JSON.parse(readFileSync(`${root}models/mix4/tokenizer.json`, 'utf8'))).toEqual(made);
  });

  it('is small', () => {
    expect(statSync(`${root}models/mix4/model.safetensors`).size).toBeLessThan(2e6);
  });
});

describe.skipIf(!existsSync(stories))('stories260K on pronoun', () => {
  it('does four fifths of the difference with 20 of its 2,461 edges, on unseen pairs', async () => {
    const { model, tokenizer } = await openModel(stories);
    const pairs = (part: 'discovery' | 'evaluation') =>
      taskPairs(findTask('pronoun'), tokenizer!, { count: 40, seed: 0, part }).pairs;
    const { graph, scores } = await eapIg(model, pairs('discovery'));
    expect(graph.edges).toBe(2461);
    const { faithfulness, random } = await evaluateScores(model, graph, scores, pairs('evaluation'), { sizes: [20] });
    expect(faithfulness[0]).toBeGreaterThan(0.8);
    expect(Math.abs(random!.mean[0])).toBeLessThan(0.05);
    model.dispose();
  });
});
