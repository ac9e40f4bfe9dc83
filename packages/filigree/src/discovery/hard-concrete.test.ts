import { describe, expect, it } from 'vitest';
import { backward, ones, Random, scope, tensor, track } from '../tensor/index.js';
import { hardConcrete, openChance, openProbability } from './hard-concrete.js';

const logits = [-4, -2, -0.5, 0, 1, 3];
const draws = 4000;

describe('hardConcrete', () => {
  it('is open as often as openProbability says, and then mostly at its ends', () => {
    scope(() => {
      const table = tensor(
        logits.flatMap((a) => new Array<number>(draws).fill(a)),
        [logits.length, draws],
      );
      const samples = hardConcrete(table, new Random(1)).dataSync();
      const expected = openProbability(tensor(logits)).dataSync();
      logits.forEach((a, i) => {
        const own = samples.slice(i * draws, (i + 1) * draws);
        expect(Math.min(...own)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...own)).toBeLessThanOrEqual(1);
        const open = own.filter((z) => z > 0).length / draws;
        const deviation = Math.sqrt((expected[i] * (1 - expected[i])) / draws);
        expect(Math.abs(open - expected[i])).toBeLessThan(4 * deviation);
        expect(openChance(a)).toBeCloseTo(expected[i], 6);
        // P(z = 1) is P(z > 0) of the mirrored logit's complement.
        const whole = own.filter((z) => z === 1).length / draws;
        const chance = 1 - openChance(-a);
        expect(Math.abs(whole - chance)).toBeLessThan(4 * Math.sqrt((chance * (1 - chance)) / draws) + 1e-3);
      });
    });
  });

  it('passes gradients where it is not clipped, and none where it is', () => {
    scope(() => {
      const a = track(tensor(new Array<number>(200).fill(0)));
      const z = hardConcrete(a, new Random(2));
      const [gradient] = backward([{ tensor: z, seed: ones(z.shape) }], [a]);
      const slopes = gradient!.dataSync();
      const values = z.dataSync();
      const inside = [...values.keys()].filter((i) => values[i] > 0 && values[i] < 1);
      expect(inside.length).toBeGreaterThan(50);
      values.forEach((value, i) => {
        const s = (value + 0.1) / 1.2;
        const clipped = value === 0 || value === 1;
        expect(slopes[i]).toBeCloseTo(clipped ? 0 : 1.2 * s * (1 - s) * 1.5, 5);
      });
    });
  });

  it('draws by the seed alone', () => {
    scope(() => {
      const a = tensor(logits);
      const draw = (seed: number): number[] => [...hardConcrete(a, new Random(seed)).dataSync()];
      expect(draw(1)).toEqual(draw(1));
      expect(draw(1)).not.toEqual(draw(2));
    });
  });
});
