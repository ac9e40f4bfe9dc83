import {
  type Ablation,
  type AblationName,
  at,
  type Batch,
  evaluateScores,
  fitPair,
  InputError,
  type MetricName,
  makeAblation,
  makeBatch,
  measureCircuits,
  metric,
  metricNames,
  noGrad,
  type Pair,
  runCircuits,
  runSources,
  Scope,
  scope,
  type Tensor,
} from 'filigree';
import { type Loaded, modelOf, needTokenizer, pairsOfTask } from './models.js';
import type { Answer, Ask, CurveData, Got, Judged, Question, Said } from './protocol.js';
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

export function usedOf(key: string): Used {
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
export async function pairsOf(used: Used, { on, seed }: Question, part?: 'discovery' | 'evaluation'): Promise<Pair[]> {
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
export function ablationOf(
  used: Used,
  name: AblationName,
  pairs: readonly Pair[],
  working?: Working,
): Promise<Ablation> {
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

export const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

/** What a question needs that does not depend on the circuit, kept while the reader changes the circuit. */
interface Prepared {
  readonly state: Scope;
  readonly batch: Batch;
  readonly cut: Tensor;
  readonly cleanLogits: Tensor;
  readonly clean: number;
  readonly corrupt: number;
  readonly empty: number;
}

const prepared = new Map<string, Promise<Prepared>>();
/** Questions that are kept, and most bytes that one may keep. */
const mostPrepared = 3;
const preparedBytes = 256 * 2 ** 20;

/** The runs of a question on both prompts; undefined where they would take too much memory to be kept. */
function prepare(
  used: Used,
  question: Question,
  pairs: readonly Pair[],
  ablation: Ablation,
): Promise<Prepared> | undefined {
  const { model, graph } = used.loaded;
  const length = Math.max(...pairs.map(({ clean }) => clean.length));
  if (3 * graph.sources.length * pairs.length * length * model.config.width * 4 > preparedBytes) return undefined;
  const key = JSON.stringify([used.modelKey, question, pairs.map(({ clean }) => clean)]);
  const found = prepared.get(key) ?? runBoth(used.loaded, metricOf(question.metric), pairs, ablation);
  prepared.delete(key);
  prepared.set(key, found);
  found.catch(() => prepared.delete(key));
  for (const [oldest, old] of prepared) {
    if (prepared.size <= mostPrepared) break;
    prepared.delete(oldest);
    void old.then(({ state }) => state.dispose());
  }
  return found;
}

async function runBoth(
  { model, graph }: Loaded,
  name: MetricName,
  pairs: readonly Pair[],
  ablation: Ablation,
): Promise<Prepared> {
  const state = new Scope();
  const batch = makeBatch(pairs);
  const runs = state.run(() => ({
    batch,
    clean: runSources(model, graph, batch.clean, batch.last),
    corrupt: runSources(model, graph, batch.corrupt, batch.last),
  }));
  const cut = state.run(() => noGrad(() => ablation.values(runs)));
  const cleanLogits = runs.clean.logits;
  const of = async (logits: Tensor): Promise<number> => {
    const values = scope(() => noGrad(() => metric(name, logits, pairs, cleanLogits)));
    const result = mean(Float64Array.from(await values.data()));
    values.dispose();
    return result;
  };
  const none = new Uint8Array(graph.tableSize);
  const empty = scope(() => at(runCircuits(model, graph, batch, cut, [none]), 0, 0));
  const result = {
    clean: await of(cleanLogits),
    corrupt: await of(runs.corrupt.logits),
    empty: await of(empty),
  };
  empty.dispose();
  return { state, batch, cut, cleanLogits, ...result };
}

export async function judge({ circuit, kept, question }: Ask<'judge'>, working: Working): Promise<Judged> {
  const start = performance.now();
  const used = usedOf(circuit);
  const { model, graph } = used.loaded;
  const pairs = await pairsOf(used, question);
  const ablation = await ablationOf(used, question.ablation, await pairsOf(used, question, 'discovery'), working);
  const name = metricOf(question.metric);
  const set = edgeSet(used, kept);
  const ready = await prepare(used, question, pairs, ablation);
  working.signal.throwIfAborted();
  let figures: Pick<Judged, 'clean' | 'corrupt' | 'empty' | 'circuit'>;
  if (ready) {
    const values = scope(() =>
      noGrad(() => {
        const logits = runCircuits(model, graph, ready.batch, ready.cut, [set]);
        return metric(name, at(logits, 0, 0), pairs, ready.cleanLogits);
      }),
    );
    const own = mean(Float64Array.from(await values.data()));
    values.dispose();
    const { clean, corrupt, empty } = ready;
    figures = { clean, corrupt, empty, circuit: own };
  } else {
    const sets = [set, new Uint8Array(graph.tableSize)];
    const measured = await measureCircuits(model, graph, pairs, sets, { ...working, metric: name, ablation });
    const [own, empty] = measured.circuits.map(mean);
    figures = { clean: mean(measured.clean), corrupt: mean(measured.corrupt), empty, circuit: own };
  }
  return {
    pairs: pairs.length,
    ...figures,
    faithfulness: (figures.circuit - figures.empty) / (figures.clean - figures.empty),
    milliseconds: performance.now() - start,
  };
}

export const metricOf = (name: string): MetricName => metricNames.find((metric) => metric === name) ?? 'logit-diff';

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
