import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import type { Transformer } from '../nn/transformer.js';
import { plantedInduction } from '../tasks/planted-induction.js';
import type { Pair } from '../tasks/task.js';
import { noGrad, Scope, type Tensor, tensor } from '../tensor/index.js';
import { loadFolder, projectPath, readFixturePairs } from '../testing/fixtures.js';
import { headSites, type PatchDirection, type PatchSite, patchActivations, streamSites } from './patching.js';
import { alignedPairs, positionTokens } from './positions.js';

const allPairs = readFixturePairs(projectPath('fixtures/expected/tiny-llama-pairs.jsonl'));

/** Logit difference of one run of one prompt; `change` edits the values of one site in place. */
function logitDifference(
  model: Transformer,
  pair: Pair,
  prompt: readonly number[],
  site = '',
  change: (values: Float32Array, shape: readonly number[]) => void = () => {},
): number {
  const scope = new Scope();
  const logits = scope.run(() =>
    noGrad(() => {
      const edit = (name: string, value: Tensor): Tensor => {
        if (name !== site) return value;
        const values = Float32Array.from(value.dataSync());
        change(values, value.shape);
        return tensor(values, value.shape);
      };
      return model.run([prompt], { ungroup: true, edit }).logits;
    }),
  );
  const { vocabulary } = model.config;
  const last = logits.dataSync().slice((prompt.length - 1) * vocabulary);
  const mean = (ids: readonly number[]): number => ids.reduce((sum, id) => sum + last[id], 0) / ids.length;
  scope.dispose();
  return mean(pair.answers) - mean(pair.wrongs);
}

/** The metric with one cell patched, one pair at a time, all layers run, values exchanged one by one. */
function byHand(
  model: Transformer,
  pairs: readonly Pair[],
  site: string,
  denoising: boolean,
  inside: (head: number, position: number) => boolean,
  [heads, positions]: [headAxis: number, positionAxis: number],
): number {
  const each = pairs.map((pair) => {
    const [own, other] = denoising ? [pair.corrupt, pair.clean] : [pair.clean, pair.corrupt];
    let source = new Float32Array();
    logitDifference(model, pair, other, site, (values) => {
      source = values.slice();
    });
    return logitDifference(model, pair, own, site, (values, shape) => {
      for (let i = 0; i < values.length; i++) {
        const place: number[] = [];
        for (let d = shape.length - 1, rest = i; d >= 0; rest = Math.floor(rest / shape[d]), d--)
          place[d] = rest % shape[d];
        if (inside(heads < 0 ? 0 : place[heads], place[positions])) values[i] = source[i];
      }
    });
  });
  return each.reduce((a, b) => a + b, 0) / pairs.length;
}

describe.each(['tiny-llama', 'tiny-qwen2', 'tiny-gpt2', 'tiny-neox', 'tiny-gemma2'])(
  'activation patching on %s',
  (name) => {
    let model: Transformer;
    const pairs = readFixturePairs(projectPath(`fixtures/expected/${name}-pairs.jsonl`));
    const aligned = alignedPairs(pairs);
    beforeAll(async () => {
      model = await loadFolder(projectPath(`fixtures/${name}`));
    });
    afterAll(() => model.dispose());

    it.each(streamSites)('is what exchanging %s by hand gives, at every layer and position', async (site) => {
      if (site === 'resid_mid' && model.config.parallel) {
        await expect(patchActivations(model, aligned, site)).rejects.toThrow(/there is no resid_mid/);
        return;
      }
      const map = await patchActivations(model, aligned, site);
      const length = aligned[0].clean.length;
      expect([map.heads, map.positions]).toEqual([1, length]);
      for (let layer = 0; layer < model.config.layers; layer++) {
        for (let position = 0; position < length; position++) {
          const at = (_: number, t: number): boolean => t === position;
          const hand = byHand(model, aligned, `blocks.${layer}.${site}`, false, at, [-1, 1]);
          expect(map.metrics[layer * length + position]).toBeCloseTo(hand, 4);
        }
      }
    });

    it.each(headSites)('is what exchanging %s of a head by hand gives, over prompts of any length', async (site) => {
      const axes: [number, number] = site === 'pattern' ? [1, 2] : [2, 1];
      for (const direction of ['noising', 'denoising'] as const) {
        const map = await patchActivations(model, pairs, site, { direction });
        for (const [layer, head] of [
          [0, 0],
          [1, model.config.heads - 1],
        ]) {
          const at = (h: number): boolean => h === head;
          const hand = byHand(model, pairs, `blocks.${layer}.attn.${site}`, direction === 'denoising', at, axes);
          expect(map.metrics[layer * model.config.heads + head], `${direction} ${layer}.${head}`).toBeCloseTo(hand, 4);
        }
      }
    });

    it('patches a head at one position', async () => {
      const length = aligned[0].clean.length;
      for (const site of ['z', 'pattern'] as const) {
        const map = await patchActivations(model, aligned, site, { byPosition: true, memory: 2 ** 20 });
        const [head, position] = [1, length - 1];
        const at = (h: number, t: number): boolean => h === head && t === position;
        const axes: [number, number] = site === 'pattern' ? [1, 2] : [2, 1];
        const hand = byHand(model, aligned, `blocks.1.attn.${site}`, false, at, axes);
        expect(map.metrics[(model.config.heads + head) * length + position]).toBeCloseTo(hand, 4);
      }
    });
  },
);

