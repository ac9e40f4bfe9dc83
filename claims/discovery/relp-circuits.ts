import { evaluateNodeScores, nodeScores } from 'filigree';
import type { MeasureOptions, Row, Stages } from '../claim.js';
import { onShippedTasks, type ShippedPlan, shippedTaskStages } from './shipped.js';

const methods = [
  { method: 'AtP', name: 'eap', baseline: true, steps: undefined },
  { method: 'RelP', name: 'relp', baseline: false, steps: undefined },
  { method: 'IG (10)', name: 'eap-ig-activations', baseline: true, steps: 10 },
] as const;

/** Shares of all neurons that circuits keep. */
export const circuitShares = [0.05, 0.1, 0.2, 0.5];

const planFrom = (seed: number): ShippedPlan => ({
  seeds: [seed],
  found: 24,
  judged: 24,
  stages: methods.length,
  suffix: ', neurons',
});

/** Stages of `relpCircuitRows`. */
export const relpCircuitStages = (options: MeasureOptions): number =>
  shippedTaskStages(options, planFrom(options.seed));

/**
 * Circuits of neurons (features of the identity dictionary) by relevance patching and by integrated gradients with 10 steps a site,
 * as circuits of sparse features are found: faithfulness at equal numbers of neurons, and what each costs.
 */
export function relpCircuitRows(options: MeasureOptions, stages: Stages): Promise<Row[]> {
  return onShippedTasks(
    options,
    planFrom(options.seed),
    stages,
    async ({ model, task, seed, setting, found, judged }) => {
      const { layers, mlpWidth } = model.config;
      const groups = 1 + layers * (mlpWidth > 0 ? 2 : 1);
      const rows: Row[] = [];
      for (const { method, name, baseline, steps } of methods) {
        rows.push(
          await stages.run(async (o) => {
            const scoring = { ...o, method: name, level: 'neuron', metric: task.metric, steps } as const;
            const scores = await nodeScores(model, found, scoring);
            const sizes = circuitShares.map((share) => Math.round(share * scores.scores.length));
            const judging = { ...o, sizes, metric: task.metric, randomCircuits: 0, seed };
            const { faithfulness } = await evaluateNodeScores(model, scores, judged, judging);
            const figures = {
              'backward passes': steps === undefined ? 1 : steps * groups,
              ...Object.fromEntries(circuitShares.map((share, i) => [`f(${100 * share} %)`, faithfulness[i]])),
            };
            return { setting, method, baseline, figures, seed };
          }),
        );
      }
      return rows;
    },
  );
}
