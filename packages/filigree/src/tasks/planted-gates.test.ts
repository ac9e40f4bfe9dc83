import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { mul, noGrad, scope, tensor } from '../tensor/index.js';
import { type PlantedGates, plantedGates } from './planted-gates.js';

/** Mean negative log-likelihood of the answers with only the named heads; the others write zero. */
function nll({ model, pairs }: PlantedGates, keep: (head: string) => boolean, count = 24, seed = 1): number {
  const data = pairs(count, seed);
  const { heads, vocabulary } = model.config;
  const values = scope(() =>
    noGrad(() => {
      const { logits } = model.run(
        data.map((p) => p.clean),
        {
          at: data.map((p) => p.clean.length - 1),
          edit(site, value) {
            const layer = /^blocks\.(\d+)\.attn\.z$/.exec(site)?.[1];
            if (layer === undefined) return value;
            const mask = Array.from({ length: heads }, (_, h) => Number(keep(`a${layer}.h${h}`)));
            return mul(value, tensor(mask, [1, 1, heads, 1]));
          },
        },
      );
      return logits;
    }),
  ).dataSync();
  const losses = data.map(({ answers }, i) => {
    const row = [...values.slice(vocabulary * i, vocabulary * (i + 1))];
    return Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0)) - row[answers[0]];
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / count;
}

const allHeads = ({ roles }: PlantedGates): string[] => Object.values(roles).flat().sort();
const without =
  (...names: string[]) =>
  (head: string): boolean =>
    !names.includes(head);

describe('plantedGates', () => {
  it('has eight heads of four roles', () => {
    const planted = plantedGates();
    expect(allHeads(planted)).toEqual(['a0.h0', 'a0.h1', 'a0.h2', 'a0.h3', 'a1.h0', 'a1.h1', 'a1.h2', 'a1.h3']);
    expect(planted.roles.irrelevant).toHaveLength(4);
    planted.model.dispose();
  });

  it('has the roles that it says, by enumeration of all 256 sets of heads', () => {
    const planted = plantedGates({ decoyDeviation: 0.1 });
    const heads = allHeads(planted);
    const loss = Array.from({ length: 256 }, (_, set) =>
      nll(planted, (head) => ((set >> heads.indexOf(head)) & 1) === 1, 16),
    );
    const setOf = (...names: string[]): number => names.reduce((set, name) => set | (1 << heads.indexOf(name)), 0);
    const best = loss.indexOf(Math.min(...loss));
    for (const head of ['a0.h0', 'a1.h0', 'a1.h1']) expect(best & setOf(head)).not.toBe(0);
    expect(best & setOf('a1.h2')).toBe(0);
    // What only perturbs changes the loss little, whatever else is there.
    const core = loss[setOf('a0.h0', 'a1.h0', 'a1.h1')];
    expect(core - loss[best]).toBeLessThan(0.05);
    // With the previous-token head gone, even the best set is no better than a guess among the tokens.
    const guess = Math.log(planted.model.config.vocabulary);
    expect(Math.min(...loss.filter((_, set) => (set & setOf('a0.h0')) === 0))).toBeGreaterThan(guess - 0.5);
    // Two heads do it; three do it better; the saboteur makes both worse.
    expect(loss[setOf('a0.h0', 'a1.h0')]).toBeLessThan(0.5);
    expect(core).toBeLessThan(loss[setOf('a0.h0', 'a1.h0')] - 0.1);
    expect(loss[setOf('a0.h0', 'a1.h0', 'a1.h1', 'a1.h2')]).toBeGreaterThan(core + 0.02);
    planted.model.dispose();
  });

  it('hides both copies from knock-outs of single heads at a scale of 12', () => {
    const planted = plantedGates({ scale: 12, sabotage: 4, decoyDeviation: 0.1 });
    const whole = nll(planted, () => true);
    // Twelve tokens, of which the right one has 12 - 4 logits more than the others: ln(1 + 11 e^-8).
    const one = Math.log(1 + 11 * Math.exp(-8));
    for (const copy of planted.roles.redundant) expect(nll(planted, without(copy)) - whole).toBeCloseTo(one, 3);
    expect(nll(planted, without(...planted.roles.redundant)) - whole).toBeGreaterThan(4);
    expect(nll(planted, without('a0.h0')) - whole).toBeGreaterThan(2);
    expect(nll(planted, without('a1.h2'))).toBeLessThanOrEqual(whole);
    planted.model.dispose();
  });

  it.each([
    [{ scale: 0 }, /scale must be a positive number/],
    [{ sabotage: -1 }, /sabotage/],
    [{ beta: Number.POSITIVE_INFINITY }, /beta/],
    [{ length: 13 }, /needs a vocabulary as large/],
    [{ length: 3 }, /length must be a whole number of at least 4/],
    [{ decoys: 1.5 }, /decoys/],
  ])('refuses %j', (options, message) => {
    expect(() => plantedGates(options)).toThrow(InputError);
    expect(() => plantedGates(options)).toThrow(message);
  });
});
