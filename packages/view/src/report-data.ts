import type { Circuit } from 'filigree';
import type { Curve } from './curve-svg.js';
import { count, decimal } from './markup.js';
import { type Units, unitsOf } from './report-units.js';

/** An example pair and what the model made of it. */
export interface ReportExample {
  readonly clean: string;
  readonly corrupt: string;
  readonly answer: string;
  readonly wrong: string;
  /** The metric on the prompt: above 0 where the model prefers `answer`. */
  readonly cleanDifference: number;
  readonly corruptDifference: number;
}

/** Pictures beside the circuit, under a heading of their own. */
export interface ReportFigure {
  readonly heading: string;
  /** How to read them. */
  readonly note: string;
  /** Drawings of this package, made without a style of their own, for wide pages, and for narrow ones where those get others. */
  readonly wide: readonly string[];
  readonly narrow?: readonly string[];
}

/** What a report tells of. */
export interface ReportInput {
  readonly circuit: Circuit;
  readonly curve: Curve;
  readonly examples: readonly ReportExample[];
  readonly figures?: readonly ReportFigure[];
  /** The command line that makes the circuit again. */
  readonly command: string;
  /** How edges, nodes or neurons are ranked: by |score| (default) or the most helpful, that is the most negative score, first. */
  readonly ranking?: 'abs' | 'signed';
  /** Number of edges of the whole model; the circuit's own number unless given. Of nodes and neurons the circuit says all. */
  readonly totalEdges?: number;
  /** Faithfulness of the kept edges, and its bootstrap interval; read off the curve at their number unless given. */
  readonly faithfulness?: number;
  readonly interval?: readonly [number, number];
  /** What the differences of the examples are, 'logit difference' unless given. */
  readonly metric?: string;
  /** Most edges that the page holds, 5,000 unless given; kept edges are always held. */
  readonly limit?: number;
}

/** A place of the slider. */
export interface Step {
  readonly size: number;
  readonly text: string;
  readonly opacity: number;
}

/** What the page draws, worked out once for the markup and for its script. */
export interface ReportData {
  readonly units: Units;
  /** Indices of the edges held by the page, in rank order. */
  readonly drawn: readonly number[];
  /** Rank of each, from 1. */
  readonly rank: readonly number[];
  /** The place of the slider from which on each is shown. */
  readonly joins: readonly number[];
  readonly total: number;
  readonly keptCount: number;
  readonly faithfulness: number | undefined;
  readonly interval: readonly [number, number] | undefined;
  readonly random: number | undefined;
  /** Empty where the edges outside the circuit have no scores, so that there is nothing to slide over. */
  readonly steps: readonly Step[];
  /** The slider's place for the circuit as found, and whether that is exactly the top of the ranking. */
  readonly found: Step & { readonly step: number; readonly top: boolean };
}

/** Works out ranks, slider places and headline figures. */
export function reportData(input: ReportInput): ReportData {
  const { circuit, curve } = input;
  const { edges } = circuit;
  const units = unitsOf(circuit, input.ranking ?? 'abs');
  const ofEdges = units.name === 'edge';
  const limit = input.limit ?? 5000;
  const drawn: number[] = [];
  const rank: number[] = [];
  units.edges.forEach((e, i) => {
    if (i >= limit && !edges.kept[e]) return;
    drawn.push(e);
    rank.push(i + 1);
  });
  const joins = drawn.map((e, place) => (ofEdges ? place + 1 : units.joins(e)));
  const keptCount = units.kept;
  const measured = curve.sizes.indexOf(keptCount);
  const at = (column: readonly number[] | undefined) => finite(measured >= 0 ? column?.[measured] : undefined);
  const [low, high] = [at(curve.low), at(curve.high)];
  const faithfulness =
    finite(input.faithfulness) ?? finite(circuit.provenance.metrics['faithfulness']) ?? at(curve.faithfulness);

  const scored = ofEdges
    ? drawn.every((e) => edges.score[e] !== null)
    : units.ranked.every(({ score }) => score !== null);
  const slides = scored && (ofEdges ? drawn.length : units.total) > keptCount;
  // As far as the page holds all edges of a size.
  const missing = units.edges.find((e, i) => i >= limit && !edges.kept[e]);
  const most = ofEdges
    ? Math.min(limit, units.total)
    : missing === undefined
      ? units.total
      : Math.max(keptCount, units.joins(missing) - 1);
  const sizes = slides ? sliderSizes(most, [keptCount, ...curve.sizes]) : [];
  const total = ofEdges ? (input.totalEdges ?? units.total) : units.total;
  const text = (size: number, value: number | undefined, about: string) =>
    `${count(size)} of ${count(total)} ${units.name}s` +
    (value === undefined ? '' : `, faithfulness ${about}${decimal(value)}`);
  const steps = sizes.map((size): Step => {
    const exact = curve.sizes.includes(size);
    const lines = ofEdges ? size : joins.filter((from) => from <= size).length;
    return { size, text: text(size, interpolate(curve, size), exact ? '' : 'about '), opacity: edgeOpacity(lines) };
  });
  const top = drawn.every((e, place) => edges.kept[e] === joins[place] <= keptCount);
  return {
    units,
    drawn,
    rank,
    joins,
    total,
    keptCount,
    faithfulness,
    interval: input.interval ?? (low !== undefined && high !== undefined ? [low, high] : undefined),
    random: at(curve.random),
    steps,
    found: {
      size: keptCount,
      text: text(keptCount, faithfulness, ''),
      opacity: edgeOpacity(ofEdges ? keptCount : edges.kept.filter(Boolean).length),
      step: Math.max(0, sizes.indexOf(keptCount)),
      top,
    },
  };
}

/** Every size up to 40, then steps of about 4 %, and the sizes asked for. */
function sliderSizes(most: number, also: readonly number[]): number[] {
  const sizes = new Set([most, ...also.filter((size) => size >= 1 && size <= most)]);
  for (let size = 1; size <= most; size = size < 40 ? size + 1 : Math.ceil(size * 1.04)) sizes.add(size);
  return [...sizes].sort((a, b) => a - b);
}

/** Faithfulness between two measured sizes, straight on the logarithmic axis; undefined beyond them. */
function interpolate({ sizes, faithfulness }: Curve, size: number): number | undefined {
  const next = sizes.findIndex((s) => s >= size);
  if (next < 0) return undefined;
  if (sizes[next] === size) return finite(faithfulness[next]);
  if (next === 0 || sizes[next - 1] < 1) return undefined;
  const share = Math.log(size / sizes[next - 1]) / Math.log(sizes[next] / sizes[next - 1]);
  return finite(faithfulness[next - 1] * (1 - share) + faithfulness[next] * share);
}

/** Many lines must let each other through. */
function edgeOpacity(edges: number): number {
  return Math.round(100 * Math.max(0.3, Math.min(0.85, 3 / Math.sqrt(edges / 8)))) / 100;
}

function finite(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
