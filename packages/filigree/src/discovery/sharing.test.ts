import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createReferenceDevice, type Device } from '../kernels/index.js';
import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import { Random, setDefaultDevice } from '../tensor/index.js';
import { loadFolder, projectPath } from '../testing/fixtures.js';
import type { Ablation } from './ablation.js';
import { eapIg } from './eap-ig.js';
import { eapIgActivations } from './eap-ig-activations.js';
import { edgePruning } from './edge-pruning.js';
import { measureCircuits } from './evaluate.js';
import { measureNodes } from './evaluate-nodes.js';
import { exactPatching } from './exact.js';
import { EdgeGraph } from './graph.js';
import { nodeScores } from './node-scores.js';
import { relp } from './relp.js';
import type { FoundCircuit } from './scores.js';
import { sharedTokens } from './sources.js';

/** The other prompt's values too, but under a name of which nothing is known: every position is run for every prompt. */
const everywhere: Ablation = { kind: 'resample', values: ({ corrupt }) => corrupt.values, dispose() {} };

/** Pairs of `lengths[i]` tokens that differ from token `shared[i]` on. */
function pairsThatShare(vocabulary: number, lengths: readonly number[], shared: readonly number[]): Pair[] {
  const random = new Random(5);
  const other = (id: number): number => (id + 1 + random.integer(vocabulary - 1)) % vocabulary;
  return lengths.map((length, i) => {
    const clean = Array.from({ length }, () => random.integer(vocabulary));
    const corrupt = clean.map((id, t) => (t === shared[i] || (t > shared[i] && t % 2 === 0) ? other(id) : id));
    return { clean, corrupt, answers: [random.integer(vocabulary)], wrongs: [random.integer(vocabulary)] };
  });
}

const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  expect(a.length).toBe(b.length);
  return Array.from(a, (x, i) => Math.abs(x - b[i])).reduce((most, d) => Math.max(most, d), 0);
};

it('prompts share the tokens before the first that differs, and never all of them', () => {
  const shared = (clean: number[], corrupt: number[]): number =>
    sharedTokens({ clean, corrupt, answers: [1], wrongs: [2] });
  expect(shared([1, 2, 3], [1, 2, 4])).toBe(2);
  expect(shared([1, 2, 3, 4], [1, 9, 3, 4])).toBe(1);
  expect(shared([1, 2], [3, 2])).toBe(0);
  expect(shared([1, 2, 3], [1, 2, 3])).toBe(2);
  expect(shared([1], [2])).toBe(0);
});

describe.each(['tiny-llama', 'tiny-qwen2', 'tiny-gpt2', 'tiny-neox', 'tiny-gemma2'])(
  'running what the prompts of %s share only once changes nothing, in f64:',
  (name) => {
    let before: Device | undefined;
    let model: Transformer;
    let pairs: Pair[];
    beforeAll(async () => {
      before = setDefaultDevice(createReferenceDevice('f64'));
      model = await loadFolder(projectPath(`fixtures/${name}`));
      pairs = pairsThatShare(model.config.vocabulary, [7, 8, 8], [4, 5, 7]);
    });
    afterAll(() => {
      model.dispose();
      setDefaultDevice(before);
    });

    it.each([
      ['eap-ig', (ablation?: Ablation) => eapIg(model, pairs, { steps: 2, ablation })],
      [
        'eap-ig by kl',
        (ablation?: Ablation) => eapIg(model, pairs, { steps: 2, rule: 'left', metric: 'kl', ablation }),
      ],
      ['relp', (ablation?: Ablation) => relp(model, pairs, { ablation })],
      [
        'eap-ig-activations',
        (ablation?: Ablation) => eapIgActivations(model, pairs, { steps: 1, rule: 'mid', ablation }),
      ],
      ['scores of neurons', (ablation?: Ablation) => nodeScores(model, pairs, { steps: 2, level: 'neuron', ablation })],
    ])('%s', async (_, run) => {
      const [shared, whole] = [await run(), await run(everywhere)];
      expect(Math.max(...whole.scores.map(Math.abs))).toBeGreaterThan(1e-3);
      expect(distance(shared.scores, whole.scores)).toBeLessThan(1e-10);
      expect(shared.metric.clean).toBeCloseTo(whole.metric.clean, 10);
      expect(shared.metric.corrupt).toBeCloseTo(whole.metric.corrupt, 10);
    });

    it('circuits of edges and of nodes', async () => {
      const graph = new EdgeGraph(model.config);
      const random = new Random(6);
      const draw = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => random.integer(2));
      const edges = [draw(graph.tableSize), new Uint8Array(graph.tableSize)];
      const nodes = [draw(graph.sources.length * model.config.width)];
      for (const measure of [
        (ablation?: Ablation) => measureCircuits(model, graph, pairs, edges, { ablation }),
        (ablation?: Ablation) => measureNodes(model, graph, pairs, nodes, { ablation }),
      ]) {
        const [shared, whole] = [await measure(), await measure(everywhere)];
        shared.circuits.forEach((values, i) => {
          expect(distance(values, whole.circuits[i])).toBeLessThan(1e-10);
        });
        expect(distance(shared.clean, whole.clean)).toBeLessThan(1e-10);
        expect(distance(shared.corrupt, whole.corrupt)).toBeLessThan(1e-10);
      }
    });
  },
);

describe('running what prompts share only once changes nothing, in f32:', () => {
  it.each(['tiny-llama', 'tiny-gemma2'])('exact patching of %s', async (name) => {
    const model = await loadFolder(projectPath(`fixtures/${name}`));
    const pairs = pairsThatShare(model.config.vocabulary, [7, 8], [4, 6]);
    const [shared, whole] = [
      await exactPatching(model, pairs),
      await exactPatching(model, pairs, { ablation: everywhere }),
    ];
    expect(Math.max(...whole.scores.map(Math.abs))).toBeGreaterThan(1e-2);
    expect(distance(shared.scores, whole.scores)).toBeLessThan(2e-5);
    model.dispose();
  });

  it('a learned mask', async () => {
    const model = await loadFolder(projectPath('fixtures/tiny-qwen2'));
    const pairs = pairsThatShare(model.config.vocabulary, [7, 8, 8], [4, 5, 7]);
    const options = { steps: 3, batch: 2, seed: 1 };
    const [shared, whole] = [
      await edgePruning(model, pairs, options),
      await edgePruning(model, pairs, { ...options, ablation: everywhere }),
    ];
    const scores = ({ scores }: FoundCircuit): number[] => Array.from(scores).filter(Number.isFinite);
    expect(Math.max(...scores(whole).map(Math.abs))).toBeGreaterThan(1e-2);
    expect(distance(scores(shared), scores(whole))).toBeLessThan(1e-3);
    model.dispose();
  });
});
