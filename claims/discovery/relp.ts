import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { type KindName, kinds, randomRows, randomStages, setting } from './relp-random.js';
import { relpShippedRows, relpShippedStages } from './relp-shipped.js';

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

const names = Object.keys(kinds) as KindName[];
const measured = { smoke: ['steep', 'large first layer'], quick: names, full: names } as const satisfies Record<
  MeasureOptions['size'],
  readonly KindName[]
>;
const draws = { smoke: 2, quick: 6, full: 20 } as const;

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const seeds = Array.from({ length: draws[size] }, (_, i) => seed + i);
  const shipped = size === 'full';
  const total = measured[size].length * seeds.length * randomStages + (shipped ? relpShippedStages(options) : 0);
  const stages = new Stages(options, total);
  const rows: Row[] = [];
  for (const name of measured[size]) for (const s of seeds) rows.push(...(await randomRows(name, s, stages)));
  if (shipped) rows.push(...(await relpShippedRows(options, stages)));
  return rows;
}

/** On a trained model: MLPs are what gradients are said to miss, heads what they see well. */
function shippedChecks(rows: readonly Row[]): Check[] {
  const r = (method: string, figure: string): number =>
    mean(rows.filter((row) => row.method === method && figure in row.figures).map((row) => row.figures[figure]));
  const [mlps, plainMlps] = [r('RelP', 'r of MLPs'), r('AtP', 'r of MLPs')];
  const [heads, plainHeads] = [r('RelP', 'r of heads'), r('AtP', 'r of heads')];
  if (Number.isNaN(mlps)) return [];
  return [
    {
      ok: mlps >= plainMlps,
      text: `on a trained model r with patching MLPs is ${mlps.toFixed(3)}, by AtP ${plainMlps.toFixed(3)} (asked: as much)`,
    },
    {
      ok: heads >= plainHeads - 0.05,
      text: `with patching heads ${heads.toFixed(3)}, by AtP ${plainHeads.toFixed(3)} (asked: .05 less at most)`,
    },
  ];
}

/** The figures of a method in a kind of network, over its draws. */
function figures(rows: readonly Row[], name: KindName, method: string, figure: string): number[] {
  return rows.filter((r) => r.setting === setting(name) && r.method === method).map((r) => r.figures[figure]);
}

function checksOf(rows: readonly Row[], name: KindName): Check[] {
  const relp = figures(rows, name, 'RelP', 'r');
  if (relp.length === 0) return [];
  const [ours, plain] = [mean(relp), mean(figures(rows, name, 'AtP', 'r'))];
  const asked = plain < 0.9 ? 0.05 : 0;
  const leak = Math.max(...figures(rows, name, 'RelP', 'leak'));
  const plainLeak = Math.min(...figures(rows, name, 'AtP', 'leak'));
  const checks = [
    {
      ok: ours > plain && ours - plain >= asked,
      text: `${setting(name)}: r with patching is ${ours.toFixed(3)}, by AtP ${plain.toFixed(3)} (asked: ${asked} more)`,
    },
    {
      ok: leak <= 1e-5 && plainLeak > 0.01,
      text: `relevance is conserved to ${leak.toExponential(0)} (asked: 1e-5), without the rules to ${plainLeak.toFixed(2)}`,
    },
  ];
  if (name !== 'large first layer') return checks;
  const [norm, act] = ['norm', 'activation'].map((rule) => mean(figures(rows, name, `${rule} rule alone`, 'r')));
  return [
    ...checks,
    {
      ok: norm - plain > 4 * Math.abs(act - plain),
      text: `with a large first layer it is the norm rule that does it: alone ${norm.toFixed(3)}, the activation rule ${act.toFixed(3)}`,
    },
  ];
}

/** Rezaei Jafari, Eberle, Khakzar, Nanda 2025, on random networks, whose depth and norms make gradients misleading,
 * and on the nodes of the project's own model. */
export const relpClaim: Claim = {
  slug: 'relp',
  family: 'discovery',
  paper: {
    title: 'RelP: Faithful and Efficient Circuit Discovery in Language Models via Relevance Patching',
    authors: 'Rezaei Jafari, Eberle, Khakzar, Nanda',
    year: 2025,
    url: 'https://arxiv.org/abs/2508.21258',
    reports:
      'IOI, MLP outputs of GPT-2 Large: correlation with activation patching .006 by attribution patching, .956 by relevance ' +
      'patching; about equal on attention outputs.',
  },
  says:
    'With the coefficients of layer-wise relevance propagation in place of gradients, attribution patching comes closer to activation ' +
    'patching in deep networks, at the same cost.',
  measure,
  holds: (rows) => verdict([...names.flatMap((name) => checksOf(rows, name)), ...shippedChecks(rows)]),
};
