import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/reference.js';
import { Mlp } from '../nn/mlp.js';
import { Random, setDefaultDevice } from '../tensor/index.js';
import { mlpShapes } from './classifier.js';
import {
  denseWeights,
  gradientNorm,
  graspScores,
  magnitudeScores,
  snipScores,
  synflowScores,
  synflowTopologies,
  topologiesByScore,
} from './pai-scores.js';

const before = setDefaultDevice(undefined);
beforeAll(() => {
  setDefaultDevice(createReferenceDevice('f64'));
});
afterAll(() => {
  setDefaultDevice(before);
});

const sizes = [5, 4, 3];
const shapes = mlpShapes(sizes);
const random = new Random(3);
const batch = {
  samples: 6,
  inputs: Float32Array.from(random.normals(30)),
  labels: Int32Array.of(0, 1, 2, 0, 1, 2),
};

/** The loss with the weights moved: judge of gradients. */
async function lossWith(model: Mlp, change: (weights: Float64Array[]) => void): Promise<number> {
  const weights = await denseWeights(model);
  const moved = weights.map((w) => w.slice());
  change(moved);
  const write = (list: readonly Float64Array[]): void => {
    list.forEach((w, l) => {
      const parameter = model.weight(l);
      if ('layout' in parameter) throw new TypeError('dense');
      const view = parameter.view('test');
      parameter.device.write(view.buffer, view.offset, w);
    });
  };
  write(moved);
  const [loss] = await model.loss(batch).data();
  write(weights);
  return loss;
}

describe('scores before training', () => {
  it('of SNIP and the gradient norm are those of finite differences', async () => {
    const model = new Mlp({ sizes, seed: 1 });
    const weights = await denseWeights(model);
    const snip = await snipScores(model, batch);
    let squares = 0;
    for (let l = 0; l < 2; l++) {
      for (let k = 0; k < weights[l].length; k++) {
        const at = (h: number) =>
          lossWith(model, (w) => {
            w[l][k] += h;
          });
        const slope = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
        squares += slope * slope;
        expect(snip[l][k]).toBeCloseTo(Math.abs(weights[l][k] * slope), 6);
      }
    }
    expect(await gradientNorm(model, batch)).toBeCloseTo(Math.sqrt(squares), 6);
    expect(await magnitudeScores(model)).toEqual(weights.map((w) => w.map(Math.abs)));
  });

  it('of GraSP are w times the Hessian-gradient product', async () => {
    const model = new Mlp({ sizes, seed: 1, activation: 'tanh' });
    const weights = await denseWeights(model);
    const grasp = await graspScores(model, batch);
    const gradient = async (change: (w: Float64Array[]) => void): Promise<Float64Array[]> => {
      const h = 1e-5;
      const all: Float64Array[] = [];
      for (let l = 0; l < 2; l++) {
        all.push(new Float64Array(weights[l].length));
        for (let k = 0; k < weights[l].length; k++) {
          const at = (step: number) =>
            lossWith(model, (w) => {
              change(w);
              w[l][k] += step;
            });
          all[l][k] = ((await at(h)) - (await at(-h))) / (2 * h);
        }
      }
      return all;
    };
    const g = await gradient(() => {});
    const e = 1e-3;
    const ahead = await gradient((w) => {
      for (const [l, own] of w.entries()) for (let k = 0; k < own.length; k++) own[k] += e * g[l][k];
    });
    const behind = await gradient((w) => {
      for (const [l, own] of w.entries()) for (let k = 0; k < own.length; k++) own[k] -= e * g[l][k];
    });
    for (let l = 0; l < 2; l++) {
      for (let k = 0; k < weights[l].length; k++) {
        const right = (weights[l][k] * (ahead[l][k] - behind[l][k])) / (2 * e);
        expect(grasp[l][k]).toBeCloseTo(right, 3);
      }
    }
    // The weights are as they were.
    expect(await denseWeights(model)).toEqual(weights);
  });

  it('of SynFlow are sums over paths, and leave no layer empty', async () => {
    const model = new Mlp({ sizes, seed: 1 });
    const weights = await denseWeights(model);
    const scores = synflowScores(weights, shapes);
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 5; j++) {
        let paths = 0;
        for (let o = 0; o < 3; o++) paths += Math.abs(weights[0][i * 5 + j]) * Math.abs(weights[1][o * 4 + i]);
        expect(scores[0][i * 5 + j]).toBeCloseTo(paths, 12);
      }
    }
    const topologies = synflowTopologies(weights, shapes, 4 / 32);
    expect(topologies.reduce((sum, t) => sum + t.size, 0)).toBe(4);
    for (const t of topologies) expect(t.size).toBeGreaterThan(0);
  });

  it('choose the largest of all layers, or draw in proportion', async () => {
    const scores = [Float64Array.of(1, 0, 0, 0, 9), Float64Array.of(3, 0, 0)];
    const tiny = [
      { out: 1, in: 5 },
      { out: 1, in: 3 },
    ];
    expect(topologiesByScore(scores, tiny, 2 / 8).map((t) => [...t.keys()])).toEqual([[4], [0]]);
    let first = 0;
    const draws = new Random(1);
    for (let k = 0; k < 4000; k++) first += topologiesByScore(scores, tiny, 1 / 8, draws)[1].size;
    // 3 of 13, with a deviation of .007.
    expect(Math.abs(first / 4000 - 3 / 13)).toBeLessThan(0.03);
  });
});
