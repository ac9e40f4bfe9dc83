import {
  alignedPairs,
  backward,
  exactNodes,
  metric,
  mul,
  type NodeMethod,
  nodeScores,
  noGrad,
  ones,
  type Pair,
  type Progress,
  patchActivations,
  pearson,
  type Rules,
  relpRules,
  scope,
  sub,
  sum,
  type Tensor,
  type Transformer,
  track,
} from 'filigree';
import type { MeasureOptions, Row, Stages } from '../claim.js';
import { onShippedTasks, type Shipped, type ShippedPlan, shippedTaskStages } from './shipped.js';

/** Three draws of pairs of each task, each of which is scored on its own. */
const plan = (seed: number, suffix: string): ShippedPlan => ({
  seeds: [seed, seed + 1, seed + 2],
  found: 8,
  judged: 24,
  stages: 1,
  suffix,
});

/** Stages of `relpNodeRows` and of `relpSiteRows`. */
export const relpShippedStages = (options: MeasureOptions): number =>
  shippedTaskStages(options, plan(options.seed, '')) + shippedTaskStages(options, plan(options.seed, ''));

/** How well each method's scores of heads and of MLPs, all positions together, agree with patching them, over nodes and pairs. */
export function relpNodeRows(options: MeasureOptions, stages: Stages): Promise<Row[]> {
  return onShippedTasks(options, plan(options.seed, ', nodes'), stages, (on) => stages.run((o) => nodeRows(on, o)));
}

const nodeMethods = [
  { method: 'AtP', name: 'eap', baseline: true },
  { method: 'RelP', name: 'relp', baseline: false },
  { method: 'IG (5)', name: 'eap-ig', baseline: true },
] as const;

async function nodeRows({ model, task, setting, seed, found: pairs }: Shipped, progress: Progress): Promise<Row[]> {
  const kinds = ['head', 'mlp'] as const;
  /** Scores of the nodes of each kind, pair by pair. */
  const collect = async (method: NodeMethod | 'exact'): Promise<Record<(typeof kinds)[number], number[]>> => {
    const found = { head: [] as number[], mlp: [] as number[] };
    for (const pair of pairs) {
      progress.signal?.throwIfAborted();
      const { graph, scores } = await (method === 'exact'
        ? exactNodes(model, [pair], { metric: task.metric })
        : nodeScores(model, [pair], { method, metric: task.metric }));
      graph.sources.forEach(({ kind }, u) => {
        if (kind !== 'input') found[kind].push(scores[u]);
      });
    }
    return found;
  };
  const exact = await collect('exact');
  const rows: Row[] = [];
  for (const { method, name, baseline } of nodeMethods) {
    const found = await collect(name);
    const figures = { 'r of heads': pearson(found.head, exact.head), 'r of MLPs': pearson(found.mlp, exact.mlp) };
    rows.push({ setting, method, baseline, figures, seed });
  }
  return rows;
}

/** Sites that are patched position by position, as the paper does. */
const sites = ['resid_pre', 'attn_out', 'mlp_out'] as const;
const siteNames = { resid_pre: 'residual', attn_out: 'attention', mlp_out: 'MLPs' } as const;

/** How well attribution by gradients and by relevance agrees with patching of the residual stream and of what is written into it. */
export function relpSiteRows(options: MeasureOptions, stages: Stages): Promise<Row[]> {
  return onShippedTasks(options, plan(options.seed, ', sites by position'), stages, (on) =>
    stages.run((o) => siteRows(on, o)),
  );
}

async function siteRows({ model, task, setting, seed, found }: Shipped, progress: Progress): Promise<Row[]> {
  const pairs = alignedPairs(found);
  const exact = new Map<string, number[]>(sites.map((site) => [site, []]));
  for (const pair of pairs) {
    for (const site of sites) {
      const { metrics, metric: whole } = await patchActivations(model, [pair], site, {
        metric: task.metric,
        signal: progress.signal,
      });
      exact.get(site)?.push(...[...metrics].map((value) => value - whole.clean));
    }
  }
  const rows: Row[] = [];
  for (const [method, rules] of [
    ['AtP', undefined],
    ['RelP', relpRules()],
  ] as const) {
    const found = await estimates(model, pairs, task.metric, rules);
    const figures = Object.fromEntries(
      sites.map((site) => [`r of ${siteNames[site]}`, pearson(found.get(site) ?? [], exact.get(site) ?? [])]),
    );
    rows.push({ setting, method, baseline: rules === undefined, figures, seed });
  }
  return rows;
}

/** `(corrupted - clean) . gradient` at every layer and position of each site, pair by pair. */
async function estimates(
  model: Transformer,
  pairs: readonly Pair[],
  name: Shipped['task']['metric'],
  rules: Rules | undefined,
): Promise<Map<string, number[]>> {
  const found = new Map<string, number[]>(sites.map((site) => [site, []]));
  for (const pair of pairs) {
    const places = sites.flatMap((site) =>
      Array.from({ length: model.config.layers }, (_, layer) => ({ site, name: `blocks.${layer}.${site}` })),
    );
    const names = places.map((place) => place.name);
    const tables = scope(() => {
      const at = [pair.clean.length - 1];
      const corrupt = noGrad(() => model.run([pair.corrupt], { at, sites: names }));
      const clean = model.run([pair.clean], {
        at,
        sites: names,
        edit: (site, value) => (site === 'embed' ? track(sub(value, 0)) : value),
      });
      const value = metric(name, clean.logits, [pair], clean.logits);
      const gradients = backward([{ tensor: value, seed: ones(value.shape) }], names.map(clean.site), { rules });
      return noGrad(() =>
        names.map((site, i) => sum(mul(sub(corrupt.site(site), clean.site(site)), gradients[i] as Tensor), -1)),
      );
    });
    for (const [i, table] of tables.entries()) {
      found.get(places[i].site)?.push(...(await table.data()));
      table.dispose();
    }
  }
  return found;
}
