import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { add, noGrad, scope, sub, type Tensor, tensor } from '../tensor/index.js';
import { type PlantedPositional, plantedPositional, type SpannedPair, spanNames } from './planted-positional.js';

/** The right logit less the wrong one, at the end of a prompt. */
function difference(
  { model }: PlantedPositional,
  pair: SpannedPair,
  tokens: readonly number[],
  edit?: (site: string, value: Tensor) => Tensor,
): number {
  const run = () => model.run([tokens], { at: [tokens.length - 1], split: edit !== undefined, edit });
  const logits = scope(() => noGrad(() => run().logits)).dataSync();
  return logits[pair.answers[0]] - logits[pair.wrongs[0]];
}

/** The change when head 1 of layer 0 takes its corrupted value in what the induction head's values read, at some positions only. */
function cutAt(planted: PlantedPositional, pair: SpannedPair, positions: readonly number[]): number {
  const { model } = planted;
  const { heads, width } = model.config;
  const site = 'blocks.0.attn.result';
  const results = (tokens: readonly number[]): Tensor => model.run([tokens], { sites: [site] }).site(site);
  const change = sub(results(pair.corrupt), results(pair.clean)).dataSync();
  const patch = new Float32Array(change.length);
  for (const t of positions) {
    // From head 1, which writes, to head 0, which reads.
    for (let i = 0; i < width; i++) patch[(t * heads + 0) * width + i] = change[(t * heads + 1) * width + i];
  }
  const delta = tensor(patch, [1, pair.clean.length, heads, width]);
  const edited = difference(planted, pair, pair.clean, (name, value) =>
    name === 'blocks.1.v_input' ? add(value, delta) : value,
  );
  return edited - difference(planted, pair, pair.clean);
}

describe('plantedPositional', () => {
  it('favours the right answer by 4 (1 - 2 astray), and after the corrupted prompt the other', () => {
    for (const astray of [0.4, 0.2]) {
      const planted = plantedPositional({ beta: 40, decoys: 0, astray });
      for (const pair of planted.pairs(10, 2)) {
        expect(difference(planted, pair, pair.clean)).toBeCloseTo(4 * (1 - 2 * astray), 3);
        expect(difference(planted, pair, pair.corrupt)).toBeCloseTo(-4 * (1 - 2 * astray), 3);
      }
      planted.model.dispose();
    }
  });

  it('has a head that helps at one position, hurts at another, and is idle elsewhere: patched position by position', () => {
    const planted = plantedPositional({ beta: 40, decoys: 0 });
    for (const pair of planted.pairs(5, 3)) {
      for (const name of spanNames) {
        const [from, to] = pair.spans[name];
        const positions = Array.from({ length: to - from }, (_, i) => from + i);
        const expected = { next: -8 * 0.6, rival: 8 * 0.4 }[name as 'next' | 'rival'] ?? 0;
        expect(cutAt(planted, pair, positions), name).toBeCloseTo(expected, 3);
      }
      const everywhere = pair.clean.map((_, t) => t);
      expect(cutAt(planted, pair, everywhere)).toBeCloseTo(-8 * 0.6 + 8 * 0.4, 3);
    }
    planted.model.dispose();
  });

  it('draws pairs by the seed alone, whose parts tile the prompt and hold what they say', () => {
    const { model, pairs } = plantedPositional();
    const data = pairs(100, 5);
    expect(pairs(100, 5)).toEqual(data);
    expect(pairs(100, 6)).not.toEqual(data);
    for (const { clean, corrupt, answers, wrongs, spans } of data) {
      const edges = spanNames.flatMap((name) => spans[name]);
      expect(edges[0]).toBe(0);
      expect(edges.at(-1)).toBe(clean.length);
      for (let i = 1; i + 1 < edges.length; i += 2) expect(edges[i]).toBe(edges[i + 1]);
      for (const [tokens, right, wrong, otherAsked] of [
        [clean, answers[0], wrongs[0], corrupt.at(-1)!],
        [corrupt, wrongs[0], answers[0], clean.at(-1)!],
      ] as const) {
        expect(tokens[spans.asked[0]]).toBe(tokens[spans.end[0]]);
        expect(tokens[spans.next[0]]).toBe(right);
        expect(tokens[spans.rival[0]]).toBe(wrong);
        expect(new Set(tokens).size).toBe(tokens.length - 1);
        expect(tokens).not.toContain(otherAsked);
      }
    }
    model.dispose();
  });

  it.each([0, 1, 2, 3])('answers right in spite of decoys: seed %i', (seed) => {
    const planted = plantedPositional({ seed });
    const right = planted.pairs(40, seed).filter((pair) => difference(planted, pair, pair.clean) > 0);
    expect(right.length).toBeGreaterThan(38);
    planted.model.dispose();
  });

  it.each([
    [{ astray: 0.5 }, /astray must be below 1\/2/],
    [{ astray: 0 }, /astray must be a positive number/],
    [{ length: 16 }, /larger vocabulary/],
    [{ length: 5 }, /length must be a whole number of at least 6/],
    [{ decoyScale: Number.NaN }, /decoyScale/],
  ])('refuses %j', (options, message) => {
    expect(() => plantedPositional(options)).toThrow(InputError);
    expect(() => plantedPositional(options)).toThrow(message);
  });
});
