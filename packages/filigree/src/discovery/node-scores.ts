import type { Transformer } from '../nn/transformer.js';
import type { Pair } from '../tasks/task.js';
import {
  assign,
  backward,
  einsum,
  noGrad,
  type Rules,
  reshape,
  slice,
  sum,
  type Tensor,
  zeros,
} from '../tensor/index.js';
import { type Counterfactual, checkLine, checkPoints, differencesAt, overBatches } from './attribute.js';
import { type AttributionOptions, inputLine, integrationPoints } from './eap-ig.js';
import { forEachGroup } from './eap-ig-activations.js';
import { type Line, runLine } from './gradients.js';
import { EdgeGraph } from './graph.js';
import type { MetricName } from './metric.js';
import { relpRules } from './relp.js';

/** A node is a source of the edge graph, a neuron one feature of what it writes. */
export type NodeLevel = 'node' | 'neuron';

export const nodeMethods = ['eap', 'eap-ig', 'eap-ig-activations', 'clean-corrupted', 'relp'] as const;
/** Ways to estimate scores of nodes; `exactNodes` measures them. */
export type NodeMethod = (typeof nodeMethods)[number];

/** Scores of what writes into the residual stream. */
export interface NodeScores {
  readonly graph: EdgeGraph;
  readonly level: NodeLevel;
  /** `[sources]` or `[sources, width]`: estimated change of the metric when the unit takes its counterfactual. */
  readonly scores: Float64Array;
  /** Mean metric over the pairs on the clean and on the corrupted prompts. */
  readonly metric: { readonly clean: number; readonly corrupt: number };
}

export interface NodeScoreOptions extends Omit<AttributionOptions, 'rules'> {
  /** What is scored; by default nodes. */
  level?: NodeLevel;
  method?: NodeMethod;
}

/**
 * Scores of nodes or neurons at the residual stream,
 *
 *     node u:        < y~_u - y_u , dm/dy_u >
 *     neuron (u, i): the same without the sum over features,
 *
 * summed over positions, averaged over pairs; the gradient, which is by all that reads u, is taken or averaged as the method of the
 * same name does for edges (`eap`, `eapIg`, `eapIgActivations`, `cleanCorrupted`, `relp`). A node's score is the sum of the scores of
 * the edges out of it. `steps` and `rule` count for the integrated methods only.
 *
 * @throws InputError as the methods for edges do
 */
export async function nodeScores(
  model: Transformer,
  pairs: readonly Pair[],
  options: NodeScoreOptions = {},
): Promise<NodeScores> {
  const { level = 'node', method = 'eap-ig', metric: name = 'logit-diff', steps, rule } = options;
  const points = pointsOf(method, () => integrationPoints(rule, steps));
  checkPoints(points, name);
  if (method !== 'eap-ig-activations') checkLine(points, options.ablation);
  const rules = method === 'relp' ? relpRules() : undefined;
  const graph = new EdgeGraph(model.config);
  const { scores, metric } = await overBatches(model, graph, pairs, points, options, (runs, share) => {
    const table = zeros([graph.sources.length, model.config.width]);
    if (method === 'eap-ig-activations') {
      forEachGroup(model, graph, runs, share, ({ first, end }, line) => {
        const [gradient] = gradientsAt(model, runs, line, name, [], rules);
        addRows(table, runs, first, end, gradient);
      });
    } else {
      const { sites, groups } = writers(graph);
      gradientsAt(model, runs, inputLine(runs, share), name, sites, rules).forEach((gradient, i) => {
        addRows(table, runs, groups[i].first, groups[i].end, gradient);
      });
    }
    return level === 'neuron' ? table : sum(table, 1);
  });
  return { graph, level, scores, metric };
}

function pointsOf(method: NodeMethod, integral: () => number[]): number[] {
  if (method === 'eap' || method === 'relp') return [1];
  return method === 'clean-corrupted' ? [0, 1] : integral();
}

/** The sites after the embeddings at which sources write, in order, and the sources of the embeddings and of each site. */
function writers(graph: EdgeGraph): { sites: string[]; groups: { first: number; end: number }[] } {
  const sites: string[] = [];
  const groups = [{ first: 0, end: 1 }];
  const { layers, heads, mlpWidth } = graph.config;
  for (let layer = 0; layer < layers; layer++) {
    const first = graph.firstSource(layer);
    sites.push(`blocks.${layer}.attn_out`);
    groups.push({ first, end: first + heads });
    if (mlpWidth === 0) continue;
    sites.push(`blocks.${layer}.mlp_out`);
    groups.push({ first: first + heads, end: first + heads + 1 });
  }
  return { sites, groups };
}

/** Gradients, averaged over points, by what moves along the line and by the sites: `[batch, positions, width]` each. */
function gradientsAt(
  model: Transformer,
  runs: Counterfactual,
  line: Line,
  name: MetricName,
  sites: readonly string[],
  rules: Rules | undefined,
): (Tensor | null)[] {
  const { run, value, seed } = runLine(model, runs.batch, line, name, runs.clean.logits, { sites });
  const gradients = backward([{ tensor: value, seed }], [line.moving, ...sites.map(run.site)], { rules });
  return noGrad(() => gradients.map((g) => g && sum(reshape(g, [line.points, -1, ...g.shape.slice(1)]), 0)));
}

/** Writes the scores of sources `first .. end - 1` that share a gradient into their rows. */
function addRows(table: Tensor, runs: Counterfactual, first: number, end: number, gradient: Tensor | null): void {
  if (!gradient) return;
  noGrad(() => {
    const differences = slice(differencesAt(runs)(gradient), 0, first, end);
    assign(slice(table, 0, first, end), einsum('ubtd,btd->ud', differences, gradient));
  });
}
