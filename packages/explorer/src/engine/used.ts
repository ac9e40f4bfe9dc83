import {
  type Ablation,
  type AblationName,
  type Batch,
  type EdgeSet,
  fitPair,
  InputError,
  type Measured,
  type MeasureOptions,
  type MetricName,
  makeAblation,
  measureCircuits,
  measureNodes,
  metricNames,
  type NodeLevel,
  type NodeSet,
  type Pair,
  runCircuits,
  runNodes,
  type Tensor,
} from 'filigree';
import { type Loaded, modelOf, needTokenizer, pairsOfTask } from './models.js';
import type { Ask, Got, Question } from './protocol.js';
import type { Working } from './worker.js';

/** A circuit that the page asks about, and where what it is made of lies in the model. */
export interface Used {
  readonly modelKey: string;
  readonly loaded: Loaded;
  readonly level: 'edge' | NodeLevel;
  /** Runs a batch's clean prompts with only the kept units, cut ones taking the counterfactual; logits `[1, batch, vocabulary]`. */
  run(batch: Batch, counterfactual: Tensor, kept: Uint8Array): Tensor;
  measure(pairs: readonly Pair[], kept: readonly Uint8Array[], options: MeasureOptions): Promise<Measured>;
  /** Number of units. */
  readonly total: number;
  /** The units' scores where the model has them: in the table of edges, or by source and feature. */
  readonly scores: Float64Array;
}

const circuits = new Map<string, Used>();

export async function useCircuit({ model, key, circuit, level, first }: Ask<'useCircuit'>): Promise<Got<'useCircuit'>> {
  const loaded = await modelOf(model);
  const places = placesOf(loaded, circuit);
  const base = { modelKey: model, loaded, level };
  circuits.set(key, {
    ...base,
    ...(level === 'edge' ? edgeUnits(loaded, places, circuit) : nodeUnits(loaded, level, first, circuit)),
  });
  return null;
}

type OfUnits = Pick<Used, 'run' | 'measure' | 'total' | 'scores'>;

/** Per edge of the circuit its place in the model's table. Throws InputError where the model has no such edge. */
function placesOf({ graph, facts }: Loaded, { nodes, edges }: Ask<'useCircuit'>['circuit']): Int32Array {
  const sources = new Map(graph.sources.map((s, i) => [s.name, i]));
  const destinations = new Map(graph.destinations.map((d, i) => [d.name, i]));
  return Int32Array.from(edges.source, (source, e) => {
    const [from, to] = [nodes.id[source], nodes.id[edges.target[e]] + (edges.port[e] && `<${edges.port[e]}>`)];
    const [s, d] = [sources.get(from), destinations.get(to)];
    if (s === undefined || d === undefined || !graph.possible(s, d)) {
      throw new InputError(`The circuit has an edge ${from} \u2192 ${to}, which ${facts.name} does not have.`);
    }
    return graph.index(s, d);
  });
}

function edgeUnits({ model, graph }: Loaded, places: Int32Array, { edges }: Ask<'useCircuit'>['circuit']): OfUnits {
  const scores = new Float64Array(graph.tableSize);
  places.forEach((place, e) => {
    scores[place] = edges.score[e] ?? 0;
  });
  const set = (kept: Uint8Array): EdgeSet => {
    const table = new Uint8Array(graph.tableSize);
    places.forEach((place, e) => {
      table[place] = kept[e];
    });
    return table;
  };
  return {
    total: places.length,
    scores,
    run: (batch, counterfactual, kept) => runCircuits(model, graph, batch, counterfactual, [set(kept)]),
    measure: (pairs, kept, options) => measureCircuits(model, graph, pairs, kept.map(set), options),
  };
}

/** Nodes of the circuit, or features of what they write; those of which the file says nothing are cut. */
function nodeUnits(
  { model, graph, facts }: Loaded,
  level: NodeLevel,
  first: Int32Array,
  { nodes }: Ask<'useCircuit'>['circuit'],
): OfUnits {
  const { width } = model.config;
  const step = level === 'neuron' ? width : 1;
  const sources = new Map(graph.sources.map((s, i) => [s.name, i]));
  const scores = new Float64Array(graph.sources.length * step);
  const rows = nodes.id.flatMap((id, n): { source: number; from: number; count: number }[] => {
    const source = sources.get(id);
    const [from, count] = [first[n], first[n + 1] - first[n]];
    if (source === undefined) {
      if (count > 0) throw new InputError(`The circuit has a node ${id}, which ${facts.name} does not have.`);
      return [];
    }
    if (count !== 0 && count !== step)
      throw new InputError(`The circuit has ${count} neurons of ${id}, of which ${facts.name} has ${width}.`);
    for (let f = 0; f < count; f++) {
      const score = level === 'neuron' ? nodes.neuronScores?.[n]?.[f] : nodes.score[n];
      scores[source * step + f] = score ?? 0;
    }
    return [{ source, from, count }];
  });
  const set = (kept: Uint8Array): NodeSet => {
    const table = new Uint8Array(graph.sources.length * width);
    for (const { source, from, count } of rows) {
      if (count === width && level === 'neuron') table.set(kept.subarray(from, from + count), source * width);
      else if (count > 0 && kept[from]) table.fill(1, source * width, (source + 1) * width);
    }
    return table;
  };
  return {
    total: first.at(-1) ?? 0,
    scores,
    run: (batch, counterfactual, kept) => runNodes(model, graph, batch, counterfactual, [set(kept)]),
    measure: (pairs, kept, options) => measureNodes(model, graph, pairs, kept.map(set), options),
  };
}

export function usedOf(key: string): Used {
  const found = circuits.get(key);
  if (!found) throw new Error(`the circuit ${key} is not in use`);
  return found;
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

export const mean = (values: Float64Array): number => values.reduce((a, b) => a + b, 0) / values.length;

export const metricOf = (name: string): MetricName => metricNames.find((metric) => metric === name) ?? 'logit-diff';
