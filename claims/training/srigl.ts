import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import type { Spec } from './arms.js';
import {
  budgetFor,
  differenceCheck,
  figuresOf,
  glyphSplit,
  inPoints,
  meanOf,
  paired,
  seedsFrom,
  trainRows,
} from './common.js';
import { tunedAblation } from './table.js';

const setting = 'glyphs-28, 512-512';
const measured = { smoke: [0.05], quick: [0.05, 0.01], full: [0.1, 0.05, 0.02, 0.01] } as const;
const kinds = ['static', 'set', 'rigl', 'srigl'] as const;

const specsAt = (density: number): Spec[] => [
  ...kinds.map((kind): Spec => ({ kind, density })),
  { kind: 'srigl', density, ablation: tunedAblation },
  { kind: 'srigl', density, ablation: 0 },
];

const tuned = (density: number): string => `srigl ${density} ablation ${tunedAblation}`;

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const split = glyphSplit(size);
  const specs = measured[size].flatMap(specsAt);
  const seeds = seedsFrom(seed, size === 'full' ? 3 : 1);
  const stages = new Stages(options, specs.length * seeds.length);
  const hidden = size === 'smoke' ? [64, 64] : [512, 512];
  const name = size === 'full' ? setting : `glyphs-28, ${hidden.join('-')}, short`;
  return trainRows(name, specs, split, seeds, budgetFor(size, { hidden }), stages);
}

function checks(rows: readonly Row[]): Check[] {
  const own = rows.filter((r) => r.setting === setting);
  const found: Check[] = [];
  for (const density of measured.full) {
    found.push(...differenceCheck(own, [`srigl ${density}`, `rigl ${density}`], { least: -0.01 }));
    const other = paired(own, tuned(density), `rigl ${density}`);
    if (other) found.push({ ok: true, text: `with a threshold of ${tunedAblation} it is ${inPoints(other)}` });
  }
  found.push(...differenceCheck(own, ['srigl 0.01', 'srigl 0.01 ablation 0'], { least: 1e-9 }));
  const empty = measured.full
    .map((d) => ({
      rigl: figuresOf(own, `rigl ${d}`, 'empty neurons'),
      srigl: figuresOf(own, `srigl ${d}`, 'empty neurons'),
    }))
    .filter(({ rigl, srigl }) => rigl.length > 0 && srigl.length > 0)
    .map(({ rigl, srigl }) => ({ rigl: meanOf(rigl), srigl: meanOf(srigl) }));
  if (empty.length > 1) {
    const grows = empty.every(({ rigl }, k) => k === 0 || rigl >= empty[k - 1].rigl);
    const list = (of: 'rigl' | 'srigl') => empty.map((e) => e[of].toFixed(0)).join(', ');
    found.push({
      ok: grows,
      text: `neurons without inputs after RigL, from dense to sparse: ${list('rigl')} (asked: growing); switched off by SRigL: ${list('srigl')}`,
    });
  }
  return found;
}

/** The smaller runs ask only what must hold at any size. */
function invariants(rows: readonly Row[]): Check[] {
  const own = rows.filter((r) => r.method.startsWith('srigl'));
  if (own.length === 0) return [];
  const unequal = own.filter((r) => r.figures['unequal fan-in'] > 0).length;
  return [
    {
      ok: unequal === 0,
      text: `in ${own.length - unequal} of ${own.length} networks of SRigL all neurons of a layer that have inputs have the same number of them`,
    },
  ];
}

/** Lasby et al. 2024, on twenty-class glyphs. */
export const sriglClaim: Claim = {
  slug: 'srigl',
  family: 'training',
  paper: {
    title: 'Dynamic Sparse Training with Structured Sparsity',
    authors: 'Lasby, Golubeva, Evci, Nica, Ioannou',
    year: 2024,
    url: 'https://arxiv.org/abs/2305.02299',
    reports:
      'CIFAR-10 and ImageNet: accuracy of unstructured dynamic sparse training with constant fan-in; at 90 % sparsity 3.4x (1.7x) faster than dense ' +
      '(unstructured sparse) layers for online inference on a CPU.',
  },
  says:
    'Dynamic sparse training in which every neuron has the same number of inputs, and may be switched off as a whole, keeps the accuracy ' +
    'of unstructured dynamic training.',
  measure,
  holds: (rows) => verdict([...checks(rows), ...invariants(rows)]),
};
