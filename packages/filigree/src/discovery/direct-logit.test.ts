import { describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/index.js';
import { plantedInduction } from '../tasks/planted-induction.js';
import { noGrad, Scope, setDefaultDevice, type Tensor, tensor } from '../tensor/index.js';
import { loadFolder, projectPath, readFixturePairs } from '../testing/fixtures.js';
import { type DirectLogits, directByLayer, directLogits } from './direct-logit.js';

/** All contributions together. */
function added(of: DirectLogits): number {
  const parts = [of.head, of.neuron, of.attentionBias, of.mlpBias];
  return of.embed + of.normBias + parts.reduce((sum, part) => sum + part.reduce((a, b) => a + b, 0), 0);
}

/** Runs on doubles, where sums can be compared to the last digits. */
async function inDoubles(work: () => Promise<void>): Promise<void> {
  const before = setDefaultDevice(createReferenceDevice('f64'));
  try {
    await work();
  } finally {
    setDefaultDevice(before);
  }
}

describe.each(['tiny-llama', 'tiny-qwen2', 'tiny-gpt2', 'tiny-neox', 'tiny-gemma2'])(
  'direct logit attribution on %s',
  (name) => {
    const pairs = readFixturePairs(projectPath(`fixtures/expected/${name}-pairs.jsonl`));

    it('adds up to the logit difference', async () => {
      await inDoubles(async () => {
        const model = await loadFolder(projectPath(`fixtures/${name}`));
        const found = await directLogits(model, pairs);
        expect(added(found)).toBeCloseTo(found.total, 10);
        const { attention, mlp } = directByLayer(found);
        const layers = [...attention, ...mlp].reduce((a, b) => a + b, 0);
        expect(found.embed + found.normBias + layers).toBeCloseTo(found.total, 10);
        // Without wrong tokens it is the answers' own logit that is explained.
        const alone = pairs.map((pair) => ({ ...pair, wrongs: [] }));
        const logit = await directLogits(model, alone);
        expect(added(logit)).toBeCloseTo(logit.total, 10);
        expect(Math.abs(logit.total - found.total)).toBeGreaterThan(1e-3);
        model.dispose();
      });
    });

    it('is the change of the difference when a component falls silent and the final norm keeps its scale', async () => {
      await inDoubles(async () => {
        const model = await loadFolder(projectPath(`fixtures/${name}`));
        const pair = pairs[0];
        const found = await directLogits(model, [pair]);
        const last = pair.clean.length - 1;
        const scope = new Scope();
        const { layers, heads, mlpWidth, vocabulary, postNorms, logitCap } = model.config;
        const post = `blocks.${layers - 1}.ln2_post.scale`;
        /** The difference when the last layer's site has zeros at one place of its last axis but one, or last. */
        const silent = (
          site: string,
          index: number,
          frozen?: { scale: Tensor; post?: Tensor },
        ): { difference: number; scale: Tensor; post?: Tensor } =>
          scope.run(() =>
            noGrad(() => {
              const run = model.run([pair.clean], {
                at: [last],
                sites: ['ln_final.scale', ...(postNorms ? [post] : [])],
                edit(visited, value) {
                  if (visited === 'ln_final.scale' && frozen) return frozen.scale;
                  if (visited === post && frozen?.post) return frozen.post;
                  if (visited !== site) return value;
                  const values = Float64Array.from(value.dataSync());
                  const perHead = site.endsWith('z');
                  const width = perHead ? value.shape[3] : 1;
                  const count = perHead ? heads : mlpWidth;
                  values.fill(0, (last * count + index) * width, (last * count + index + 1) * width);
                  return tensor(values, value.shape);
                },
              });
              const uncapped = (y: number): number =>
                logitCap === undefined ? y : logitCap * Math.atanh(y / logitCap);
              const logits = Array.from(run.logits.dataSync(), uncapped);
              expect(logits.length).toBe(vocabulary);
              const mean = (ids: readonly number[]): number => ids.reduce((s, id) => s + logits[id], 0) / ids.length;
              return {
                difference: mean(pair.answers) - mean(pair.wrongs),
                scale: run.site('ln_final.scale'),
                ...(postNorms ? { post: run.site(post) } : {}),
              };
            }),
          );
        const whole = silent('none', 0);
        // The last layer's MLP does not read itself, so silence there has a direct effect only; its heads would move the MLP.
        for (const neuron of [0, 7, mlpWidth - 1]) {
          const { difference } = silent(`blocks.${layers - 1}.mlp.post`, neuron, whole);
          expect(found.neuron[(layers - 1) * mlpWidth + neuron]).toBeCloseTo(whole.difference - difference, 9);
        }
        expect(found.total).toBeCloseTo(whole.difference, 9);
        scope.dispose();
        model.dispose();
      });
    });
  },
);

describe('direct logit attribution', () => {
  it('gives all of the planted answer to the induction head', async () => {
    const { model, pairs } = plantedInduction({ beta: 12, decoys: 2 });
    const found = await directLogits(model, pairs(16, 0));
    expect(added(found)).toBeCloseTo(found.total, 4);
    expect(found.head[3]).toBeCloseTo(found.total, 0);
    expect(found.head[3]).toBeGreaterThan(3);
    expect(found.head[0]).toBeCloseTo(0, 5);
    expect(found.neuron.length).toBe(0);
    expect(found.embed).toBeCloseTo(0, 5);
    model.dispose();
  });

  it('gives the same in little memory', async () => {
    const model = await loadFolder(projectPath('fixtures/tiny-llama'));
    const pairs = readFixturePairs(projectPath('fixtures/expected/tiny-llama-pairs.jsonl'));
    const [whole, parts] = [await directLogits(model, pairs), await directLogits(model, pairs, { memory: 2 ** 19 })];
    parts.neuron.forEach((value, i) => {
      expect(value).toBeCloseTo(whole.neuron[i], 5);
    });
    expect(parts.total).toBeCloseTo(whole.total, 5);
    expect(added(whole)).toBeCloseTo(whole.total, 4);
    model.dispose();
  });
});
