import type { Table } from '../data/index.js';
import { InputError } from '../errors.js';
import { breathe } from '../platform.js';
import { Random } from '../tensor/index.js';
import { inputKind, type ProbabilisticCircuit, productKind, unitCount } from './circuit.js';
import { Evaluator } from './evaluator.js';
import { type Evidence, evidenceRow } from './evidence.js';
import { drawLog, inputTable } from './inputs.js';
import { requireProperties } from './properties.js';

export interface SampleOptions {
  readonly seed?: number;
  readonly evidence?: Evidence;
  readonly signal?: AbortSignal;
  readonly onProgress?: (state: { done: number; total: number; unit: string }) => void;
}

/**
 * Draws independent rows from p(x | evidence): from the root down, a sum n goes on with child c with chance θ(n,c) p(c) / p(n),
 * where p is the value of the units under the evidence.
 * @throws InputError when the circuit is not smooth and decomposable, or the evidence has probability 0
 */
export async function sampleRows(
  circuit: ProbabilisticCircuit,
  rows: number,
  options: SampleOptions = {},
): Promise<Table> {
  const { seed = 0, evidence = new Map(), signal, onProgress } = options;
  requireProperties(circuit, ['smooth', 'decomposable'], 'sampling');
  const known = evidenceRow(circuit, evidence);
  const evaluator = new Evaluator(circuit, { batch: 1 });
  const [log] = evaluator.forward(known, 0, 1);
  if (log === Number.NEGATIVE_INFINITY)
    throw new InputError('the evidence has probability 0; there is nothing to sample');
  const draw = new Sampler(circuit, evaluator.values, new Random(seed));
  const columns = circuit.variables;
  const values = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    signal?.throwIfAborted();
    values.set(known.values, row * columns);
    draw.row(values.subarray(row * columns, (row + 1) * columns));
    onProgress?.({ done: row + 1, total: rows, unit: 'rows' });
    await breathe();
  }
  return { rows, columns, values };
}

class Sampler {
  private readonly tables: (Float64Array | undefined)[];

  constructor(
    private readonly circuit: ProbabilisticCircuit,
    private readonly logs: Float64Array,
    private readonly random: Random,
  ) {
    this.tables = circuit.inputs.map((input) =>
      input.kind === 'constant' || input.kind === 'gaussian'
        ? undefined
        : inputTable(input, circuit.states[input.variable]),
    );
  }

  /** Fills the unknown cells of a row. */
  row(state: Float64Array): void {
    const { kind, first, child, inputs, inputOf } = this.circuit;
    const waiting = [unitCount(this.circuit) - 1];
    for (let unit = waiting.pop(); unit !== undefined; unit = waiting.pop()) {
      if (kind[unit] === inputKind) {
        const input = inputs[inputOf[unit]];
        if (input.kind === 'constant' || !Number.isNaN(state[input.variable])) continue;
        state[input.variable] =
          input.kind === 'gaussian'
            ? input.mean + input.deviation * this.random.normal()
            : drawLog(this.tables[inputOf[unit]]!, this.random);
      } else if (kind[unit] === productKind) {
        for (let e = first[unit]; e < first[unit + 1]; e++) waiting.push(child[e]);
      } else waiting.push(this.draw(unit));
    }
  }

  /** Draws a child of a sum. */
  private draw(unit: number): number {
    const { first, child, logWeight } = this.circuit;
    let left = this.random.uniform();
    let last = -1;
    for (let e = first[unit]; e < first[unit + 1]; e++) {
      const share = Math.exp(logWeight[e] + this.logs[child[e]] - this.logs[unit]);
      if (share === 0) continue;
      last = child[e];
      left -= share;
      if (left < 0) break;
    }
    return last;
  }
}
