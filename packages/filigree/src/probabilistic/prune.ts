import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { CircuitBuilder, inputKind, type ProbabilisticCircuit, productKind, sumKind, unitCount } from './circuit.js';
import { checkTable } from './evaluate.js';
import { Evaluator } from './evaluator.js';
import { Learner } from './learner.js';
import { literalsOf } from './literals.js';
import { requireNormalised, requireProperties } from './properties.js';

/** How the edges of sums are scored: by how much data flows through them, by their weight, or at random. */
export const pruneScores = ['flow', 'weight', 'random'] as const;
export type PruneScore = (typeof pruneScores)[number];

export interface ScoreOptions {
  /** Rows for `flow`. */
  readonly table?: Table;
  readonly seed?: number;
  readonly signal?: AbortSignal;
}

/**
 * A score for every edge, larger = keep. `flow` is F(n,c) = Σ_x F(n,c)(x) over all rows (never over a part of them): how much probability
 * of the data passes the edge; `weight` is θ(n,c), which ignores how much passes the unit; `random` is uniform. Dang, Liu and Van den
 * Broeck, "Sparse probabilistic circuits via pruning and growing", NeurIPS 2022 (eFlow, eParam, eRand).
 * @returns `[edges]`; edges of products have no score that counts
 */
export async function scoreEdges(
  circuit: ProbabilisticCircuit,
  score: PruneScore,
  options: ScoreOptions = {},
): Promise<Float64Array> {
  const { table, seed = 0, signal } = options;
  if (score === 'weight') return circuit.logWeight.map(Math.exp);
  if (score === 'random') {
    const random = new Random(seed);
    return Float64Array.from({ length: circuit.child.length }, () => random.uniform());
  }
  if (!table) throw new InputError('scores by flow need rows of data');
  requireProperties(circuit, ['smooth', 'decomposable'], 'a score by flow');
  checkTable(circuit, table);
  const learner = new Learner(circuit, { signal });
  try {
    const sums = learner.emptySums();
    await learner.expect(table, { start: 0, count: table.rows }, sums);
    return sums.edges;
  } finally {
    learner.dispose();
  }
}

export interface PruneEdgesOptions {
  /** Share of the edges that may be removed, from 0 to 1. */
  readonly fraction: number;
  /** Removes tiles of this many sums by as many children at once, where sums share their children; 1 is single edges. */
  readonly block?: number;
}

export interface Pruned {
  readonly circuit: ProbabilisticCircuit;
  /** `[removed]` the edges of the given circuit that are gone. */
  readonly removed: Uint32Array;
  /** Edges that could have been removed: those of sums with several children that cover the same values. */
  readonly candidates: number;
}

/** What is removed together: an edge, or a tile of edges. `owner` keeps its best one. */
interface Piece {
  readonly edges: number[];
  readonly owner: number;
  score: number;
}

/**
 * Removes the edges of sums with the lowest scores, globally, but never the best edge of a sum (or the best tile of a row of tiles), and
 * makes the rest sum to one again. Sums whose children cover different values are left alone. A sum of one child becomes that
 * child, and units that the root does not need are dropped. Sums whose parameters are tied lose the same edges, by
 * the sum of their scores.
 * @param scores `[edges]` larger = keep
 */
export function pruneEdges(circuit: ProbabilisticCircuit, scores: Float64Array, options: PruneEdgesOptions): Pruned {
  const { fraction, block = 1 } = options;
  if (!(fraction >= 0 && fraction <= 1))
    throw new InputError(`the share to prune must be from 0 to 1, not ${fraction}`);
  if (!(Number.isInteger(block) && block >= 1)) throw new InputError('the block must be at least 1');
  if (scores.length !== circuit.child.length) {
    throw new InputError(`there are ${scores.length} scores, but the circuit has ${circuit.child.length} edges`);
  }
  requireNormalised(circuit, 'pruning');
  if (block > 1 && circuit.tied) {
    throw new InputError('tiles of sums whose parameters are tied cannot be removed together; prune single edges');
  }
  const pieces = piecesOf(circuit, scores, block);
  const best = new Map<number, Piece>();
  for (const piece of pieces) {
    const known = best.get(piece.owner);
    if (!known || piece.score > known.score) best.set(piece.owner, piece);
  }
  const spare = pieces.filter((piece) => best.get(piece.owner) !== piece).sort((a, b) => a.score - b.score);
  const candidates = pieces.reduce((sum, { edges }) => sum + edges.length, 0);
  let left = Math.floor(fraction * candidates);
  const gone = new Uint8Array(circuit.child.length);
  const removed: number[] = [];
  for (const { edges } of spare) {
    if (edges.length > left) break;
    left -= edges.length;
    for (const e of edges) gone[e] = 1;
    removed.push(...edges);
  }
  return { circuit: withoutEdges(circuit, gone), removed: Uint32Array.from(removed).sort(), candidates };
}

