import {
  causalHeadGating,
  gatedNll,
  gateGradients,
  gateModularity,
  type HeadGating,
  plantedGates,
  Random,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { onShippedTasks, type Shipped, type ShippedPlan, shippedTaskStages } from './shipped.js';

const settings = {
  'planted, scale 4': { scale: 4, sabotage: 2.5 },
  'planted, scale 12': { scale: 12, sabotage: 4, decoyDeviation: 0.1 },
} as const;
type SettingName = keyof typeof settings;

/** As published; and with the pushed fits started where the push acts, which is ours. */
const published = 'causal head gating';
const variants = [published, 'start within the clip'] as const;

const sizes = {
  smoke: { names: ['planted, scale 4'], seeds: 1, steps: 40, pairs: 12, methods: [published] },
  quick: { names: Object.keys(settings) as SettingName[], seeds: 1, steps: 100, pairs: 32, methods: variants },
  full: { names: Object.keys(settings) as SettingName[], seeds: 3, steps: 150, pairs: 64, methods: variants },
} as const satisfies Record<MeasureOptions['size'], object>;

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const hard = (gates: ArrayLike<number>): number[] => Array.from(gates, (g) => Number(g > 0.5));
const count = (mask: readonly number[]): number => mask.reduce((a, b) => a + b, 0);

async function plantedRows(name: SettingName, options: MeasureOptions, stages: Stages): Promise<Row[]> {
  const { seeds, steps, methods, pairs: pairCount } = sizes[options.size];
  const { model, pairs, roles } = plantedGates(settings[name]);
  try {
    const { layers, heads } = model.config;
    const names = Array.from({ length: layers * heads }, (_, i) => `a${Math.floor(i / heads)}.h${i % heads}`);
    const of = (gates: ArrayLike<number>, wanted: readonly string[]): number[] =>
      wanted.map((head) => gates[names.indexOf(head)]);
    const [learned, judged] = [pairs(pairCount, options.seed + 1), pairs(pairCount, options.seed + 2)];
    const judge = (sets: readonly ArrayLike<number>[]): Promise<Float64Array> =>
      gatedNll(model, judged, sets, { signal: options.signal });
    const all = names.map(() => 1);
    const knockOuts = await judge([all, ...roles.redundant.map((copy) => names.map((head) => Number(head !== copy)))]);
    const whole = knockOuts[0];
    const rows: Row[] = [];
    const runs: HeadGating[] = [];
    for (const method of methods) {
      for (let seed = options.seed; seed < options.seed + seeds; seed++) {
        const clippedStart = method === 'start within the clip';
        const gates = await stages.run((o) => causalHeadGating(model, learned, { steps, seed, clippedStart, ...o }));
        if (!clippedStart) runs.push(gates);
        const mask = hard(gates.dropped);
        // Every set of as many heads as the hard gates keep.
        const sets = Array.from({ length: 2 ** names.length }, (_, s) => names.map((_, i) => (s >> i) & 1));
        const same = sets.filter((set) => count(set) === count(mask));
        const [kept, dropped, thresholded, ...others] = await judge([gates.kept, gates.dropped, mask, ...same]);
        rows.push({
          setting: name,
          method,
          figures: {
            'G+ of saboteur': of(gates.kept, roles.interfering)[0],
            'G- of previous token': of(gates.dropped, roles.needed)[0],
            'G- of copies': of(gates.dropped, roles.redundant).reduce((a, b) => a + b),
            'least G- of copies': Math.min(...of(gates.dropped, roles.redundant)),
            'largest other G-': Math.max(...of(gates.dropped, [...roles.irrelevant, ...roles.interfering])),
            'NLL of model': whole,
            'NLL of G+': kept,
            'NLL of G-': dropped,
            'NLL of hard G-': thresholded,
            'heads of hard G-': count(mask),
            'NLL of best set of that size': Math.min(...others),
          },
          seed,
        });
      }
    }
    rows.push({
      setting: name,
      method: 'knock-out of a copy',
      baseline: true,
      figures: { 'largest rise of NLL': Math.max(...knockOuts.slice(1)) - whole },
      seed: options.seed,
    });
    if (runs.length > 1) {
      const free = gateModularity(runs.map((run) => run.free));
      rows.push({
        setting: name,
        method: 'modularity',
        figures: {
          'variance of G': mean(free.variance),
          'variance of G+': mean(gateModularity(runs.map((run) => run.kept)).variance),
          'variance of G-': mean(gateModularity(runs.map((run) => run.dropped)).variance),
        },
        seed: options.seed,
      });
    }
    return rows;
  } finally {
    model.dispose();
  }
}

const removed = [1, 2, 4] as const;
const plan = (seed: number): ShippedPlan => ({
  seeds: [seed],
  found: 16,
  judged: 24,
  stages: 2,
  suffix: ', heads removed',
});

/** How much worse the model gets when the heads that a ranking puts first are taken out, on pairs that it has not seen. */
async function removalRows({ model, setting, seed, found, judged }: Shipped, stages: Stages): Promise<Row[]> {
  const { layers, heads } = model.config;
  const n = layers * heads;
  const facilitation = new Float64Array(n);
  const masks: number[][] = [];
  for (let draw = seed; draw < seed + plan(seed).stages; draw++) {
    const gates = await stages.run((o) =>
      causalHeadGating(model, found, { steps: sizes.full.steps, seed: draw, ...o }),
    );
    masks.push(hard(gates.dropped));
    gates.facilitation.forEach((g, i) => {
      facilitation[i] += g;
    });
  }
  const without = (gone: readonly number[]): number[] => Array.from({ length: n }, (_, i) => Number(!gone.includes(i)));
  const everyHead = Array.from({ length: n }, (_, i) => i);
  const ranked = (scores: ArrayLike<number>): number[] => [...everyHead].sort((a, b) => scores[b] - scores[a] || a - b);
  const random = new Random(seed).fork('removed heads');
  const orders = [
    { method: 'facilitation', orders: [ranked(facilitation)] },
    { method: 'gradient importance', orders: [ranked(await gateGradients(model, found, { absolute: true }))] },
    {
      method: 'knock-out',
      orders: [
        ranked(
          await gatedNll(
            model,
            found,
            everyHead.map((i) => without([i])),
          ),
        ),
      ],
    },
    { method: 'random', orders: Array.from({ length: 8 }, () => random.shuffle(everyHead)) },
  ];
  const rows: Row[] = [];
  // What the hard gates keep, and as many heads at random.
  const chance = masks.flatMap((mask) =>
    Array.from({ length: 8 }, () => {
      const order = random.shuffle(everyHead);
      return without(order.slice(count(mask)));
    }),
  );
  rows.push({
    setting,
    method: 'hard G-',
    figures: {
      'heads kept': mean(masks.map(count)),
      'NLL kept': mean(await gatedNll(model, judged, masks)),
      'NLL of model': (await gatedNll(model, judged, [without([])]))[0],
      'NLL of random heads': mean(await gatedNll(model, judged, chance)),
    },
    seed,
  });
  for (const { method, orders: lists } of orders) {
    const figures: Record<string, number> = {};
    for (const k of removed) {
      figures[`NLL without ${k}`] = mean(
        await gatedNll(
          model,
          judged,
          lists.map((list) => without(list.slice(0, k))),
        ),
      );
    }
    rows.push({ setting, method, baseline: method !== 'facilitation', figures, seed });
  }
  return rows;
}

async function measure(options: MeasureOptions): Promise<Row[]> {
  const { size, seed } = options;
  const { names, seeds, methods } = sizes[size];
  const shipped = size === 'full';
  const stages = new Stages(
    options,
    names.length * methods.length * seeds + (shipped ? shippedTaskStages(options, plan(seed)) : 0),
  );
  const rows: Row[] = [];
  for (const name of names) rows.push(...(await plantedRows(name, options, stages)));
  if (shipped) rows.push(...(await onShippedTasks(options, plan(seed), stages, (on) => removalRows(on, stages))));
  return rows;
}

function plantedChecks(rows: readonly Row[], name: SettingName): Check[] {
  const own = rows.filter((row) => row.setting === name && row.method === published);
  const clipped = rows.filter((row) => row.setting === name && row.method === variants[1]);
  const range = (figure: string): string => {
    const values = clipped.map((row) => row.figures[figure]);
    return values.length > 0
      ? `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`
      : 'not measured';
  };
  if (own.length === 0) return [];
  const all = (figure: string): number[] => own.map((row) => row.figures[figure]);
  const most = (figure: string): number => Math.max(...all(figure));
  const least = (figure: string): number => Math.min(...all(figure));
  const seeds = `${own.length} seed${own.length > 1 ? 's' : ''}`;
  const worst = Math.max(...own.map(({ figures: f }) => f['NLL of hard G-'] - f['NLL of best set of that size']));
  const brute: Check = {
    ok: worst <= 0.05,
    text: `${name}: the heads with G- above a half have an NLL at most ${worst.toFixed(4)} above the best of all sets of as many heads (asked: .05)`,
  };
  if (name === 'planted, scale 4') {
    const ends = Math.max(most('NLL of G+'), most('NLL of G-'));
    return [
      {
        ok: most('G+ of saboteur') < 0.1 && least('G- of previous token') > 0.9 && least('least G- of copies') > 0.9,
        text: `${name}, ${seeds}: G+ of the saboteur at most ${most('G+ of saboteur').toFixed(3)} (asked: .1), G- of the previous-token head at least ${least('G- of previous token').toFixed(3)} and of the copies ${least('least G- of copies').toFixed(3)} (asked: .9); started within the clip G+ of the saboteur is ${range('G+ of saboteur')}`,
      },
      {
        ok: ends < least('NLL of model'),
        text: `with either gates the NLL is at most ${ends.toFixed(4)}, that of the model ${least('NLL of model').toFixed(4)}`,
      },
      brute,
    ];
  }
  const rise = Math.max(
    ...rows
      .filter((r) => r.setting === name && r.method === 'knock-out of a copy')
      .map((r) => r.figures['largest rise of NLL']),
  );
  const [low, high] = [least('G- of copies'), most('G- of copies')];
  const gap = Math.min(
    ...own.map(({ figures: f }) => f['G- of previous token'] - f['largest other G-']),
    ...own.map(({ figures: f }) => f['least G- of copies'] - f['largest other G-']),
  );
  return [
    {
      ok: rise < 0.01 && low >= 0.5 && high <= 1.2,
      text: `${name}, ${seeds}: knocking out a copy raises the NLL by ${rise.toFixed(4)} at most (asked: .01), while the G- of both together are ${low.toFixed(2)} to ${high.toFixed(2)} (asked: .5 to 1.2); started within the clip ${range('G- of copies')}`,
    },
    {
      ok: least('G- of previous token') > 0.5,
      text: `the previous-token head is kept: G- at least ${least('G- of previous token').toFixed(3)} (asked: .5), and of it and the copies at least ${gap.toFixed(3)} above any other head`,
    },
    brute,
  ];
}

function shippedChecks(rows: readonly Row[]): Check[] {
  const kept = rows.filter((row) => 'NLL kept' in row.figures);
  const over = (figure: string): number => mean(kept.map((row) => row.figures[figure]));
  const sufficient: Check[] =
    kept.length === 0
      ? []
      : [
          {
            ok: over('NLL kept') < over('NLL of random heads'),
            text: `the ${over('heads kept').toFixed(1)} heads of hard G- have an NLL of ${over('NLL kept').toFixed(2)} on other pairs, the whole model ${over('NLL of model').toFixed(2)}, as many at random ${over('NLL of random heads').toFixed(2)} (asked: less than at random)`,
          },
        ];
  const removals = removed.flatMap((k): Check[] => {
    const figure = `NLL without ${k}`;
    const of = (method: string): number =>
      mean(rows.filter((r) => r.method === method && figure in r.figures).map((r) => r.figures[figure]));
    const [ours, gradient, knocked, chance] = ['facilitation', 'gradient importance', 'knock-out', 'random'].map(of);
    if (Number.isNaN(ours)) return [];
    return [
      {
        ok: ours > gradient && ours > chance,
        text: `on a trained model, taking out the ${k} most facilitating heads gives an NLL of ${ours.toFixed(2)}, the ${k} of largest gradient ${gradient.toFixed(2)}, at random ${chance.toFixed(2)} (asked: more than both), by knock-outs ${knocked.toFixed(2)}`,
      },
    ];
  });
  return [...sufficient, ...removals];
}

/** Nam and others 2025, on a model whose heads have known roles and on the project's own model. */
export const causalHeadGatingClaim: Claim = {
  slug: 'causal-head-gating',
  family: 'discovery',
  paper: {
    title: 'Causal Head Gating: A Framework for Interpreting Roles of Attention Heads in Transformers',
    authors: 'Nam, Conklin, Yang, Griffiths, Cohen, Leslie',
    year: 2025,
    url: 'https://arxiv.org/abs/2505.13737',
    reports:
      'Llama 3 of 1 to 8 billion parameters, syntax, commonsense and mathematics: several distinct sparse sufficient sub-circuits for a ' +
      'task; the role of a head depends on others.',
  },
  says:
    'Soft gates on heads, fitted once with a push towards keeping and once towards dropping, tell heads that help from heads that hurt and ' +
    'heads that do not matter, also where knocking out single heads shows nothing.',
  measure,
  holds: (rows) =>
    verdict([
      ...(Object.keys(settings) as SettingName[]).flatMap((name) => plantedChecks(rows, name)),
      ...shippedChecks(rows),
    ]),
};
