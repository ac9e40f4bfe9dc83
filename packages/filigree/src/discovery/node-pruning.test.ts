import { beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { Transformer } from '../nn/transformer.js';
import { randomParameters } from '../nn/weights.js';
import { plantedDepth } from '../tasks/planted-depth.js';
import { backward, noGrad, ones, Random, scope, type Tensor, tensor, track } from '../tensor/index.js';
import {
  binarisedMargins,
  levelsOf,
  nonsensePairs,
  resampledMargins,
  sameSupport,
  twoMeans,
} from './channel-checks.js';
import { channelCircuit } from './channel-circuit.js';
import { searchChannels } from './channel-search.js';
import { type ChannelModel, ChannelSpace, channelModel, constantValues } from './channels.js';
import { examineChannels } from './examine-channels.js';
import { channelGradients, cutChannels, learnChannelMask } from './node-pruning.js';
import {
  calibrate,
  calibratedLoss,
  marginsUnder,
  maskedMargins,
  type Question,
  questionsOf,
  shareRight,
  twoWayLoss,
} from './two-way.js';
import { weightEdges } from './weight-edges.js';

const planted = plantedDepth({ seed: 0 });
const pairs = planted.pairs(48, 1);
const questions = questionsOf(pairs);
const texts = planted.pairs(100, 9).flatMap((pair) => [pair.clean, pair.corrupt]);
/** What `plantedDepth` is made of: brackets at two places of the stream, the depth, the neuron of the threshold, the answer. */
const truth = ['0.attn_in.0', '0.attn_in.1', '0.v.h0.0', '0.attn_out.11', '1.mlp_in.11', '1.neuron.0', '1.mlp_out.15'];

let own: ChannelModel;
beforeAll(async () => {
  own = await channelModel(planted.model, texts);
});

const named = (kept: ArrayLike<number>): string[] =>
  Array.from(kept).flatMap((k, channel) => (k ? [own.space.name(channel)] : []));
const maskOf = (names: readonly string[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: own.space.size }, (_, channel) => Number(names.includes(own.space.name(channel))));

describe('channels', () => {
  it('are numbered in order, each with a name of its own', () => {
    const { space } = own;
    expect(new Set(Array.from({ length: space.size }, (_, channel) => space.name(channel))).size).toBe(space.size);
    expect(space.groups.map(({ first, size }) => first + size).at(-1)).toBe(space.size);
    const grouped = new ChannelSpace({ ...planted.model.config, kvHeads: 1 });
    expect(grouped.group(0, 'k').size).toBe(planted.model.config.headWidth);
  });

  it('have the means that a sum over all positions gives', async () => {
    const { space, means } = own;
    const { first, size, site } = space.group(1, 'neuron');
    const sums = new Float64Array(size);
    let positions = 0;
    for (const row of texts) {
      const value = scope(() => noGrad(() => planted.model.run([row], { sites: [site] }).site(site)));
      (await value.data()).forEach((x, i) => {
        sums[i % size] += x;
      });
      positions += row.length;
      value.dispose();
    }
    sums.forEach((sum, i) => {
      expect(means[first + i]).toBeCloseTo(sum / positions, 4);
    });
  });

  it('change nothing where all are kept, and make all prompts alike where none is', async () => {
    const all = await maskedMargins(own, questions, new Uint8Array(own.space.size).fill(1));
    const plain = scope(() =>
      noGrad(() => {
        const { logits } = planted.model.run(
          questions.map(({ tokens }) => tokens),
          { at: questions.map(({ tokens }) => tokens.length - 1) },
        );
        return Array.from(logits.dataSync());
      }),
    );
    const { vocabulary } = planted.model.config;
    questions.forEach(({ right, wrong }, row) => {
      expect(all[row]).toBeCloseTo(plain[row * vocabulary + right] - plain[row * vocabulary + wrong], 4);
    });
    const none = await maskedMargins(own, questions, new Uint8Array(own.space.size));
    questions.forEach(({ right, wrong }, row) => {
      expect(none[row] * Math.sign(right - wrong)).toBeCloseTo(
        none[0] * Math.sign(questions[0].right - questions[0].wrong),
        4,
      );
    });
  });

  it('have slopes by their masks that differences confirm', async () => {
    const part = questions.slice(0, 6);
    const start = new Random(3).normals(own.space.size, 0.1).map((x) => 0.7 + x);
    const lossAt = (mask: ArrayLike<number>): number =>
      scope(() =>
        noGrad(() =>
          twoWayLoss(
            marginsUnder(
              own,
              part,
              tensor(mask, [own.space.size]),
              constantValues(tensor(own.means, [own.space.size])),
            ),
          ).dataSync(),
        ),
      )[0];
    const slopes = scope(() => {
      const mask = track(tensor(start, [own.space.size]));
      const loss = twoWayLoss(marginsUnder(own, part, mask, constantValues(tensor(own.means, [own.space.size]))));
      return Array.from((backward([{ tensor: loss, seed: ones([]) }], [mask])[0] as Tensor).dataSync());
    });
    for (const name of truth) {
      const channel = maskOf([name]).indexOf(1);
      const moved = (by: number): number => lossAt(start.map((m, i) => (i === channel ? m + by : m)));
      expect(slopes[channel], name).toBeCloseTo((moved(0.01) - moved(-0.01)) / 0.02, 2);
    }
  });
});

describe('pruning the planted depth circuit', () => {
  it('returns exactly its channels and its weights', async () => {
    const { best } = await searchChannels(own, questions, { price: 30, steps: 150, lr: 3e-3 });
    expect(best.reached).toBe(true);
    expect(named(best.kept).sort()).toEqual([...truth].sort());
    const said = best.edges.map(({ source, target, weight }) => [
      own.space.name(source),
      own.space.name(target),
      weight,
    ]);
    expect(said).toEqual([
      ['0.attn_in.0', '0.v.h0.0', 1],
      ['0.attn_in.1', '0.v.h0.0', -1],
      ['0.v.h0.0', '0.attn_out.11', 10],
      ['1.mlp_in.11', '1.neuron.0', 2],
      ['1.neuron.0', '1.mlp_out.15', 4],
    ]);
  });

  it('gives the same parameters for the same seed, within their range, and others for another', async () => {
    const run = (seed: number) => learnChannelMask(own, questions, { steps: 4, seed });
    const [a, b, c] = [await run(1), await run(1), await run(2)];
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
    const far = await learnChannelMask(own, questions, { steps: 5, lr: 3, price: 1000 });
    expect(Math.min(...far)).toBe(-1);
  });

  it('cuts every ranking at the smallest size that reaches the loss, by brute force', async () => {
    const scores = await channelGradients(own, questions);
    const cut = await cutChannels(own, questions, scores, { calibrated: false, target: 0.3 });
    const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a] || a - b);
    const lossOf = async (size: number): Promise<number> => {
      const kept = new Uint8Array(own.space.size);
      for (const channel of order.slice(0, size)) kept[channel] = 1;
      return calibratedLoss(await maskedMargins(own, questions, kept), questions);
    };
    expect(cut.reached).toBe(true);
    expect(await lossOf(cut.size)).toBeLessThanOrEqual(0.3);
    expect(await lossOf(cut.size - 1)).toBeGreaterThan(0.3);
    const none = await cutChannels(own, questions, scores, { target: 0 });
    expect([none.reached, none.size]).toEqual([false, own.space.size]);
  });

  it('finds that the circuit is needed, enough, and made of switches', async () => {
    const kept = maskOf(truth);
    const margins = await maskedMargins(own, questions, kept);
    const calibration = calibrate(margins, questions);
    const others = questionsOf(planted.pairs(48, 5));
    const checks = await examineChannels(own, { kept, calibration }, questions, others);
    expect(checks.heldOut.right).toBe(1);
    expect(checks.heldOut.loss).toBeLessThan(0.05);
    expect(checks.withoutCircuit.right).toBeLessThan(0.7);
    expect(checks.withoutCircuit.loss).toBeGreaterThan(4 * checks.full.loss);
    expect(checks.resampled.loss).toBeLessThan(0.15);
  });

  it('does not find a rule in answers exchanged by coin, nor one in random weights', async () => {
    const nonsense = questionsOf(nonsensePairs(pairs, 0));
    const exchanged = nonsense.filter(({ right }, i) => right !== questions[i].right).length;
    expect(exchanged).toBeGreaterThan(20);
    expect(exchanged).toBeLessThan(76);
    const { best } = await searchChannels(own, nonsense, { price: 30, steps: 150, lr: 3e-3 });
    const judged = questionsOf(nonsensePairs(planted.pairs(48, 7), 3));
    const held = await maskedMargins(own, judged, best.kept);
    expect(calibratedLoss(held, judged, best.calibration)).toBeGreaterThan(0.5);

    const random = await sameSupport(planted.model, 1);
    for (const [name, parameter] of planted.model.parameters) {
      const [a, b] = [await parameter.data(), await random.parameters.get(name)!.data()];
      expect(Array.from(a, (x) => x === 0)).toEqual(Array.from(b, (x) => x === 0));
    }
    random.dispose();
  });

  it('becomes a circuit with the weights as scores and the stream as wiring', async () => {
    const provenance = { model: '', modelHash: '', task: '', method: '', options: {}, seed: 0, metrics: {}, made: '' };
    const { nodes, edges } = await channelCircuit(own, maskOf(truth), undefined, provenance);
    expect([...nodes.id].sort()).toEqual([...truth, 'input', 'logits'].sort());
    const wired = edges.source.flatMap((s, e) =>
      edges.score[e] === null ? [`${nodes.id[s]}>${nodes.id[edges.target[e]]}`] : [],
    );
    expect(wired.sort()).toEqual([
      '0.attn_out.11>1.mlp_in.11',
      '1.mlp_out.15>logits',
      'input>0.attn_in.0',
      'input>0.attn_in.1',
    ]);
    for (const e of edges.source.keys())
      expect(nodes.layer[edges.source[e]]).toBeLessThan(nodes.layer[edges.target[e]]);
  });
});

