import {
  type CircuitNotes,
  checkProperties,
  edgeFlows,
  flows,
  logLikelihood,
  memoryBytes,
  mostProbable,
  type ProbabilisticCircuit,
  type PropertyName,
  type Provenance,
  probabilisticGraph,
  readCircuitTensors,
  readJpc,
  readNnf,
  readPsdd,
  readSdd,
  readVtree,
  sampleRows,
  type Table,
} from 'filigree';
import type { Ask, Got, OpenedFile } from './protocol.js';
import type { Working } from './worker.js';

/** Formats that are text; `fpc` is not. */
const formats: Readonly<
  Record<string, (text: string, name: string, vtree?: ReturnType<typeof readVtree>) => ProbabilisticCircuit>
> = {
  psdd: readPsdd,
  sdd: readSdd,
  jpc: (text, name) => readJpc(text, name),
  nnf: (text, name) => readNnf(text, name),
};

const endingOf = (name: string): string => name.toLowerCase().split('.').at(-1) ?? '';

export const isDistribution = (name: string): boolean =>
  endingOf(name) === 'fpc' || Object.hasOwn(formats, endingOf(name));

const opened = new Map<string, ProbabilisticCircuit>();

/** Most edges that are drawn, and rows of marginals that are asked for at once. */
const mostEdges = 60_000;
const mostRows = 4096;

/** Reads a distribution, with the names of its variables and of their values where the file has them. */
async function read({ name, content, vtree }: Ask<'readFile'>): Promise<ProbabilisticCircuit & CircuitNotes> {
  const bytes = new Uint8Array(await content.arrayBuffer());
  if (endingOf(name) === 'fpc') return readCircuitTensors(memoryBytes(bytes), name);
  const text = new TextDecoder().decode(bytes);
  const circuit = formats[endingOf(name)](text, name, vtree && readVtree(vtree.text, vtree.name));
  const names = /^c variables (.+)$/m
    .exec(text)?.[1]
    .split(',')
    .map((part) => part.trim());
  return names ? { ...circuit, names } : circuit;
}

export async function readDistribution(ask: Ask<'readFile'>): Promise<OpenedFile> {
  const { key, name } = ask;
  const circuit = await read(ask);
  opened.set(key, circuit);
  const found = checkProperties(circuit);
  const names: Readonly<Record<PropertyName, string>> = {
    smooth: 'smooth',
    decomposable: 'decomposable',
    structuredDecomposable: 'structured',
    deterministic: 'deterministic',
  };
  const properties = Object.entries(names).map(([property, label]) => {
    const value = found[property as PropertyName];
    const why = found.why.find((violation) => violation.property === property)?.why ?? '';
    return {
      name: label,
      value: value === 'unknown' ? ('unknown' as const) : value ? ('yes' as const) : ('no' as const),
      why,
    };
  });
  const edges = circuit.child.length;
  const provenance: Provenance = {
    model: name,
    modelHash: '',
    task: 'distribution',
    method: endingOf(name),
    options: {},
    seed: 0,
    metrics: {},
    made: '',
  };
  return {
    what: 'distribution',
    circuit: edges > mostEdges ? null : probabilisticGraph(circuit, provenance),
    facts: {
      key,
      names: circuit.names?.length === circuit.variables ? [...circuit.names] : null,
      words: circuit.categories?.map((words) => (words ? [...words] : null)) ?? null,
      states: [...circuit.states],
      units: circuit.kind.length,
      edges,
      properties,
    },
  };
}

/** Everything at once: how probable the evidence is, every marginal, the likeliest state, samples, and the flows. */
export async function askDistribution(ask: Ask<'askDistribution'>, working: Working): Promise<Got<'askDistribution'>> {
  const start = performance.now();
  const circuit = opened.get(ask.key);
  if (!circuit) throw new Error(`the distribution ${ask.key} is not open`);
  const evidence = new Map(ask.evidence);
  const states = Array.from(circuit.states);
  const row = states.map((_, v) => evidence.get(v) ?? Number.NaN);

  // One row that knows the evidence, then one for each value of each unknown variable.
  const cells: [variable: number, value: number][] = [];
  const asked = new Set<number>();
  states.forEach((count, v) => {
    if (evidence.has(v) || count === 0 || cells.length + count > mostRows) return;
    asked.add(v);
    for (let x = 0; x < count; x++) cells.push([v, x]);
  });
  const values = new Float64Array((1 + cells.length) * states.length);
  values.set(row);
  cells.forEach(([v, x], i) => {
    values.set(row, (i + 1) * states.length);
    values[(i + 1) * states.length + v] = x;
  });
  const table: Table = { rows: 1 + cells.length, columns: states.length, values };
  const logs = await logLikelihood(circuit, table, working);
  const logEvidence = logs[0];
  const possible = logEvidence > Number.NEGATIVE_INFINITY;
  const marginals = states.map((count, v): number[] | null => {
    if (evidence.has(v) && count > 0) return Array.from({ length: count }, (_, x) => Number(x === evidence.get(v)));
    return asked.has(v) && possible ? new Array<number>(count).fill(0) : null;
  });
  if (possible) {
    cells.forEach(([v, x], i) => {
      (marginals[v] as number[])[x] = Math.exp(logs[i + 1] - logEvidence);
    });
  }
  const map = possible ? mostProbable(circuit, evidence) : null;
  const drawn = possible ? await sampleRows(circuit, ask.samples, { ...working, seed: ask.seed, evidence }) : undefined;
  const own: Table = { rows: 1, columns: states.length, values: Float64Array.from(row) };
  const used = possible && circuit.child.length <= mostEdges ? await flows(circuit, own) : undefined;
  return {
    logEvidence,
    marginals,
    map: map && { state: [...map.state], log: map.log, exact: map.exact },
    samples: drawn
      ? Array.from({ length: drawn.rows }, (_, r) => [
          ...drawn.values.subarray(r * drawn.columns, (r + 1) * drawn.columns),
        ])
      : [],
    flows: used ? Array.from(edgeFlows(circuit, used), (flow) => -flow || 0) : null,
    milliseconds: performance.now() - start,
  };
}
