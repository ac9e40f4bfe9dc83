import { afterAll, describe, expect, it } from 'vitest';
import '../node/index.js';
import { createReferenceDevice } from '../kernels/reference.js';
import { gradientError } from '../tensor/finite-differences.js';
import { Random, scope, setDefaultDevice, type Tensor, tensor } from '../tensor/index.js';
import {
  type NodeMask,
  nodeSites,
  nodeSizes,
  randomWeightSparse,
  type WeightSparseConfig,
  WeightSparseTransformer,
} from './weight-sparse.js';

const before = setDefaultDevice(createReferenceDevice('f64'));
afterAll(() => {
  setDefaultDevice(before);
});

const config: WeightSparseConfig = {
  layers: 2,
  width: 12,
  headWidth: 4,
  mlpWidth: 20,
  vocabulary: 9,
  context: 8,
  normEps: 1e-5,
  activationShare: 0.5,
  sink: true,
  bigram: true,
};
const tokens = [
  [1, 5, 2, 8, 0],
  [3, 3, 7],
];

/** Random everywhere, biases, sinks and table too; every `every`-th weight of the matrices. */
function parameters(every = 1, seed = 4, of = config): Map<string, Tensor> {
  const random = new Random(seed);
  const all = randomWeightSparse(of, { seed });
  for (const [name, p] of all) {
    const matrix = p.shape.length === 2 && name !== 'bigram.weight';
    const spread = random.normals(p.size, 0.4);
    const values = p.dataSync().map((x, i) => (matrix && i % every !== 0 ? 0 : x + spread[i]));
    all.set(name, tensor(values, p.shape));
  }
  return all;
}

function masks(of = config, seed = 2): Map<string, NodeMask> {
  const random = new Random(seed);
  return new Map(
    [...nodeSizes(of)].map(([name, size]) => [
      name,
      {
        mask: tensor(
          Array.from({ length: size }, () => Number(random.uniform() < 0.6)),
          [size],
        ),
        mean: tensor(random.normals(size), [size]),
      },
    ]),
  );
}

/** The same model in plain loops, one sequence. */
function plain(
  weights: ReadonlyMap<string, Tensor>,
  row: readonly number[],
  nodes: ReadonlyMap<string, NodeMask>,
): number[][] {
  const w = (name: string) => [...(weights.get(name) as Tensor).dataSync()];
  const { width, headWidth, layers, normEps } = config;
  const linear = (x: number[], name: string) => {
    const [W, b] = [w(`${name}.weight`), w(`${name}.bias`)];
    return b.map((bias, o) => x.reduce((sum, value, i) => sum + value * W[o * x.length + i], bias));
  };
  const rms = (x: number[], name: string) => {
    const scale = Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length + normEps);
    return x.map((v, i) => (v / scale) * w(`${name}.weight`)[i]);
  };
  const node = (x: number[], name: string) => {
    const order = x.map((_, i) => i).sort((i, j) => Math.abs(x[j]) - Math.abs(x[i]) || i - j);
    const kept = new Set(order.slice(0, Math.round(x.length * config.activationShare)));
    const some = x.map((v, i) => (kept.has(i) ? v : 0));
    const mask = nodes.get(name);
    if (!mask) return some;
    const [m, mean] = [mask.mask.dataSync(), mask.mean.dataSync()];
    return some.map((v, i) => (m[i] === 1 ? v : mean[i]));
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
    const at = (site: string) => `blocks.${l}.${site}`;
    const read = stream.map((x) => node(rms(x, at('ln1')), at('attn_in')));
    const [q, k, v] = ['q', 'k', 'v'].map((s) => read.map((x) => node(linear(x, at(`attn.${s}`)), at(s))));
    const sinks = w(at('attn.sink'));
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
      return plus(x, node(linear(z, at('attn.out')), at('attn_out')));
    });
    stream = stream.map((x) => {
      const middle = node(rms(x, at('ln2')), at('mlp_in'));
      const hidden = linear(middle, at('mlp.in')).map((y) => 0.5 * y * (1 + erf(y / Math.SQRT2)));
      return plus(x, node(linear(node(hidden, at('neuron')), at('mlp.out')), at('mlp_out')));
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

describe('WeightSparseTransformer', () => {
  it.each([1, 5])('computes what plain loops compute, with one weight in %i', async (every) => {
    const model = new WeightSparseTransformer(config, parameters(every));
    await model.refresh();
    scope(() => {
      for (const nodes of [new Map<string, NodeMask>(), masks()]) {
        const logits = model.run(tokens, { nodes }).logits.dataSync();
        const last = model.run(tokens, { nodes, at: [4, 2] }).logits.dataSync();
        tokens.forEach((row, b) => {
          plain(model.parameters, row, nodes).forEach((values, t) => {
            values.forEach((value, i) => {
              expect(logits[(b * 5 + t) * config.vocabulary + i]).toBeCloseTo(value, 5);
              if (t === row.length - 1) expect(last[b * config.vocabulary + i]).toBeCloseTo(value, 5);
            });
          });
        });
      }
    });
    model.dispose();
  });

  it('has the gradients of finite differences by every parameter and every mask', () => {
    scope(() => {
      const small = { ...config, layers: 1, width: 4, headWidth: 2, mlpWidth: 6, vocabulary: 5 };
      const start = parameters(1, 4, small);
      const names = [...start.keys()];
      const nodes = masks(small);
      const sites = [...nodes.keys()];
      const soft = sites.map((name) =>
        tensor(new Random(name.length).normals(nodes.get(name)?.mask.size ?? 0), [nodes.get(name)?.mask.size ?? 0]),
      );
      const error = gradientError(
        (...inputs) => {
          const model = new WeightSparseTransformer(small, new Map(names.map((name, i) => [name, inputs[i]])));
          const masked = new Map(
            sites.map((name, i) => [name, { mask: inputs[names.length + i], mean: nodes.get(name)?.mean as Tensor }]),
          );
          return model.run([[1, 4, 2]], { nodes: masked, at: [2] }).logits;
        },
        [...start.values(), ...soft],
        { step: 1e-6 },
      );
      expect(error).toBeLessThan(1e-5);
    });
  });

  it('names every node site, and hands over what it was asked for', () => {
    expect([...nodeSizes(config).keys()].length).toBe(2 * nodeSites.length);
    scope(() => {
      const model = new WeightSparseTransformer(config, parameters());
      const run = model.run(tokens, { sites: ['blocks.1.neuron'] });
      const neurons = run.site('blocks.1.neuron');
      expect(neurons.shape).toEqual([2, 5, 20]);
      const values = neurons.dataSync();
      for (let r = 0; r < 10; r++) expect(values.slice(20 * r, 20 * r + 20).filter((x) => x !== 0).length).toBe(10);
      expect(() => run.site('blocks.0.neuron')).toThrow('was not kept');
      model.dispose();
    });
  });

  it('refuses what does not fit', () => {
    scope(() => {
      const model = new WeightSparseTransformer(config, parameters());
      expect(() => model.run([[]])).toThrow('1 to 8 tokens');
      expect(() => model.run([[9]])).toThrow('outside');
      model.dispose();
    });
    expect(() => new WeightSparseTransformer(config, new Map())).toThrow("lack 'embed.weight'");
    expect(() => randomWeightSparse({ ...config, width: 10 }, { seed: 0 })).toThrow('not a multiple');
  });
});
