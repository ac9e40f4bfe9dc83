import { type Estimate, estimate, glyphs, type Split, splitAt } from 'filigree';
import type { Check, MeasureOptions, Row, Stages } from '../claim.js';
import { type Budget, type Spec, specName, trainArm } from './arms.js';
import { tableBudget } from './table.js';

/** Glyphs as the sheets ask for them: 8,000 samples to train and 2,000 to test, or fewer in the smaller sizes. */
export function glyphSplit(size: MeasureOptions['size'], side: 16 | 28 = 28): Split {
  const [train, test] = { smoke: [400, 200], quick: [2000, 1000], full: [8000, 2000] }[size];
  return splitAt(glyphs({ samples: train + test, side, seed: 1 }), train);
}

/** What all arms get, in fewer epochs in the smaller sizes. */
export function budgetFor(size: MeasureOptions['size'], own: Partial<Budget> = {}): Budget {
  const epochs = { smoke: 2, quick: 4, full: 10 }[size];
  return { ...tableBudget, epochs, every: size === 'full' ? tableBudget.every : 10, ...own };
}

/** The same for three convolutions on glyphs of 16 x 16. */
export function convolutionsFor(size: MeasureOptions['size']): Budget {
  const convolutions = { channels: [16, 32, 64], strides: [2, 2, 1] };
  return budgetFor(size, { convolutions, epochs: { smoke: 1, quick: 2, full: 6 }[size] });
}

/** Seeds of a claim: `count` from the given one on. */
export const seedsFrom = (seed: number, count: number): number[] => Array.from({ length: count }, (_, k) => seed + k);

/** Trains every arm with every seed; one row each. */
export async function trainRows(
  setting: string,
  specs: readonly Spec[],
  split: Split,
  seeds: readonly number[],
  budget: Budget,
  stages: Stages,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const seed of seeds) {
    for (const spec of specs) {
      const figures = await stages.run(({ signal, onProgress }) =>
        trainArm(spec, split, seed, budget, {
          signal,
          onProgress: (done) => onProgress?.({ done, total: 1, unit: 'runs' }),
        }),
      );
      const baseline = spec.kind === 'static' || spec.kind === 'ste' || spec.kind === 'dense';
      rows.push({ setting, method: specName(spec), ...(baseline && { baseline }), figures, seed });
    }
  }
  return rows;
}

/** A figure of a method, one number a seed, in the order of the seeds. */
export function figuresOf(rows: readonly Row[], method: string, figure: string, setting?: string): number[] {
  return rows
    .filter((r) => r.method === method && figure in r.figures && (setting === undefined || r.setting === setting))
    .sort((a, b) => a.seed - b.seed)
    .map((r) => r.figures[figure]);
}

export const meanOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Mean paired difference of a figure between two methods; undefined where one was not measured. */
export function paired(
  rows: readonly Row[],
  a: string,
  b: string,
  figure = 'accuracy',
  setting?: string,
): Estimate | undefined {
  const [ours, theirs] = [figuresOf(rows, a, figure, setting), figuresOf(rows, b, figure, setting)];
  if (ours.length === 0 || ours.length !== theirs.length) return undefined;
  return estimate(ours.map((value, k) => value - theirs[k]));
}

/** In points, with the half width of the 95 % interval. */
export const inPoints = ({ mean, half }: Estimate): string =>
  `${mean > 0 ? '+' : ''}${(100 * mean).toFixed(2)} ± ${(100 * half).toFixed(2)} points`;

/** A check of a mean paired difference; none where it was not measured. */
export function differenceCheck(
  rows: readonly Row[],
  [a, b]: readonly [string, string],
  asked: { least?: number; most?: number },
  setting?: string,
): Check[] {
  const e = paired(rows, a, b, 'accuracy', setting);
  if (!e) return [];
  const { least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY } = asked;
  const limits = [
    asked.least !== undefined && `${(100 * asked.least).toFixed(1)} or more`,
    asked.most !== undefined && `${(100 * asked.most).toFixed(1)} or less`,
  ].filter(Boolean);
  const where = setting === undefined ? '' : `${setting}: `;
  return [
    {
      ok: e.mean >= least && e.mean <= most,
      text: `${where}${a} - ${b} is ${inPoints(e)} (asked: ${limits.join(', ')})`,
    },
  ];
}
