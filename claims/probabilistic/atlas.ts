import {
  atlas,
  CircuitBuilder,
  categorical,
  InputError,
  indicator,
  inputKind,
  inputLog,
  type ProbabilisticCircuit,
  productKind,
  Random,
  unitCount,
} from 'filigree';
import { type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';

const circuits = { smoke: 5, quick: 60, full: 200 } as const;
const variables = 6;

/** A normalised diagram that decides its variables in their order and shares units: first in, and deterministic in, every prefix. */
function diagram(random: Random): ProbabilisticCircuit {
  const build = new CircuitBuilder(new Array<number>(variables).fill(2));
  const made: number[][] = Array.from({ length: variables }, () => []);
  const below = (v: number): number => {
    if (made[v].length > 2 || (made[v].length > 0 && random.uniform() < 0.35)) return random.pick(made[v]);
    const p = 0.05 + 0.9 * random.uniform();
    const unit =
      v + 1 === variables
        ? build.input(categorical(v, [1 - p, p]))
        : build.sum(
            [0, 1].map((x) => build.product([build.input(indicator(v, x)), below(v + 1)])),
            [1 - p, p],
          );
    made[v].push(unit);
    return unit;
  };
  return build.finish(below(0));
}

/** A mixture of independent variables: neither deterministic nor free of zeros and ones. */
function mixture(random: Random): ProbabilisticCircuit {
  const build = new CircuitBuilder(new Array<number>(variables).fill(2));
  const part = (): number =>
    build.product(
      Array.from({ length: variables }, (_, v) => {
        const p = 0.1 + 0.8 * random.uniform();
        return build.input(categorical(v, [1 - p, p]));
      }),
    );
  return build.finish(build.sum([part(), part(), part()], [0.5, 0.3, 0.2]));
}

/** Every state with its probability, by plain arithmetic. */
function enumerated(circuit: ProbabilisticCircuit): { row: number[]; p: number }[] {
  return Array.from({ length: 2 ** variables }, (_, code) => {
    const row = Array.from({ length: variables }, (__, v) => (code >> v) & 1);
    const values = new Float64Array(unitCount(circuit));
    for (let unit = 0; unit < values.length; unit++) {
      if (circuit.kind[unit] === inputKind) {
        const input = circuit.inputs[circuit.inputOf[unit]];
        values[unit] = Math.exp(inputLog(input, 2, input.kind === 'constant' ? 0 : row[input.variable]));
        continue;
      }
      const isProduct = circuit.kind[unit] === productKind;
      values[unit] = isProduct ? 1 : 0;
      for (let e = circuit.first[unit]; e < circuit.first[unit + 1]; e++) {
        if (isProduct) values[unit] *= values[circuit.child[e]];
        else values[unit] += Math.exp(circuit.logWeight[e]) * values[circuit.child[e]];
      }
    }
    return { row, p: values[values.length - 1] };
  });
}

type States = ReturnType<typeof enumerated>;

/** Σ p over the states where these variables have these values. */
const chance = (states: States, values: Readonly<Record<number, number>>): number =>
  states.reduce(
    (sum, { row, p }) => (Object.entries(values).every(([v, x]) => row[Number(v)] === x) ? sum + p : sum),
    0,
  );

interface Query {
  readonly name: string;
  ask(p: ProbabilisticCircuit, q: ProbabilisticCircuit, options: atlas.OperatorOptions): number;
  truth(p: States, q: States): number;
}

const [x, y] = [new Map([[1, 1]]), new Map([[2, 1]])];

const queries: readonly Query[] = [
  { name: 'maximum', ask: (p, _, o) => atlas.maximum(p).value(o), truth: (p) => Math.max(...p.map((s) => s.p)) },
  {
    name: 'marginal maximum',
    ask: (p, _, o) => atlas.marginalMaximum(p, [0, 1, 2]).value(o),
    truth: (p) =>
      Math.max(...[0, 1].flatMap((a) => [0, 1].flatMap((b) => [0, 1].map((c) => chance(p, { 0: a, 1: b, 2: c }))))),
  },
  {
    name: 'entropy',
    ask: (p, _, o) => atlas.entropyOf(p).value(o),
    truth: (p) => p.reduce((sum, s) => sum - s.p * Math.log(s.p), 0),
  },
  {
    name: 'cross-entropy',
    ask: (p, q, o) => atlas.crossEntropy(p, q).value(o),
    truth: (p, q) => p.reduce((sum, s, i) => sum - s.p * Math.log(q[i].p), 0),
  },
  {
    name: 'divergence',
    ask: (p, q, o) => atlas.divergenceOf(p, q, o),
    truth: (p, q) => p.reduce((sum, s, i) => sum + s.p * Math.log(s.p / q[i].p), 0),
  },
  {
    name: 'Rényi entropy, order ½',
    ask: (p, _, o) => atlas.renyiEntropy(p, 0.5, o),
    truth: (p) => 2 * Math.log(p.reduce((sum, s) => sum + Math.sqrt(s.p), 0)),
  },
  {
    name: 'back door',
    ask: (p, _, o) => atlas.backdoor(p, x, y, [0], o),
    truth: (p) =>
      [0, 1].reduce(
        (sum, z) => sum + (chance(p, { 0: z }) * chance(p, { 0: z, 1: 1, 2: 1 })) / chance(p, { 0: z, 1: 1 }),
        0,
      ),
  },
  {
    name: 'front door',
    ask: (p, _, o) => atlas.frontdoor(p, new Map([[0, 1]]), y, [1], o),
    truth: (p) =>
      [0, 1].reduce((sum, m) => {
        const inner = [0, 1].reduce(
          (s, a) => s + (chance(p, { 0: a, 1: m, 2: 1 }) / chance(p, { 0: a, 1: m })) * chance(p, { 0: a }),
          0,
        );
        return sum + (chance(p, { 0: 1, 1: m }) / chance(p, { 0: 1 })) * inner;
      }, 0),
  },
];

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const stages = new Stages(options, queries.length);
  const rows: Row[] = [];
  for (const query of queries) rows.push(...(await stages.run(async () => queryRows(query, circuits[size], seed))));
  return rows;
}