function piecesOf(circuit: ProbabilisticCircuit, scores: Float64Array, block: number): Piece[] {
  const { kind, first, child } = circuit;
  const literals = literalsOf(circuit);
  const tied = circuit.tied?.sums;
  const isCandidate = (unit: number): boolean => {
    const [from, to] = [first[unit], first[unit + 1]];
    if (kind[unit] !== sumKind || to - from < 2) return false;
    return child.subarray(from, to).every((c) => literals[c] === literals[child[from]]);
  };
  /** Groups of tied sums of which some have to keep all their edges. */
  const fixed = new Set<number>();
  tied?.forEach((group, unit) => {
    if (group >= 0 && !isCandidate(unit)) fixed.add(group);
  });
  /** Owners by group of tied sums. */
  const owning = new Map<number, number>();
  const pieces = new Map<string, Piece>();
  /** By children: how many sums over them were met, and the number of their first owner. */
  const groups = new Map<string, { sums: number; owner: number }>();
  let owners = 0;
  for (let unit = 0; unit < unitCount(circuit); unit++) {
    const group = tied?.[unit] ?? -1;
    if (fixed.has(group) || !isCandidate(unit)) continue;
    const from = first[unit];
    const children = child.subarray(from, first[unit + 1]);
    let owner = owners;
    if (group >= 0) {
      owner = owning.get(group) ?? owners++;
      owning.set(group, owner);
    } else if (block > 1) {
      const key = children.join();
      const group = groups.get(key) ?? { sums: 0, owner: -1 };
      if (group.sums % block === 0) group.owner = owners++;
      group.sums++;
      groups.set(key, group);
      owner = group.owner;
    } else owners++;
    for (let k = 0; k < children.length; k++) {
      const key = `${owner} ${Math.floor(k / block)}`;
      const piece = pieces.get(key) ?? { edges: [], owner, score: 0 };
      piece.edges.push(from + k);
      piece.score += scores[from + k];
      pieces.set(key, piece);
    }
  }
  return [...pieces.values()];
}

/** The circuit without some edges of sums, its weights normalised. */
export function withoutEdges(circuit: ProbabilisticCircuit, gone: Uint8Array): ProbabilisticCircuit {
  const { kind, first, child, logWeight, inputs, inputOf, states, tied } = circuit;
  const build = new CircuitBuilder(Array.from(states));
  const place = new Int32Array(unitCount(circuit));
  for (let unit = 0; unit < place.length; unit++) {
    const [from, to] = [first[unit], first[unit + 1]];
    if (kind[unit] === inputKind) {
      const input = inputOf[unit];
      place[unit] = build.tie(build.input(inputs[input]), tied?.inputs[input] ?? -1);
    } else if (kind[unit] === productKind) {
      place[unit] = build.product(Array.from(child.subarray(from, to), (c) => place[c]));
    } else {
      const kept = Array.from({ length: to - from }, (_, k) => from + k).filter((e) => !gone[e]);
      if (kept.length === 0) throw new Error(`sum unit ${unit} has lost all its children`);
      const whole = kept.length === to - from;
      const total = whole ? 1 : kept.reduce((sum, e) => sum + Math.exp(logWeight[e]), 0);
      if (kept.length === 1 && !whole) place[unit] = place[child[kept[0]]];
      else {
        const sum = build.logSum(
          kept.map((e) => place[child[e]]),
          kept.map((e) => (total > 0 ? logWeight[e] - Math.log(total) : -Math.log(kept.length))),
        );
        place[unit] = build.tie(sum, tied?.sums[unit] ?? -1);
      }
    }
  }
  return build.finish(place[unitCount(circuit) - 1]);
}

/**
 * How much log p(x) falls when one edge is removed, exactly: log(1 - θ) - log(1 - θ + θ F_n(x) - F_nc(x)), since a unit occurs at most
 * once in an induced tree of a smooth and decomposable circuit.
 */
export function edgeDrop(weight: number, flow: number, edgeFlow: number): number {
  return Math.log1p(-weight) - Math.log(1 - weight + weight * flow - edgeFlow);
}

/** Flows of one row: of every edge of a sum, and of every unit. */
export interface CircuitFlows {
  readonly edges: Float64Array;
  readonly units: Float64Array;
}

/** How much of one row passes each edge and unit. */
export function rowFlows(circuit: ProbabilisticCircuit, table: Table, row: number): CircuitFlows {
  const evaluator = new Evaluator(circuit, { batch: 1 });
  const sums = evaluator.emptySums();
  evaluator.forward(table, row, 1);
  return { units: evaluator.backward(sums).slice(), edges: sums.edges };
}

export interface DropBound {
  /** Mean over the rows where it says something: -log(1 - Σ_e F_e(x)), which the mean fall of log p does not exceed on them. */
  readonly mean: number;
  /** `[rows]` the bound of each row; infinite where the sum of flows reaches 1, and nothing is promised. */
  readonly rows: Float64Array;
  /** Number of rows where it says something. */
  readonly holds: number;
}

/** An upper bound on how much log p of each row falls when some edges are removed together. */
export function dropBound(circuit: ProbabilisticCircuit, table: Table, removed: ArrayLike<number>): DropBound {
  checkTable(circuit, table);
  const evaluator = new Evaluator(circuit, { batch: 1 });
  const rows = new Float64Array(table.rows);
  let [sum, holds] = [0, 0];
  for (let row = 0; row < table.rows; row++) {
    const sums = evaluator.emptySums();
    evaluator.forward(table, row, 1);
    evaluator.backward(sums);
    let flow = 0;
    for (let i = 0; i < removed.length; i++) flow += sums.edges[removed[i]];
    rows[row] = flow < 1 ? -Math.log1p(-flow) : Number.POSITIVE_INFINITY;
    if (flow >= 1) continue;
    sum += rows[row];
    holds++;
  }
  return { mean: holds > 0 ? sum / holds : Number.POSITIVE_INFINITY, rows, holds };
}
