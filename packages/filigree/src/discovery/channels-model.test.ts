import { afterAll, describe, expect, it } from 'vitest';
import '../node/index.js';
import { createReferenceDevice } from '../kernels/reference.js';
import type { TransformerConfig } from '../nn/config.js';
import { Transformer } from '../nn/transformer.js';
import { randomParameters } from '../nn/weights.js';
import { gradientError } from '../tensor/finite-differences.js';
import { Random, scope, setDefaultDevice, type Tensor, tensor } from '../tensor/index.js';
import { ChannelSpace, constantValues, masked, runChannels } from './channels.js';

const before = setDefaultDevice(createReferenceDevice('f64'));
afterAll(() => {
  setDefaultDevice(before);
});

const config: TransformerConfig = {
  architecture: 'weight_sparse',
  layers: 2,
  heads: 3,
  kvHeads: 3,
  width: 12,
  headWidth: 4,
  mlpWidth: 20,
  vocabulary: 9,
  context: 8,
  norm: 'rms',
  normEps: 1e-5,
  activation: 'gelu',
  gated: false,
  positions: 'none',
  rotaryBase: 0,
  rotaryWidth: 0,
  tied: false,
  biases: { qkv: true, attentionOut: true, mlp: true },
  topK: 0.5,
  sink: true,
  bigram: true,
};
const tokens = [
  [1, 5, 2, 8, 0],
  [3, 3, 7],
];

/** Random everywhere: biases, sinks and table too. */
function parameters(of = config): Map<string, Tensor> {
  const random = new Random(4);
  const all = randomParameters(of, { seed: 4, scale: 0.3 });
  for (const [name, p] of all) {
    const spread = random.normals(p.size, 0.3);
    all.set(
      name,
      tensor(
        p.dataSync().map((x, i) => x + spread[i]),
        p.shape,
      ),
    );
  }
  return all;
}

/** Some channels left out, and what they carry instead. */
function cut(space: ChannelSpace) {
  const random = new Random(2);
  return {
    mask: Array.from({ length: space.size }, () => Number(random.uniform() < 0.6)),
    means: [...random.normals(space.size)],
  };
}

