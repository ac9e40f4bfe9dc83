import {
  type Ablation,
  type AblationName,
  attentionPatterns,
  directLogits,
  evaluateScores,
  fitPair,
  InputError,
  type MetricName,
  makeAblation,
  makeBatch,
  measureCircuits,
  metricNames,
  noGrad,
  type Pair,
  runCircuits,
  runSources,
  Scope,
} from 'filigree';
import { type Loaded, modelOf, needTokenizer, pairsOfTask } from './models.js';
import type { Answer, Ask, CurveData, Got, Judged, NodeFacts, Question, Said } from './protocol.js';
import type { Working } from './worker.js';

/** A circuit that the page asks about: where its edges lie in the table of the model's. */
interface Used {
  readonly modelKey: string;
  readonly loaded: Loaded;
  /** Per edge of the circuit its place in the model's table. */
  readonly places: Int32Array;
  readonly scores: readonly (number | null)[];
}

const circuits = new Map<string, Used>();

export async function useCircuit({ model, key, circuit }: Ask<'useCircuit'>): Promise<Got<'useCircuit'>> {
  const loaded = await modelOf(model);
  const { graph } = loaded;
  const sources = new Map(graph.sources.map((s, i) => [s.name, i]));
  const destinations = new Map(graph.destinations.map((d, i) => [d.name, i]));
  const { nodes, edges } = circuit;
  const places = Int32Array.from(edges.source, (source, e) => {
    const [from, to] = [nodes.id[source], nodes.id[edges.target[e]] + (edges.port[e] && `<${edges.port[e]}>`)];
    const [s, d] = [sources.get(from), destinations.get(to)];
    if (s === undefined || d === undefined || !graph.possible(s, d)) {
      throw new InputError(`The circuit has an edge ${from} \u2192 ${to}, which ${loaded.facts.name} does not have.`);
    }
    return graph.index(s, d);
  });
  circuits.set(key, { modelKey: model, loaded, places, scores: edges.score });
  return { missing: graph.edges - places.length };
}

function usedOf(key: string): Used {
  const found = circuits.get(key);
  if (!found) throw new Error(`the circuit ${key} is not in use`);
  return found;
}

function edgeSet({ loaded, places }: Used, kept: Uint8Array): Uint8Array {
  const edges = new Uint8Array(loaded.graph.tableSize);
  places.forEach((place, e) => {
    edges[place] = kept[e];
  });
  return edges;
}

/** Pairs of a question. The reference set of an ablation is of the other part, so that nothing is learned from what is judged. */
async function pairsOf(used: Used, { on, seed }: Question, part?: 'discovery' | 'evaluation'): Promise<Pair[]> {
  if ('task' in on) return pairsOfTask(used.modelKey, on.task, on.count, part ?? on.part, seed);
  const { tokenizer, model } = used.loaded;
  return on.texts.map((text) => {
    const pair = fitPair(text, needTokenizer(tokenizer), model.config.context);
    if ('sort' in pair) throw new InputError(`These prompts do not make a pair: ${pair.reason}.`);
    return pair;
  });
}

const ablations = new Map<string, Promise<Ablation>>();

/** Counterfactuals by name, kept for the next question. */
function ablationOf(used: Used, name: AblationName, pairs: readonly Pair[], working?: Working): Promise<Ablation> {
  const key = JSON.stringify([used.modelKey, name, pairs.map(({ clean }) => clean)]);
  const found = ablations.get(key) ?? makeAblation(name, used.loaded.model, pairs, working);
  ablations.set(key, found);
  found.catch(() => ablations.delete(key));
  return found;
}

export async function answers({ circuit, kept, pair: text, ablation: name }: Ask<'answers'>): Promise<Got<'answers'>> {
  const start = performance.now();
  const used = usedOf(circuit);
  const { model, graph, tokenizer: maybe } = used.loaded;
  const tokenizer = needTokenizer(maybe);
  const pair = fitPair(text, tokenizer, model.config.context);
  const fits = !('sort' in pair);
  const [clean, corrupt] = [tokenizer.encode(text.clean), tokenizer.encode(text.corrupt)];
  const spell = (ids: readonly number[]): string[] => ids.map((id) => tokenizer.token(id));
  const ids = fits
    ? pair
    : { answers: idsAfter(tokenizer, text.clean, text.answer), wrongs: idsAfter(tokenizer, text.corrupt, text.wrong) };
  const read = (logits: Float32Array): Answer => said(logits, (id) => tokenizer.token(id), ids.answers, ids.wrongs);
  const state = new Scope();
  try {
    const alone = async (row: readonly number[]): Promise<Answer> => {
      if (row.length === 0) throw new InputError('A prompt is empty; write a few words.');
      const run = state.run(() => noGrad(() => model.run([row], { at: [row.length - 1] })));
      return read((await run.logits.data()) as Float32Array);
    };
    const [whole, other] = [await alone(clean), await alone(corrupt)];
    let own: Answer | null = null;
    if (fits) {
      const ablation = await ablationOf(used, name, [pair]);
      const logits = state.run(() => {
        const batch = makeBatch([pair]);
        const runs = {
          batch,
          clean: runSources(model, graph, batch.clean, batch.last),
          corrupt: runSources(model, graph, batch.corrupt, batch.last),
        };
        const values = noGrad(() => ablation.values(runs));
        return runCircuits(model, graph, batch, values, [edgeSet(used, kept)]);
      });
      own = read((await logits.data()) as Float32Array);
    }
    return {
      tokens: { clean: spell(clean), corrupt: spell(corrupt) },
      clean: whole,
      circuit: own,
      corrupt: other,
      reason: fits ? null : pair.reason,
      milliseconds: performance.now() - start,
    };
  } finally {
    state.dispose();
  }
}

