import { EdgeGraph, type EdgeSet, eapIg, measureCircuits, selectTop } from 'filigree';
import type { MeasureOptions, Row, Stages } from '../claim.js';
import { onShippedTasks, type ShippedPlan, shippedTaskStages } from './shipped.js';

/** One draw; circuits of a twentieth of all edges. */
const planFrom = (seed: number, suffix: string): ShippedPlan => ({
  seeds: [seed],
  found: 24,
  judged: 24,
  stages: 1,
  suffix,
});
const share = 0.05;

/** What the rows of a task are called. */
export const crossSuffix = ', through circuits';

/** Stages of `crossRows`. */
export const crossStages = (options: MeasureOptions): number =>
  2 * shippedTaskStages(options, planFrom(options.seed, crossSuffix));

/** Every task run through the circuit of every other, of equal size: how much the circuits share, and how faithful each is. */
export async function crossRows(options: MeasureOptions, stages: Stages): Promise<Row[]> {
  const plan = planFrom(options.seed, crossSuffix);
  const circuits = new Map<string, EdgeSet>();
  await onShippedTasks(options, plan, stages, async ({ model, task, found }) => {
    const scored = await stages.run((o) => eapIg(model, found, { ...o, metric: task.metric, rule: 'mid', steps: 5 }));
    const { graph, scores } = scored;
    circuits.set(task.name, selectTop(graph, scores, Math.round(share * graph.edges)));
    return [];
  });
  return onShippedTasks(options, plan, stages, async ({ model, task, seed, setting, judged }) => {
    const graph = new EdgeGraph(model.config);
    const own = circuits.get(task.name);
    if (!own) return [];
    const sets = [new Uint8Array(graph.tableSize), ...circuits.values()];
    const measured = await stages.run((o) =>
      measureCircuits(model, graph, judged, sets, { ...o, metric: task.metric }),
    );
    const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;
    const [empty, ...values] = measured.circuits.map(mean);
    return [...circuits].map(([name, circuit], i) => {
      const both = circuit.filter((kept, place) => kept && own[place]).length;
      const size = circuit.reduce((a, b) => a + b, 0);
      return {
        setting,
        method: name === task.name ? 'its own' : `circuit of ${name}`,
        figures: {
          edges: size,
          IoU: both / (2 * size - both),
          recall: both / size,
          f: (values[i] - empty) / (mean(measured.clean) - empty),
        },
        seed,
      };
    });
  });
}
