import {
  type CircuitFlows,
  dropBound,
  edgeDrop,
  em,
  grow,
  hclt,
  logLikelihood,
  meanLogLikelihood,
  type ProbabilisticCircuit,
  type Progress,
  plantedTree,
  pruneEdges,
  pruneScores,
  rowFlows,
  sampleRows,
  scoreEdges,
  type Table,
} from 'filigree';
import type { Row } from '../claim.js';

/** A planted tree, and how a hidden Chow-Liu tree is learned from its rows. */
export interface Problem {
  readonly variables: number;
  /** Latent states of the truth. */
  readonly truth: number;
  readonly values: number;
  readonly transitions: number;
  readonly emissions: number;
  readonly rows: number;
  /** Latent states of the model. */
  readonly latents: number;
  readonly epochs: number;
  /** How much is pruned; beyond 1 - 1 / latents there is nothing to choose, since every sum keeps an edge. */
  readonly percents: readonly number[];
}

const learning = { batchRows: 512, step: [1, 0.05], pseudocount: 0.05 } as const;
/** How a circuit that has been learned is learned on: the authors keep 0.7 of the old weights after each round, where they begin with 0. */
const onward = { ...learning, step: [0.3, 0.05] } as const;

async function draw(problem: Problem, seed: number, signal: Progress['signal']) {
  const truth = plantedTree({ ...problem, latents: problem.truth, seed });
  const [train, test] = [
    await sampleRows(truth, problem.rows, { seed: 2 * seed + 1, signal }),
    await sampleRows(truth, 4000, { seed: 2 * seed + 2, signal }),
  ];
  return { truth, train, test };
}

/** One edge after the other removed for real, against the closed form; then many at once, against the bound. */
export async function dropRows(seed: number, edges: number, { signal }: Progress): Promise<Row[]> {
  const problem = { variables: 15, truth: 4, values: 2, transitions: 0.3, emissions: 0.3, rows: 500, percents: [] };
  const { train, truth } = await draw({ ...problem, latents: 4, epochs: 8 }, seed, signal);
  const start = hclt(train, truth.states, { latents: 4, seed });
  const { circuit } = await em(start, train, { epochs: 8, seed, signal, plain: true });
  const table: Table = { ...train, rows: 100, values: train.values.subarray(0, 100 * train.columns) };
  const before = await logLikelihood(circuit, table, { signal });
  const flows: CircuitFlows[] = Array.from({ length: table.rows }, (_, row) => rowFlows(circuit, table, row));
  const sums = Array.from(circuit.kind, (_, unit) => unit).filter(
    (unit) => circuit.kind[unit] === 2 && circuit.first[unit + 1] - circuit.first[unit] > 1,
  );
  let [error, passed] = [0, 0];
  for (let k = 0; k < edges; k++) {
    signal?.throwIfAborted();
    const unit = sums[(7 * k) % sums.length];
    const edge = circuit.first[unit] + (k % (circuit.first[unit + 1] - circuit.first[unit]));
    // Every other edge scores higher, so that this one alone goes.
    const scores = new Float64Array(circuit.child.length).fill(1);
    scores[edge] = 0;
    const { circuit: cut, removed } = pruneEdges(circuit, scores, { fraction: 1.5 / candidates(circuit) });
    if (removed.length !== 1 || removed[0] !== edge) throw new Error('another edge was removed than asked for');
    const after = await logLikelihood(cut, table, { signal });
    for (let row = 0; row < table.rows; row++) {
      const { units, edges: through } = flows[row];
      const drop = edgeDrop(Math.exp(circuit.logWeight[edge]), units[unit], through[edge]);
      error = Math.max(error, Math.abs(before[row] - after[row] - drop));
      passed++;
    }
  }
  let [holds, violations] = [0, 0];
  for (const fraction of [0.1, 0.3, 0.5]) {
    const { circuit: cut, removed } = pruneEdges(circuit, await scoreEdges(circuit, 'flow', { table: train, signal }), {
      fraction,
    });
    const after = await logLikelihood(cut, table, { signal });
    const bound = dropBound(circuit, table, removed);
    holds += bound.holds;
    bound.rows.forEach((most, row) => {
      if (before[row] - after[row] > most + 1e-9) violations++;
    });
  }
  return [
    {
      setting: 'one edge, by rebuilding',
      method: 'closed form',
      figures: { 'largest error': error, 'edges and rows': passed },
      seed,
      prototype: { 'largest error': 2e-13 },
    },
    { setting: 'many edges', method: 'bound', figures: { violations, 'rows where it says something': holds }, seed },
  ];
}