function queryRows({ name, ask, truth }: Query, count: number, seed: number): Row[] {
  let [error, refused, accepted, wrong] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const random = new Random(seed + 1000 * i);
    const [p, q] = [diagram(random), diagram(random)];
    const found = answer(() => ask(p, q, {}));
    const wanted = truth(enumerated(p), enumerated(q));
    if (found === undefined) refused++;
    else error = Math.max(error, Math.abs(found - wanted));
    // Circuits without the property: refused, and wrong where they are forced.
    const [a, b] = [mixture(random), mixture(random)];
    if (answer(() => ask(a, b, {})) !== undefined) accepted++;
    const forced = answer(() => ask(a, b, { force: true }));
    if (forced === undefined || !(Math.abs(forced - truth(enumerated(a), enumerated(b))) < 1e-9)) wrong++;
  }
  return [
    {
      setting: name,
      method: 'with its conditions',
      figures: { 'largest error': error, 'wrongly refused': refused, 'wrongly accepted': accepted },
      seed,
    },
    { setting: name, method: 'forced without them', figures: { 'share wrong': wrong / count }, seed, baseline: true },
  ];
}

/** The answer, undefined where it is refused. */
function answer(ask: () => number): number | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** Wang, Maurer, Trapp, Van den Broeck 2024, on circuits whose properties are known by how they are made. */
export const atlasClaim: Claim = {
  slug: 'atlas',
  family: 'probabilistic',
  paper: {
    title: 'A Compositional Atlas for Algebraic Circuits',
    authors: 'Wang, Mauá, Van den Broeck, Choi',
    year: 2024,
    url: 'https://arxiv.org/abs/2412.05481',
    reports:
      'A theory: sufficient conditions on circuits under which compositions of aggregation, product and elementwise maps are tractable.',
  },
  says: 'Inference tasks are compositions of aggregation, product and elementwise maps over semirings, exact in time polynomial in the circuit where simple properties of its structure hold.',
  measure,
  holds: (rows) =>
    verdict(
      rows.flatMap(({ setting, method, figures }) =>
        method === 'with its conditions'
          ? [
              {
                ok:
                  figures['largest error'] <= 1e-9 &&
                  figures['wrongly refused'] === 0 &&
                  figures['wrongly accepted'] === 0,
                text: `${setting}: equal to brute force to ${figures['largest error'].toExponential(0)}, wrongly refused ${figures['wrongly refused']}, wrongly accepted ${figures['wrongly accepted']} (asked: 1e-9, 0, 0)`,
              },
            ]
          : [
              {
                ok: figures['share wrong'] >= 0.8,
                text: `${setting}, forced where its conditions fail: wrong in ${(100 * figures['share wrong']).toFixed(0)} % (asked: 80)`,
              },
            ],
      ),
    ),
};