describe('questions with two answers', () => {
  const asked: Question[] = [
    { tokens: [0], right: 1, wrong: 2 },
    { tokens: [0], right: 2, wrong: 1 },
    { tokens: [0], right: 1, wrong: 2 },
    { tokens: [0], right: 2, wrong: 1 },
  ];

  it('are calibrated where no scale and shift nearby are better', () => {
    const margins = [3, -1, 0.5, 2];
    const best = calibrate(margins, asked);
    const loss = calibratedLoss(margins, asked, best);
    expect(loss).toBeLessThan(calibratedLoss(margins, asked));
    for (const [scale, shift] of [
      [0.01, 0],
      [-0.01, 0],
      [0, 0.01],
      [0, -0.01],
    ]) {
      const near = { scale: best.scale + scale, shift: best.shift + shift };
      expect(calibratedLoss(margins, asked, near)).toBeGreaterThan(loss);
    }
  });

  it('have a loss by hand, and end calibrating where the answers can be parted', () => {
    // Margins 0 say nothing: log 2.
    expect(calibratedLoss([0, 0, 0, 0], asked)).toBeCloseTo(Math.log(2), 12);
    // A shift of 1 for token 1: p = sigmoid(1) for its questions, sigmoid(-1) for the others.
    const expected = (2 * Math.log1p(Math.exp(-1)) + 2 * Math.log1p(Math.exp(1))) / 4;
    expect(calibratedLoss([0, 0, 0, 0], asked, { scale: 1, shift: 1 })).toBeCloseTo(expected, 12);
    const parted = calibrate([0.1, 0.2, 0.1, 0.3], asked);
    expect(parted.scale).toBe(10);
    // Answers that are all wrong are not turned round.
    expect(calibrate([-1, -2, -1, -1], asked).scale).toBe(0);
    const bound = calibrate([0.1, 0.2, 0.05, 0.3], asked);
    for (const shift of [0.01, -0.01]) {
      const near = { ...bound, shift: bound.shift + shift };
      expect(calibratedLoss([0.1, 0.2, 0.05, 0.3], asked, near)).toBeGreaterThan(
        calibratedLoss([0.1, 0.2, 0.05, 0.3], asked, bound),
      );
    }
    expect(shareRight([1, 1, -1, 1], asked)).toBe(0.75);
  });

  it('need one answer each', () => {
    expect(() => questionsOf([])).toThrow(InputError);
    expect(() => questionsOf([{ clean: [0], corrupt: [1], answers: [1, 2], wrongs: [3] }])).toThrow(/several/);
  });

  it('part numbers in two as brute force does', () => {
    const values = Array.from(new Random(4).normals(30));
    const cost = (t: number): number =>
      [values.filter((x) => x <= t), values.filter((x) => x > t)].reduce((sum, part) => {
        const mean = part.reduce((a, b) => a + b, 0) / part.length;
        return sum + part.reduce((a, b) => a + (b - mean) ** 2, 0);
      }, 0);
    const { threshold } = twoMeans(values);
    const sorted = [...values].sort((a, b) => a - b);
    const least = Math.min(...sorted.slice(0, -1).map(cost));
    expect(cost(threshold)).toBeCloseTo(least, 10);
    expect(twoMeans([2, 2, 2])).toEqual({ threshold: Number.POSITIVE_INFINITY, low: 2, high: 2 });
  });
});