/** The same model in plain loops, one sequence. */
function plain(
  weights: ReadonlyMap<string, Tensor>,
  row: readonly number[],
  left?: ReturnType<typeof cut>,
): number[][] {
  const w = (name: string) => [...(weights.get(name) as Tensor).dataSync()];
  const { width, headWidth, layers, normEps, topK = 1 } = config;
  const space = new ChannelSpace(config);
  const linear = (x: number[], name: string) => {
    const W = w(`${name}.weight`);
    const b = weights.has(`${name}.bias`) ? w(`${name}.bias`) : Array<number>(W.length / x.length).fill(0);
    return b.map((bias, o) => x.reduce((sum, value, i) => sum + value * W[o * x.length + i], bias));
  };
  const rms = (x: number[], name: string) => {
    const scale = Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length + normEps);
    return x.map((v, i) => (v / scale) * w(`${name}.weight`)[i]);
  };
  const node = (x: number[], name: string) => {
    const order = x.map((_, i) => i).sort((i, j) => Math.abs(x[j]) - Math.abs(x[i]) || i - j);
    const kept = new Set(order.slice(0, Math.round(x.length * topK)));
    const some = x.map((v, i) => (kept.has(i) ? v : 0));
    const group = space.groups.find((each) => `${each.layer}.${each.family}` === name);
    if (!left || !group) return some;
    return some.map((v, i) => (left.mask[group.first + i] === 1 ? v : left.means[group.first + i]));
  };
  // Its power series; the kernel's is within 2e-7 of it, which is what the two may differ by.
  const erf = (x: number): number => {
    let [sum, term] = [x, x];
    for (let n = 1; n < 60; n++) {
      term *= (-x * x) / n;
      sum += term / (2 * n + 1);
    }
    return (2 / Math.sqrt(Math.PI)) * sum;
  };
  const plus = (a: number[], b: number[]) => a.map((v, i) => v + b[i]);
  let stream = row.map((id) => w('embed.weight').slice(id * width, (id + 1) * width));
  for (let l = 0; l < layers; l++) {
    const at = (name: string) => `blocks.${l}.${name}`;
    const here = (family: string) => `${l}.${family}`;
    const read = stream.map((x) => node(rms(x, at('ln1')), here('attn_in')));
    const [q, k, v] = ['q', 'k', 'v'].map((s) => read.map((x) => node(linear(x, at(`attn.${s}`)), here(s))));
    const sinks = w(at('attn.sink.bias'));
    stream = stream.map((x, t) => {
      const z = new Array<number>(width).fill(0);
      sinks.forEach((sink, h) => {
        const part = (y: number[]) => y.slice(h * headWidth, (h + 1) * headWidth);
        const dot = (s: number) => part(q[t]).reduce((sum, y, e) => sum + y * part(k[s])[e], 0) / Math.sqrt(headWidth);
        const weights = Array.from({ length: t + 1 }, (_, s) => Math.exp(dot(s)));
        const total = weights.reduce((a, b) => a + b, Math.exp(sink));
        weights.forEach((p, s) => {
          part(v[s]).forEach((y, e) => {
            z[h * headWidth + e] += (p / total) * y;
          });
        });
      });
      return plus(x, node(linear(z, at('attn.out')), here('attn_out')));
    });
    stream = stream.map((x) => {
      const middle = node(rms(x, at('ln2')), here('mlp_in'));
      const hidden = linear(middle, at('mlp.in')).map((y) => 0.5 * y * (1 + erf(y / Math.SQRT2)));
      return plus(x, node(linear(node(hidden, here('neuron')), at('mlp.out')), here('mlp_out')));
    });
  }
  const table = w('bigram.weight');
  return stream.map((x, t) =>
    plus(
      linear(rms(x, 'ln_final'), 'unembed'),
      table.slice(row[t] * config.vocabulary, (row[t] + 1) * config.vocabulary),
    ),
  );
}

describe('a transformer without positions, with AbsTopK, sinks and a bigram table', () => {
  it('computes what plain loops compute, whole and with channels cut', () => {
    scope(() => {
      const model = new Transformer(config, parameters());
      const space = new ChannelSpace(config);
      const left = cut(space);
      const [mask, means] = [left.mask, left.means].map((values) => tensor(values, [space.size]));
      const logits = model.run(tokens).logits.dataSync();
      const change = masked(mask, constantValues(means));
      const some = runChannels({ model, space }, { tokens, at: [4, 2] }, change).dataSync();
      tokens.forEach((row, b) => {
        plain(model.parameters, row).forEach((values, t) => {
          values.forEach((value, i) => {
            expect(logits[(b * 5 + t) * config.vocabulary + i]).toBeCloseTo(value, 5);
          });
        });
        plain(model.parameters, row, left)[row.length - 1].forEach((value, i) => {
          expect(some[b * config.vocabulary + i]).toBeCloseTo(value, 5);
        });
      });
      model.dispose();
    });
  });

  it('has the gradients of finite differences by every parameter and every mask', () => {
    scope(() => {
      const small = { ...config, layers: 1, heads: 2, kvHeads: 2, width: 4, headWidth: 2, mlpWidth: 4, vocabulary: 3 };
      const start = parameters(small);
      const names = [...start.keys()];
      const space = new ChannelSpace(small);
      const means = tensor(cut(space).means, [space.size]);
      const error = gradientError(
        (...inputs) => {
          const model = new Transformer(small, new Map(names.map((name, i) => [name, inputs[i]])));
          const change = masked(inputs[names.length], constantValues(means));
          return runChannels({ model, space }, { tokens: [[1, 2]], at: [1] }, change);
        },
        [...start.values(), tensor(new Random(5).normals(space.size), [space.size])],
        { step: 1e-6 },
      );
      expect(error).toBeLessThan(1e-5);
    });
  });
});