const candidates = ({ kind, first }: ProbabilisticCircuit): number =>
  Array.from(kind, (k, unit) =>
    k === 2 && first[unit + 1] - first[unit] > 1 ? first[unit + 1] - first[unit] : 0,
  ).reduce((a, b) => a + b, 0);

/** Scores compared before and after learning on, test likelihood in nats. */
export async function heuristicRows(problem: Problem, seed: number, { signal, onProgress }: Progress): Promise<Row[]> {
  const { truth, train, test } = await draw(problem, seed, signal);
  const start = hclt(train, truth.states, { latents: problem.latents, seed });
  const { circuit } = await em(start, train, { ...learning, epochs: problem.epochs, seed, signal });
  const dense = await meanLogLikelihood(circuit, test, { signal });
  const edges = candidates(circuit);
  const ceiling = await meanLogLikelihood(truth, test, { signal });
  const rows: Row[] = [
    {
      setting: 'not pruned',
      method: 'dense',
      baseline: true,
      figures: { 'test nats': dense, truth: ceiling, edges },
      seed,
    },
  ];
  const percents = problem.percents;
  for (const [i, percent] of percents.entries()) {
    for (const score of pruneScores) {
      const scores = await scoreEdges(circuit, score, { table: train, seed, signal });
      const cut = pruneEdges(circuit, scores, { fraction: percent / 100 }).circuit;
      const pruned = await meanLogLikelihood(cut, test, { signal });
      const further = await em(cut, train, { ...onward, epochs: 5, seed, signal });
      const learned = await meanLogLikelihood(further.circuit, test, { signal });
      rows.push({
        setting: `${percent} % pruned`,
        method: score,
        baseline: score !== 'flow',
        figures: { 'test nats': pruned, lost: dense - pruned, 'after learning on': learned, edges: candidates(cut) },
        seed,
      });
      onProgress?.({ done: 3 * i + pruneScores.indexOf(score) + 1, total: 3 * percents.length, unit: 'circuits' });
    }
  }
  return rows;
}

/** One round of pruning 75 % and doubling, against learning on with what there was: the same epochs, about as many edges. */
export async function roundRows(
  problem: Problem,
  setting: string,
  seed: number,
  { signal, onProgress }: Progress,
): Promise<Row[]> {
  const { truth, train, test } = await draw(problem, seed, signal);
  const { latents, epochs } = problem;
  const options = { ...learning, epochs, seed, signal };
  const first = (await em(hclt(train, truth.states, { latents, seed }), train, options)).circuit;
  const nats = (circuit: ProbabilisticCircuit): Promise<number> => meanLogLikelihood(circuit, test, { signal });
  const further = async (circuit: ProbabilisticCircuit): Promise<ProbabilisticCircuit> =>
    (await em(circuit, train, { ...options, ...onward })).circuit;
  const plain = await further(first);
  const reached = await nats(plain);
  const ceiling = await nats(truth);
  const rows: Row[] = [
    {
      ...{ setting, method: `dense, ${latents} latents`, baseline: true, seed },
      figures: { 'test nats': reached, truth: ceiling, edges: candidates(plain) },
    },
  ];
  onProgress?.({ done: 1, total: 4, unit: 'circuits' });
  for (const [method, score] of [
    ['prune and grow', 'flow'],
    ['prune at random and grow', 'random'],
  ] as const) {
    const scores = await scoreEdges(first, score, { table: train, seed, signal });
    const grown = await further(grow(pruneEdges(first, scores, { fraction: 0.75 }).circuit, { seed }));
    const value = await nats(grown);
    rows.push({
      ...{ setting, method, baseline: score === 'random', seed },
      figures: { 'test nats': value, gain: value - reached, edges: candidates(grown) },
    });
    onProgress?.({ done: rows.length, total: 4, unit: 'circuits' });
  }
  const wide = await further(
    (await em(hclt(train, truth.states, { latents: 2 * latents, seed }), train, options)).circuit,
  );
  rows.push({
    ...{ setting, method: `dense, ${2 * latents} latents`, baseline: true, seed },
    figures: { 'test nats': await nats(wide), edges: candidates(wide) },
    note: 'four times the edges',
  });
  return rows;
}