/** First tokens of answers that do not make a pair, so that they can still be looked up. */
function idsAfter(
  tokenizer: { encode(text: string): number[] },
  prompt: string,
  words: string | readonly string[],
): number[] {
  const before = tokenizer.encode(prompt);
  return [words].flat().flatMap((word) => tokenizer.encode(prompt + word).slice(before.length, before.length + 1));
}

const shown = 6;

function said(
  logits: Float32Array,
  spell: (id: number) => string,
  right: readonly number[],
  wrong: readonly number[],
): Answer {
  let most = Number.NEGATIVE_INFINITY;
  for (const logit of logits) most = Math.max(most, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  const of = (id: number): Said => ({
    token: spell(id),
    id,
    logit: logits[id],
    probability: Math.exp(logits[id] - most) / sum,
  });
  const order = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);
  return { top: order.slice(0, shown).map(of), right: right.map(of), wrong: wrong.map(of) };
}

const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

export async function judge({ circuit, kept, question }: Ask<'judge'>, working: Working): Promise<Judged> {
  const start = performance.now();
  const used = usedOf(circuit);
  const { model, graph } = used.loaded;
  const pairs = await pairsOf(used, question);
  const ablation = await ablationOf(used, question.ablation, await pairsOf(used, question, 'discovery'), working);
  const sets = [edgeSet(used, kept), new Uint8Array(graph.tableSize)];
  const measured = await measureCircuits(model, graph, pairs, sets, {
    ...working,
    metric: metricOf(question.metric),
    ablation,
  });
  const [own, empty] = measured.circuits.map(mean);
  const clean = mean(measured.clean);
  return {
    pairs: pairs.length,
    clean,
    corrupt: mean(measured.corrupt),
    empty,
    circuit: own,
    faithfulness: (own - empty) / (clean - empty),
    milliseconds: performance.now() - start,
  };
}

const metricOf = (name: string): MetricName => metricNames.find((metric) => metric === name) ?? 'logit-diff';

export async function curve({ circuit, question, ranking }: Ask<'curve'>, working: Working): Promise<CurveData> {
  const used = usedOf(circuit);
  const { model, graph } = used.loaded;
  const scores = new Float64Array(graph.tableSize);
  used.places.forEach((place, e) => {
    scores[place] = used.scores[e] ?? 0;
  });
  const pairs = await pairsOf(used, question);
  const ablation = await ablationOf(used, question.ablation, await pairsOf(used, question, 'discovery'), working);
  const evaluation = await evaluateScores(model, graph, scores, pairs, {
    ...working,
    metric: metricOf(question.metric),
    ablation,
    ranking,
    sizes: curveSizes(used.places.length),
    randomCircuits: 3,
    seed: question.seed,
  });
  return curveData(evaluation);
}

/** About twelve sizes, evenly spread on a logarithmic axis. */
function curveSizes(edges: number): number[] {
  const sizes = Array.from({ length: 12 }, (_, i) => Math.round(edges ** (i / 11)));
  return [...new Set(sizes)];
}

export function curveData(evaluation: Awaited<ReturnType<typeof evaluateScores>>): CurveData {
  const { sizes, faithfulness, interval, random } = evaluation;
  const finite = (values: readonly number[]): (number | null)[] => values.map((x) => (Number.isFinite(x) ? x : null));
  return {
    sizes: [...sizes],
    faithfulness: finite(faithfulness),
    low: finite(interval.low),
    high: finite(interval.high),
    ...(random ? { random: finite(random.mean), randomLow: finite(random.low), randomHigh: finite(random.high) } : {}),
  };
}

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
  const largest = texts.reduce((most, { values }) => Math.max(most, ...values), 0);
  const facts = { texts, largest, ...effect };
  if (kind === 'head') {
    const { heads, length, patterns } = await attentionPatterns(model, own.clean);
    const at = (layer * heads + head) * length * length;
    const direct = await directLogits(model, [own]);
    return { ...facts, pattern: patterns.slice(at, at + length * length), direct: direct.head[layer * heads + head] };
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