it('masks with sparse products are those with dense ones', async () => {
  const config = {
    ...planted.model.config,
    architecture: 'weight_sparse' as const,
    norm: 'rms' as const,
    normEps: 1e-5,
    activation: 'gelu' as const,
    positions: 'none' as const,
    layers: 2,
    heads: 2,
    kvHeads: 2,
    width: 24,
    headWidth: 12,
    mlpWidth: 40,
    biases: { qkv: true, attentionOut: true, mlp: true },
    topK: 0.25,
    sink: true,
    bigram: true,
  };
  const random = new Random(5);
  const parameters = randomParameters(config, { seed: 2, scale: 0.6 });
  for (const [name, parameter] of parameters) {
    if (parameter.shape.length < 2) continue;
    const values = (await parameter.data()).map((x) => (random.uniform() < 0.1 ? x : 0));
    parameters.set(name, tensor(values, parameter.shape));
  }
  const model = new Transformer(config, parameters);
  const [sparse, dense] = [await channelModel(model, texts), await channelModel(model, texts, { sparse: false })];
  expect(sparse.multiply).toBeDefined();
  for (const [channel, mean] of sparse.means.entries()) expect(mean).toBeCloseTo(dense.means[channel], 5);
  const mask = Uint8Array.from({ length: sparse.space.size }, () => Number(random.uniform() < 0.7));
  const [a, b] = [await maskedMargins(sparse, questions, mask), await maskedMargins(dense, questions, mask)];
  for (const [i, margin] of a.entries()) expect(margin).toBeCloseTo(b[i], 4);
  const [g, h] = [await channelGradients(sparse, questions), await channelGradients(dense, questions)];
  for (const [i, slope] of g.entries()) expect(slope).toBeCloseTo(h[i], 4);
  // What one channel writes is read through the nonzero weights alone.
  const edges = await weightEdges(sparse, new Uint8Array(sparse.space.size).fill(1));
  expect(edges.length).toBeLessThan(0.2 * (8 * 24 * 24 + 4 * 24 * 40));
  // Resampled and two-level runs are made of the same parts: with everything kept, the first changes nothing.
  const all = new Uint8Array(sparse.space.size).fill(1);
  const [plain, resampled] = [
    await maskedMargins(sparse, questions, all),
    await resampledMargins(sparse, questions, all),
  ];
  for (const [i, margin] of resampled.entries()) expect(margin).toBeCloseTo(plain[i], 4);
  const levels = await levelsOf(sparse, questions.slice(0, 8), all);
  expect(levels.size).toBe(sparse.space.size);
  const two = await binarisedMargins(sparse, questions.slice(0, 8), levels);
  expect(two.every(Number.isFinite)).toBe(true);
  sparse.dispose();
  dense.dispose();
  model.dispose();
});
