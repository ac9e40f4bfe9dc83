import type { Circuit } from 'filigree';
import { strongestFirst } from './circuit-svg.js';
import type { Curve } from './curve-svg.js';
import { count, decimal } from './markup.js';

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

/** What a report tells of. */
export interface ReportInput {
  readonly circuit: Circuit;
  readonly curve: Curve;
  readonly examples: readonly ReportExample[];
  /** The command line that makes the circuit again. */
  readonly command: string;
  /** How edges are ranked: by |score| (default) or the most helpful, that is the most negative score, first. */
  readonly ranking?: 'abs' | 'signed';
  /** Number of edges of the whole model; the circuit's own number unless given. */
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
  /** Indices of the edges held by the page, in rank order. */
  readonly drawn: readonly number[];
  /** Rank of each, from 1. */
  readonly rank: readonly number[];
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
  const ranked = input.ranking === 'signed' ? mostHelpfulFirst(circuit) : strongestFirst(circuit);
  const limit = input.limit ?? 5000;
  const drawn: number[] = [];
  const rank: number[] = [];
  ranked.forEach((e, i) => {
    if (i >= limit && !edges.kept[e]) return;
    drawn.push(e);
    rank.push(i + 1);
  });
  const keptCount = edges.kept.filter(Boolean).length;
  const measured = curve.sizes.indexOf(keptCount);
  const at = (column: readonly number[] | undefined) => finite(measured >= 0 ? column?.[measured] : undefined);
  const [low, high] = [at(curve.low), at(curve.high)];
  const faithfulness =
    finite(input.faithfulness) ?? finite(circuit.provenance.metrics['faithfulness']) ?? at(curve.faithfulness);

  const slides = drawn.length > keptCount && drawn.every((e) => edges.score[e] !== null);
  const most = Math.min(limit, ranked.length);
  const sizes = slides ? sliderSizes(most, [keptCount, ...curve.sizes]) : [];
  const of = count(input.totalEdges ?? ranked.length);
  const text = (size: number, value: number | undefined, about: string) =>
    `${count(size)} of ${of} edges` + (value === undefined ? '' : `, faithfulness ${about}${decimal(value)}`);
  const steps = sizes.map((size): Step => {
    const exact = curve.sizes.includes(size);
    return { size, text: text(size, interpolate(curve, size), exact ? '' : 'about '), opacity: edgeOpacity(size) };
  });
  const top = drawn.every((e, place) => edges.kept[e] === place < keptCount);
  return {
    drawn,
    rank,
    total: input.totalEdges ?? ranked.length,
    keptCount,
    faithfulness,
    interval: input.interval ?? (low !== undefined && high !== undefined ? [low, high] : undefined),
    random: at(curve.random),
    steps,
    found: {
      size: keptCount,
      text: text(keptCount, faithfulness, ''),
      opacity: edgeOpacity(keptCount),
      step: Math.max(0, sizes.indexOf(keptCount)),
      top,
    },
  };
}

function mostHelpfulFirst({ edges }: Circuit): number[] {
  const value = (e: number) => edges.score[e] ?? Number.POSITIVE_INFINITY;
  return edges.source.map((_, e) => e).sort((a, b) => (value(a) === value(b) ? a - b : value(a) - value(b)));
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
