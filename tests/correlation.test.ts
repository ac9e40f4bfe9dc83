import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type EdgeScores, eapIg, exactPatching, findTask, pearson, taskPairs } from 'filigree';
import { openModel } from 'filigree/node';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const shared = process.env['FILIGREE_SHARED'] ?? `${root}../shared`;

/** Few pairs, since every edge is patched on each. */
const models: [name: string, folder: string, pairs: number][] = [
  ['the model that the project ships', `${root}models/mix4`, 8],
  ['stories260K', `${shared}/models/stories260K`, 3],
];

describe.each(models)('on pronoun in %s', (_, folder, count) => {
  const there = existsSync(folder);
  if (!there) console.warn(`skipped: there is no ${folder}`);

  it.skipIf(!there)('EAP-IG agrees with patching every edge', async () => {
    const { model, tokenizer } = await openModel(folder);
    const { pairs } = taskPairs(findTask('pronoun'), tokenizer!, { count, seed: 0 });
    const [exact, estimate] = [await exactPatching(model, pairs), await eapIg(model, pairs)];
    const of = ({ graph, scores }: EdgeScores): number[] => [...graph.places()].map((place) => scores[place]);
    expect(pearson(of(estimate), of(exact))).toBeGreaterThan(0.99);
    model.dispose();
  });
});