describe('patching', () => {
  it('says of a planted circuit what each head does, and through what', async () => {
    const { model, pairs } = plantedInduction({ beta: 12, decoys: 0 });
    const data = pairs(16, 3);
    const effects = async (site: PatchSite, direction: PatchDirection) => [
      ...(await patchActivations(model, data, site, { direction })).effects,
    ];
    const z = await effects('z', 'noising');
    // All of the answer is written by the induction head; the previous-token head is half of what it needs.
    expect(z[1]).toBeCloseTo(1, 3);
    expect(z[0]).toBeGreaterThan(0.3);
    expect(z[0]).toBeLessThan(0.7);
    expect((await effects('z', 'denoising'))[1]).toBeCloseTo(0, 3);
    // The previous-token head attends by position, which is the same in both prompts: only its values carry what differs.
    for (const site of ['pattern', 'q', 'k'] as const) expect((await effects(site, 'noising'))[0]).toBeCloseTo(0, 4);
    expect((await effects('v', 'noising'))[0]).toBeCloseTo(z[0], 4);
    // A corrupted pattern over clean values is the same run whichever prompt it started from.
    const induction = (site: PatchSite, direction: PatchDirection) => effects(site, direction).then((all) => all[1]);
    expect(await induction('pattern', 'noising')).toBeCloseTo(await induction('v', 'denoising'), 3);
    expect(await induction('v', 'noising')).toBeCloseTo(await induction('pattern', 'denoising'), 3);
    model.dispose();
  });

  it('finds no use in the decoys of a planted model', async () => {
    const { model, pairs } = plantedInduction({ beta: 12, decoys: 2 });
    const { effects } = await patchActivations(model, pairs(16, 3), 'z');
    for (const decoy of [1, 2, 4, 5]) expect(Math.abs(effects[decoy])).toBeLessThan(0.05);
    expect(effects[3]).toBeGreaterThan(0.95);
    model.dispose();
  });

  it('goes from 0 to 1: nothing differs at the first layer but the tokens, everything at the last position of the last', async () => {
    const model = await loadFolder(projectPath('fixtures/tiny-llama'));
    const pairs = alignedPairs(allPairs);
    const tokens = positionTokens(pairs);
    for (const direction of ['noising', 'denoising'] as const) {
      const [start, end] = [
        await patchActivations(model, pairs, 'resid_pre', { direction }),
        await patchActivations(model, pairs, 'resid_post', { direction }),
      ];
      const idle = direction === 'noising' ? 0 : 1;
      tokens.forEach(({ differs }, t) => {
        if (!differs) expect(start.effects[t]).toBeCloseTo(idle, 4);
      });
      expect(end.effects.at(-1)).toBeCloseTo(1 - idle, 4);
    }
    model.dispose();
  });

  it('gives the same in little memory, tells how far it is, and stops when asked', async () => {
    const model = await loadFolder(projectPath('fixtures/tiny-llama'));
    const seen: number[] = [];
    const whole = await patchActivations(model, allPairs, 'z', {
      metric: 'kl',
      onProgress: ({ done, total }) => seen.push(done / total),
    });
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(whole.metric.clean).toBeCloseTo(0, 5);
    const small = await patchActivations(model, allPairs, 'z', { metric: 'kl', memory: 2 ** 20 });
    small.metrics.forEach((value, i) => {
      expect(value).toBeCloseTo(whole.metrics[i], 4);
    });
    await expect(patchActivations(model, allPairs, 'z', { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
    model.dispose();
  });

  it('refuses what makes no sense', async () => {
    const { model, pairs } = plantedInduction();
    const refusal = (site: PatchSite, data: readonly Pair[]) => expect(patchActivations(model, data, site)).rejects;
    await refusal('mlp_out', pairs(2, 0)).toThrow(InputError);
    const [one] = pairs(1, 0);
    const short = { ...one, clean: one.clean.slice(1), corrupt: one.corrupt.slice(1) };
    await refusal('resid_pre', [one, short]).toThrow(/9 to 10 tokens/);
    model.dispose();
  });
});

describe('positions', () => {
  it('keeps the commonest length', () => {
    const pair = (clean: number[], corrupt = clean): Pair => ({ clean, corrupt, answers: [0], wrongs: [1] });
    const kept = alignedPairs([pair([1]), pair([1, 2]), pair([3, 2], [4, 2]), pair([5]), pair([5, 2])]);
    expect(kept.map((p) => p.clean[0])).toEqual([1, 3, 5]);
    expect(positionTokens(kept)).toEqual([
      { clean: [1, 3, 5], corrupt: [1, 4, 5], differs: true },
      { clean: [2], corrupt: [2], differs: false },
    ]);
    expect(alignedPairs([])).toEqual([]);
  });
});
