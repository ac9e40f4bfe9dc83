import type { Circuit, EdgeGraph } from 'filigree';
import { count, figure, table } from './table.js';
import type { Judged } from './units.js';

/** An evaluation as others read it. Numbers that are not finite (a model whose clean and empty runs agree) become null. */
export function evaluationJson(of: Judged): Record<string, unknown> {
  const { clean, corrupt, empty, ablation, ranking, sizes, metric, faithfulness, completeness, cpr, cmd } = of;
  const main = { clean, corrupt, empty, ablation, ranking, sizes, metric, faithfulness, completeness, cpr, cmd };
  const own = 'kept' in of ? { kept: of.kept } : { edges: of.edges };
  return finite({ ...main, ...own, interval: of.interval, random: of.random }) as Record<string, unknown>;
}

/** A copy with null in place of numbers that JSON cannot say. */
export function finite(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(finite);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, finite(item)]));
}

/** The columns of an evaluation, one entry a size, in rising order of sizes. */
export interface Curve {
  readonly sizes: number[];
  /** Edges that are left after pruning; of circuits of nodes, the edges that they count for. */
  readonly kept?: number[];
  readonly edges?: number[];
  readonly metric: number[];
  readonly faithfulness: number[];
  readonly low: number[];
  readonly high: number[];
  readonly completeness: number[];
  readonly random: number[] | undefined;
  readonly randomLow: number[] | undefined;
  readonly randomHigh: number[] | undefined;
}

/** Several evaluations as one curve; where two have the same size, the later one counts. */
export function curveOf(...evaluations: readonly Judged[]): Curve {
  const bySize = new Map<number, { of: Judged; i: number }>();
  for (const of of evaluations) for (const [i, size] of of.sizes.entries()) bySize.set(size, { of, i });
  const places = [...bySize].sort(([a], [b]) => a - b).map(([, place]) => place);
  const column = (pick: (of: Judged) => readonly number[]): number[] => places.map(({ of, i }) => pick(of)[i]);
  const random = (side: 'mean' | 'low' | 'high'): number[] | undefined =>
    evaluations.every((of) => of.random) ? column((of) => of.random?.[side] ?? []) : undefined;
  return {
    sizes: column((of) => of.sizes),
    ...(evaluations.every((of) => 'kept' in of)
      ? { kept: column((of) => ('kept' in of ? of.kept : [])) }
      : { edges: column((of) => ('edges' in of ? of.edges : [])) }),
    metric: column((of) => of.metric),
    faithfulness: column((of) => of.faithfulness),
    low: column((of) => of.interval.low),
    high: column((of) => of.interval.high),
    completeness: column((of) => of.completeness),
    random: random('mean'),
    randomLow: random('low'),
    randomHigh: random('high'),
  };
}

/** A curve as lines of a table; `marked` is the size of the circuit at hand. */
export function curveTable(curve: Curve, marked?: number): string[] {
  const rest = curve.kept ?? curve.edges;
  const heads = ['', 'size', curve.kept ? 'kept' : 'edges', 'metric', 'faithfulness', '95 % interval', 'completeness'];
  if (curve.random) heads.push('random');
  const rows = curve.sizes.map((size, i) => {
    const interval = `${figure(curve.low[i])} to ${figure(curve.high[i])}`;
    const row = [size === marked ? '*' : '', count(size), count(Math.round(rest?.[i] ?? 0)), figure(curve.metric[i])];
    row.push(figure(curve.faithfulness[i]), interval, figure(curve.completeness[i]));
    if (curve.random) row.push(figure(curve.random[i]));
    return row;
  });
  return table(heads, rows);
}

/** What the metric is on whole runs, in a line. */
export function metricLine(name: string, { clean, corrupt, empty }: Judged): string {
  return `${name}: clean ${figure(clean, 3)}, corrupted ${figure(corrupt, 3)}, every edge cut ${figure(empty, 3)}`;
}

export function areasLine({ cpr, cmd }: Judged): string {
  return `CPR ${figure(cpr, 3)} (1 is the whole model's)   CMD ${figure(cmd, 3)} (0 is best)`;
}

/** A warning where the numbers say nothing about a circuit, undefined where all is well. */
export function doubt({ clean, empty }: Judged): string | undefined {
  if (clean > empty) return undefined;
  return `The model does not do this task: the metric is ${figure(clean, 3)} on clean prompts and ${figure(empty, 3)} with every edge cut, so faithfulness says nothing.`;
}

export interface NamedEdge {
  readonly edge: string;
  readonly score: number | null;
}

/** The strongest kept edges of a circuit, by |score|. */
function strongest({ nodes, edges }: Circuit, most: number): NamedEdge[] {
  const kept = edges.kept.flatMap((is, e) => (is ? [e] : []));
  const size = (e: number): number => Math.abs(edges.score[e] ?? 0);
  return kept
    .sort((a, b) => size(b) - size(a) || a - b)
    .slice(0, most)
    .map((e) => {
      const port = edges.port[e] === '' ? '' : `<${edges.port[e]}>`;
      return { edge: `${nodes.id[edges.source[e]]}->${nodes.id[edges.target[e]]}${port}`, score: edges.score[e] };
    });
}

export interface NamedUnit {
  readonly node: string;
  /** Which feature of what the node writes, at the level of neurons. */
  readonly neuron?: number;
  readonly score: number | null;
}

/** The strongest of what a circuit keeps, at its own level. */
export const strongestUnits = (circuit: Circuit, most: number): readonly (NamedEdge | NamedUnit)[] =>
  circuit.level === 'node' || circuit.level === 'neuron' ? strongestNodes(circuit, most) : strongest(circuit, most);

/** The strongest kept nodes or neurons of a circuit, by |score|. */
function strongestNodes({ level, nodes }: Circuit, most: number): NamedUnit[] {
  const units = nodes.id.flatMap((node, i): NamedUnit[] => {
    if (level === 'node') return nodes.kept?.[i] && nodes.kind[i] !== 'logits' ? [{ node, score: nodes.score[i] }] : [];
    return (nodes.neurons?.[i] ?? []).flatMap((kept, neuron) =>
      kept ? [{ node, neuron, score: nodes.neuronScores?.[i]?.[neuron] ?? null }] : [],
    );
  });
  return units.sort((a, b) => Math.abs(b.score ?? 0) - Math.abs(a.score ?? 0)).slice(0, most);
}

/** The strongest edges, nodes or neurons as lines. */
export function unitLines(units: readonly (NamedEdge | NamedUnit)[]): string[] {
  const named = units.map((unit): [string, number | null] => [
    'edge' in unit ? unit.edge : unit.neuron === undefined ? unit.node : `${unit.node}.n${unit.neuron}`,
    unit.score,
  ]);
  const width = Math.max(0, ...named.map(([name]) => name.length));
  return named.map(([name, score]) => {
    const sense = score === null || score === 0 ? '' : score < 0 ? '  helps' : '  hurts';
    return `  ${name.padEnd(width)}  ${figure(score, 4).padStart(9)}${sense}`;
  });
}

/** "llama, 4 layers of 4 heads, 2,461 edges". */
export function modelLine(config: { architecture: string; layers: number; heads: number }, graph: EdgeGraph): string {
  return `${config.architecture}, ${config.layers} layers of ${config.heads} heads, ${count(graph.edges)} edges`;
}
