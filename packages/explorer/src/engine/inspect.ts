import { attentionPatterns, directLogits, fitPair, measureCircuits, noGrad, type Pair, Scope } from 'filigree';
import { type Loaded, needTokenizer } from './models.js';
import type { Ask, NodeFacts } from './protocol.js';
import { ablationOf, mean, metricOf, pairsOf, usedOf } from './used.js';
import type { Working } from './worker.js';

/** Prompts on which a node's activity is shown, and neurons that are listed. */
const promptCount = 6;
const neuronCount = 8;

export async function inspect(ask: Ask<'inspect'>, working: Working): Promise<NodeFacts> {
  const { circuit, node, pair: text, question } = ask;
  const used = usedOf(circuit);
  const { model, graph, tokenizer } = used.loaded;
  const pairs = await pairsOf(used, question);
  const fitted = fitPair(text, needTokenizer(tokenizer), model.config.context);
  const own = 'sort' in fitted ? pairs[0] : fitted;
  const source = graph.sources.findIndex(({ name }) => name === node);
  const ablation = await ablationOf(used, question.ablation, await pairsOf(used, question, 'discovery'), working);
  const without = new Uint8Array(graph.tableSize);
  for (const place of graph.places()) without[place] = graph.ends(place).source === source ? 0 : 1;
  const sets = source < 0 ? [] : [without];
  const measured = await measureCircuits(model, graph, pairs, sets, {
    ...working,
    metric: metricOf(question.metric),
    ablation,
  });
  const whole = mean(measured.clean);
  const effect = { whole, without: source < 0 ? whole : mean(measured.circuits[0]) };
  if (source < 0) return { texts: [], largest: 0, ...effect };
  const { kind, layer, head } = graph.sources[source];
  const rows = [own, ...pairs.filter(({ clean }) => clean.join() !== own.clean.join())]
    .slice(0, promptCount)
    .map(({ clean }) => clean);
  const site = kind === 'head' ? `blocks.${layer}.attn.result` : kind === 'mlp' ? `blocks.${layer}.mlp_out` : 'embed';
  const texts: { tokens: string[]; values: number[] }[] = [];
  for (const row of rows) {
    working.signal.throwIfAborted();
    const spelled = row.map((id) => needTokenizer(tokenizer).token(id));
    texts.push({ tokens: spelled, values: await sizes(used.loaded, row, site, kind === 'head' ? head : -1) });
  }
  // Many nodes write most at the first position, whatever the prompt; the scale is that of what follows.
  const largest = texts.reduce((most, { values }) => Math.max(most, ...values.slice(values.length > 1 ? 1 : 0)), 0);
  const facts = { texts, largest, ...effect };
  if (kind === 'head') {
    const { heads, length, patterns } = await attentionPatterns(model, own.clean);
    const first = (layer * heads + head) * length * length;
    const direct = await directLogits(model, [own]);
    return {
      ...facts,
      pattern: patterns.slice(first, first + length * length),
      direct: direct.head[layer * heads + head],
    };
  }
  if (kind === 'mlp') return { ...facts, ...(await neuronsOf(used.loaded, own, layer)) };
  return facts;
}

/** Length of what a node writes at each position; `head` -1: the site is one vector a position. */
async function sizes({ model }: Loaded, row: readonly number[], site: string, head: number): Promise<number[]> {
  const state = new Scope();
  try {
    const run = state.run(() => noGrad(() => model.run([row], { sites: [site] })));
    const data = await run.site(site).data();
    const { heads, width } = model.config;
    const [step, first] = head < 0 ? [width, 0] : [heads * width, head * width];
    return row.map((_, t) => {
      let sum = 0;
      for (let i = 0; i < width; i++) sum += data[t * step + first + i] ** 2;
      return Math.sqrt(sum);
    });
  } finally {
    state.dispose();
  }
}

async function neuronsOf({ model }: Loaded, pair: Pair, layer: number): Promise<Pick<NodeFacts, 'neurons' | 'direct'>> {
  const { neuron, mlpWidth, mlpBias } = await directLogits(model, [pair]);
  const own = neuron.subarray(layer * mlpWidth, (layer + 1) * mlpWidth);
  const order = Array.from(own.keys()).sort((a, b) => Math.abs(own[b]) - Math.abs(own[a]));
  const state = new Scope();
  try {
    const site = `blocks.${layer}.mlp.post`;
    const run = state.run(() => noGrad(() => model.run([pair.clean], { sites: [site] })));
    const data = await run.site(site).data();
    const neurons = order.slice(0, neuronCount).map((n) => ({
      neuron: n,
      value: own[n],
      activation: pair.clean.map((_, t) => data[t * mlpWidth + n]),
    }));
    return { neurons, direct: own.reduce((a, b) => a + b, mlpBias[layer]) };
  } finally {
    state.dispose();
  }
}
