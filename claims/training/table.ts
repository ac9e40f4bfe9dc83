import { type CompareOptions, type Comparison, compare, type Estimate, type Split } from 'filigree';
import { type Budget, projected, rewired, type Spec, specName, trainArm } from './arms.js';

export const densities = [0.2, 0.1, 0.05, 0.02, 0.01] as const;
export const patterns = [
  [2, 4],
  [1, 4],
] as const;

/** What every arm gets; chosen on a seed that the table does not use. */
export const tableBudget: Budget = {
  hidden: [300, 100],
  epochs: 10,
  batch: 100,
  lr: 0.2,
  weightDecay: 5e-4,
  every: 40,
  pull: 1e-3,
};

export const tableSeeds = [0, 1, 2] as const;

/** All arms of the table. */
export const tableSpecs: readonly Spec[] = [
  { kind: 'dense' },
  ...densities.flatMap((density) => rewired.map((kind): Spec => ({ kind, density }))),
  ...patterns.flatMap(([n, m]) => projected.map((kind): Spec => ({ kind, n, m }))),
];

/** Trains all arms on one data set; what the store has is not trained again. */
export function runTable(
  split: Split,
  options: Omit<CompareOptions, 'seeds'> & { specs?: readonly Spec[]; seeds?: readonly number[]; budget?: Budget },
): Promise<Comparison> {
  const { specs = tableSpecs, seeds = tableSeeds, budget = tableBudget, ...rest } = options;
  const arms = specs.map((spec) => [
    specName(spec),
    (seed: number, own: Pick<CompareOptions, 'signal'>) => trainArm(spec, split, seed, budget, own),
  ]);
  return compare(Object.fromEntries(arms), { ...rest, seeds });
}

const points = ({ mean, half }: Estimate): string =>
  `${(100 * mean).toFixed(1)}${half > 0 ? ` ± ${(100 * half).toFixed(1)}` : ''}`;
const signed = (e: Estimate): string => `${e.mean > 0 ? '+' : ''}${points(e)}`;
const count = (x: number): string =>
  x >= 1e6 ? `${(x / 1e6).toFixed(1)} M` : x >= 1e3 ? `${(x / 1e3).toFixed(0)} k` : x.toFixed(0);

/** Accuracy by sparsity, differences to the arm that each is measured against, and costs; in Markdown. */
export function tableSection(title: string, c: Comparison): string {
  const accuracy = (arm: string): Estimate => c.of(arm, 'accuracy');
  const head = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n|${cells.map(() => '---').join('|')}|`;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const at = (d: number): string => `${Math.round(100 * (1 - d))} %`;
  const names = { static: 'static random', set: 'SET', rigl: 'RigL', srigl: 'SRigL', 'dst-ee': 'DST-EE' } as const;
  const others = { ste: 'STE', 'sr-ste': 'SR-STE', bdwp: 'BDWP' } as const;
  const against = [
    ['set', 'static'],
    ['rigl', 'static'],
    ['srigl', 'static'],
    ['dst-ee', 'static'],
    ['srigl', 'rigl'],
    ['dst-ee', 'rigl'],
  ] as const;
  return [
    `## ${title}`,
    `Dense: ${points(accuracy('dense'))} %. Accuracy on unseen samples in %:`,
    [
      head(['sparsity', ...rewired.map((kind) => names[kind])]),
      ...densities.map((d) => line([at(d), ...rewired.map((kind) => points(accuracy(`${kind} ${d}`)))])),
    ].join('\n'),
    'Paired differences in points:',
    [
      head(['sparsity', ...against.map(([a, b]) => `${names[a]} - ${names[b]}`)]),
      ...densities.map((d) =>
        line([at(d), ...against.map(([a, b]) => signed(c.difference(`${a} ${d}`, `${b} ${d}`, 'accuracy')))]),
      ),
    ].join('\n'),
    'n of every m inputs, dense weights kept (the last layer dense):',
    [
      head(['pattern', ...projected.map((kind) => others[kind]), 'SR-STE - STE', 'BDWP - SR-STE', 'BDWP - dense']),
      ...patterns.map(([n, m]) => {
        const name = (kind: string): string => `${kind} ${n}:${m}`;
        return line([
          `${n}:${m}`,
          ...projected.map((kind) => points(accuracy(name(kind)))),
          signed(c.difference(name('sr-ste'), name('ste'), 'accuracy')),
          signed(c.difference(name('bdwp'), name('sr-ste'), 'accuracy')),
          signed(c.difference(name('bdwp'), 'dense', 'accuracy')),
        ]);
      }),
    ].join('\n'),
    'Costs (multiply-adds of an average step of a batch; bytes of weights, indices, gradients and momentum; seconds of a training with its evaluation, on a busy machine):',
    [
      head(['arm', 'weights', 'multiply-adds', 'bytes', 'seconds']),
      ...[...c.outcomes.keys()].map((arm) => {
        const mean = (figure: string): number => c.of(arm, figure).mean;
        return line([
          arm,
          count(mean('weights')),
          count(mean('MACs per step')),
          count(mean('bytes')),
          mean('seconds').toFixed(1),
        ]);
      }),
    ].join('\n'),
  ].join('\n\n');
}

/** One sentence for each thing that was expected, and whether it came out so. */
export function findings(c: Comparison): string[] {
  const difference = (a: string, b: string): Estimate => c.difference(a, b, 'accuracy');
  const sentence = (ok: boolean, text: string): string => `- ${ok ? 'As expected' : '**Not as expected**'}: ${text}`;
  const high = densities.filter((d) => d <= 0.05);
  const dynamic = (['set', 'rigl', 'srigl', 'dst-ee'] as const).map((kind) => {
    const parts = high.map((d) => ({ d, e: difference(`${kind} ${d}`, `static ${d}`) }));
    const said = parts.map(({ d, e }) => `${signed(e)} at ${Math.round(100 * (1 - d))} %`).join(', ');
    return sentence(
      parts.every(({ e }) => e.mean > 0),
      `${kind} above static random from 95 % on: ${said}.`,
    );
  });
  const near = densities.map((d) => ({ d, e: difference(`srigl ${d}`, `rigl ${d}`) }));
  const pairs = patterns.map(([n, m]) => ({ p: `${n}:${m}`, e: difference(`sr-ste ${n}:${m}`, `ste ${n}:${m}`) }));
  return [
    ...dynamic,
    sentence(
      near.every(({ e }) => Math.abs(e.mean) <= 0.01),
      `SRigL within a point of RigL: ${near.map(({ d, e }) => `${signed(e)} at ${Math.round(100 * (1 - d))} %`).join(', ')}.`,
    ),
    sentence(
      pairs.every(({ e }) => e.mean > 0),
      `SR-STE above STE: ${pairs.map(({ p, e }) => `${signed(e)} at ${p}`).join(', ')}.`,
    ),
  ];
}
