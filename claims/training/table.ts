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

/** SRigL's threshold that was best on the seeds of the choice; see the page. */
export const tunedAblation = 0.75;

/** The columns of the table: how the arm of a density is called. */
const columns: readonly { readonly kind: (typeof rewired)[number]; readonly ablation?: number }[] = [
  ...rewired.map((kind) => ({ kind })),
  { kind: 'srigl', ablation: tunedAblation },
];
const armAt = (column: (typeof columns)[number], density: number): string => specName({ ...column, density });

/** All arms of the table. */
export const tableSpecs: readonly Spec[] = [
  { kind: 'dense' },
  ...densities.flatMap((density) => columns.map((column): Spec => ({ ...column, density }))),
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
  const nameOf = ({ kind, ablation }: (typeof columns)[number]): string =>
    ablation === undefined ? names[kind] : `${names[kind]} (${ablation})`;
  const others = { ste: 'STE', 'sr-ste': 'SR-STE', bdwp: 'BDWP' } as const;
  const [fixed, set, rigl, srigl, dstEe, tuned] = columns;
  const against = [
    [set, fixed],
    [rigl, fixed],
    [srigl, fixed],
    [tuned, fixed],
    [dstEe, fixed],
    [srigl, rigl],
    [tuned, rigl],
    [dstEe, rigl],
  ] as const;
  return [
    `## ${title}`,
    `Dense: ${points(accuracy('dense'))} %. Accuracy on unseen samples in %:`,
    [
      head(['sparsity', ...columns.map(nameOf)]),
      ...densities.map((d) => line([at(d), ...columns.map((column) => points(accuracy(armAt(column, d))))])),
    ].join('\n'),
    'Paired differences in points:',
    [
      head(['sparsity', ...against.map(([a, b]) => `${nameOf(a)} - ${nameOf(b)}`)]),
      ...densities.map((d) =>
        line([at(d), ...against.map(([a, b]) => signed(c.difference(armAt(a, d), armAt(b, d), 'accuracy')))]),
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
  const dynamic = columns.slice(1).map((column) => {
    const parts = high.map((d) => ({ d, e: difference(armAt(column, d), `static ${d}`) }));
    const kind = [column.kind, column.ablation !== undefined && `(${column.ablation})`].filter(Boolean).join(' ');
    const said = parts.map(({ d, e }) => `${signed(e)} at ${Math.round(100 * (1 - d))} %`).join(', ');
    return sentence(
      parts.every(({ e }) => e.mean > 0),
      `${kind} above static random from 95 % on: ${said}.`,
    );
  });
  const near = columns
    .filter(({ kind }) => kind === 'srigl')
    .map((column) => {
      const parts = densities.map((d) => ({ d, e: difference(armAt(column, d), `rigl ${d}`) }));
      const said = parts.map(({ d, e }) => `${signed(e)} at ${Math.round(100 * (1 - d))} %`).join(', ');
      const name = column.ablation === undefined ? 'SRigL' : `SRigL (${column.ablation})`;
      return sentence(
        parts.every(({ e }) => e.mean >= -0.01),
        `${name} at most a point under RigL: ${said}.`,
      );
    });
  const pairs = patterns.map(([n, m]) => ({ p: `${n}:${m}`, e: difference(`sr-ste ${n}:${m}`, `ste ${n}:${m}`) }));
  return [
    ...dynamic,
    ...near,
    sentence(
      pairs.every(({ e }) => e.mean > 0),
      `SR-STE above STE: ${pairs.map(({ p, e }) => `${signed(e)} at ${p}`).join(', ')}.`,
    ),
  ];
}
