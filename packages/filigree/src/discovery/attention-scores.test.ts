import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { plantedInduction } from '../tasks/planted-induction.js';
import { noGrad, Scope } from '../tensor/index.js';
import { loadFolder, projectPath, sharedModel } from '../testing/fixtures.js';
import { attentionPatterns, headScores, repeatedRandomTokens } from './attention-scores.js';

describe('head scores', () => {
  it('are 1 where they must be, and only there, on a planted induction model', async () => {
    const { model } = plantedInduction({ beta: 40, decoys: 0, vocabulary: 24, length: 21 });
    const tokens = repeatedRandomTokens(model.config, { bos: 0, sequences: 4 });
    expect(tokens[0].length).toBe(21);
    const { scores } = await headScores(model, tokens);
    const [previous, induction] = [0, 1];
    expect(scores['previous-token'][previous]).toBeCloseTo(1, 3);
    expect(scores['induction'][induction]).toBeCloseTo(1, 3);
    expect(scores['induction'][previous]).toBeCloseTo(0, 3);
    expect(scores['duplicate-token'][previous]).toBeCloseTo(0, 3);
    expect(scores['duplicate-token'][induction]).toBeCloseTo(0, 3);
    model.dispose();
  });

  it('are what sums over the patterns by definition give, for sequences of any length', async () => {
    const model = await loadFolder(projectPath('fixtures/tiny-llama'));
    const { layers, heads } = model.config;
    const sequences = [
      [1, 5, 9, 5, 9, 9],
      [3, 3, 4, 8, 3, 4, 8, 6, 5, 4],
      [7, 2],
    ];
    const found = await headScores(model, sequences, { memory: 2 ** 16 });
    const patterns = await Promise.all(sequences.map((tokens) => attentionPatterns(model, tokens)));
    for (let l = 0; l < layers; l++) {
      for (let h = 0; h < heads; h++) {
        const lists: Record<string, number[]> = {
          induction: [],
          'previous-token': [],
          'duplicate-token': [],
          'first-token': [],
        };
        sequences.forEach((tokens, b) => {
          tokens.forEach((token, t) => {
            const at = (s: number): number =>
              patterns[b].patterns[((l * heads + h) * tokens.length + t) * tokens.length + s];
            const earlier = tokens.flatMap((other, s) => (other === token && s < t ? [s] : []));
            const total = (places: number[]): number => places.reduce((sum, s) => sum + at(s), 0);
            if (earlier.length > 0) {
              lists['duplicate-token'].push(total(earlier));
              lists['induction'].push(total(earlier.map((s) => s + 1)));
            }
            if (t > 0) {
              lists['previous-token'].push(at(t - 1));
              lists['first-token'].push(at(0));
            }
          });
        });
        for (const [name, list] of Object.entries(lists)) {
          const mean = list.reduce((a, b) => a + b, 0) / list.length;
          expect(found.scores[name as 'induction'][l * heads + h]).toBeCloseTo(mean, 5);
        }
      }
    }
    // Of [1 5 9 5 9 9]: t = 3, 4 have one earlier occurrence, t = 5 two.
    const short = await headScores(model, [sequences[0]]);
    expect(short.uniform['duplicate-token']).toBeCloseTo((1 / 4 + 1 / 5 + 2 / 6) / 3, 12);
    expect((await headScores(model, [[4, 5, 6]])).scores.induction[0]).toBeNaN();
    model.dispose();
  });

  const folder = sharedModel('stories260K');
  it.skipIf(!folder)('find the previous-token heads of a trained model', async () => {
    const model = await loadFolder(folder!);
    const tokens = repeatedRandomTokens(model.config);
    const { scores, uniform } = await headScores(model, tokens);
    expect(Math.max(...scores['previous-token'])).toBeGreaterThan(10 * uniform['previous-token']);
    model.dispose();
  });
});

describe('patterns', () => {
  it('are those of the run, rows summing to 1 over what comes before', async () => {
    const model = await loadFolder(projectPath('fixtures/tiny-llama'));
    const tokens = [1, 9, 4, 30, 9];
    const { patterns, layers, heads, length } = await attentionPatterns(model, tokens);
    expect([layers, heads, length]).toEqual([2, 4, 5]);
    const scope = new Scope();
    const run = scope.run(() => noGrad(() => model.run([tokens], { sites: ['blocks.1.attn.pattern'] })));
    expect([...patterns.subarray(heads * 25)]).toEqual([...run.site('blocks.1.attn.pattern').dataSync()]);
    scope.dispose();
    for (let row = 0; row < layers * heads * length; row++) {
      const values = patterns.subarray(row * length, (row + 1) * length);
      expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
      expect([...values.subarray((row % length) + 1)].every((value) => value === 0)).toBe(true);
    }
    model.dispose();
  });
});

describe('repeated random tokens', () => {
  const config = { context: 64, vocabulary: 200, bos: 1, eos: 2 };

  it('are different tokens said twice, the same for the same seed', () => {
    const sequences = repeatedRandomTokens(config, { length: 20, sequences: 3, seed: 4 });
    expect(sequences.length).toBe(3);
    for (const [first, ...rest] of sequences) {
      expect(first).toBe(1);
      expect(rest.slice(0, 20)).toEqual(rest.slice(20));
      expect(new Set(rest).size).toBe(20);
      expect(rest.some((id) => id === 1 || id === 2)).toBe(false);
    }
    expect(repeatedRandomTokens(config, { length: 20, sequences: 3, seed: 4 })).toEqual(sequences);
    expect(repeatedRandomTokens(config, { length: 20, sequences: 3, seed: 5 })).not.toEqual(sequences);
    expect(repeatedRandomTokens(config)[0].length).toBe(63);
    expect(repeatedRandomTokens(config, { bos: null })[0].length).toBe(64);
  });

  it('refuse what does not fit', () => {
    expect(() => repeatedRandomTokens(config, { length: 32 })).toThrow(/from 2 to 31/);
    expect(() => repeatedRandomTokens({ context: 4, vocabulary: 9, bos: 1 })).toThrow(InputError);
  });
});
