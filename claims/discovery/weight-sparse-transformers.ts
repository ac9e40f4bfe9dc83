import {
  type ChannelModel,
  channelGradients,
  channelModel,
  cutChannels,
  examineChannels,
  findTask,
  nodePruningDefaults,
  nonsensePairs,
  type Pair,
  type Part,
  plantedDepth,
  type Question,
  questionsOf,
  Random,
  sameSupport,
  searchChannels,
  taskPairs,
  weightEdges,
} from 'filigree';
import { type Check, type Claim, type MeasureOptions, type Row, Stages, verdict } from '../claim.js';
import { type ProgramModel, programModel, programTexts, validationLoss } from './weight-sparse-models.js';

const sizes = {
  smoke: { seeds: 1, pairs: 16, controls: false },
  quick: { seeds: 3, pairs: 64, controls: true },
  full: { seeds: 3, pairs: 128, controls: true },
} as const;

const planted = 'planted depth';
const learned = 'learned mask';
/** What the planted circuit is made of: see `plantedDepth`. */
const truth = ['0.attn_in.0', '0.attn_in.1', '0.v.h0.0', '0.attn_out.11', '1.mlp_in.11', '1.neuron.0', '1.mlp_out.15'];

/** How masks of the planted model are learned; those of trained models are learned in the usual way. */
const plantedSearch = { steps: 150, price: 30, lr: 3e-3 } as const;

interface Controls {
  readonly own: ChannelModel;
  readonly setting: string;
  readonly discovery: readonly Pair[];
  readonly evaluation: readonly Pair[];
  readonly search: {
    readonly steps: number;
    readonly price?: number;
    readonly lr?: number;
    readonly searches?: number;
  };
  /** Whether masks are also learned for what must not be found. */
  readonly controls: boolean;
  readonly seed: number;
}

/** The circuit that is found, those of other rankings, and what must not be found. */
async function circuitRows(
  { own, setting, discovery, evaluation, search, controls, seed }: Controls,
  stages: Stages,
): Promise<{ rows: Row[]; kept: Uint8Array }> {
  const [questions, others] = [questionsOf(discovery), questionsOf(evaluation)];
  const { best } = await stages.run((o) => searchChannels(own, questions, { ...search, seed, ...o }));
  const checks = await examineChannels(own, best, questions, others, { seed });
  const figures = (of: { size: number; loss: number; reached: boolean }, edges: number) => ({
    nodes: of.size,
    edges,
    loss: of.loss,
    reached: Number(of.reached),
  });
  const rows: Row[] = [
    {
      setting,
      method: learned,
      figures: {
        ...figures(best, best.edges.length),
        'uncalibrated loss': best.plainLoss,
        'loss without the circuit': checks.withoutCircuit.loss,
        'held-out right': checks.heldOut.right,
        'held-out loss': checks.heldOut.loss,
        'whole model right': checks.full.heldOutRight,
        'resampled loss': checks.resampled.loss,
        'two-level loss': checks.binarised.loss,
      },
      seed,
    },
  ];
  const ranked = async (method: string, scores: ArrayLike<number>): Promise<void> => {
    const cut = await cutChannels(own, questions, scores);
    const edges = (await weightEdges(own, cut.kept)).length;
    rows.push({ setting, method, baseline: true, figures: figures(cut, edges), seed });
  };
  await ranked('gradient', await channelGradients(own, questions));
  const random = new Random(seed).fork('random channels');
  await ranked(
    'random',
    Float64Array.from({ length: own.space.size }, () => random.uniform()),
  );

  if (!controls) return { rows, kept: best.kept };
  const nonsense = questionsOf(nonsensePairs(discovery, seed));
  await control('nonsense labels', own, nonsense, questionsOf(nonsensePairs(evaluation, seed + 1)));
  const scrambled = await sameSupport(own.model, seed);
  const bare = { ...own, model: scrambled, multiply: undefined };
  try {
    await control('random weights', bare, questions, others);
  } finally {
    scrambled.dispose();
  }
  return { rows, kept: best.kept };

  async function control(
    method: string,
    on: ChannelModel,
    asked: readonly Question[],
    judged: readonly Question[],
  ): Promise<void> {
    const { best: found } = await stages.run((o) => searchChannels(on, asked, { ...search, seed, ...o }));
    const tried = await examineChannels(on, found, asked, judged, { seed });
    rows.push({
      setting,
      method,
      baseline: true,
      figures: {
        ...figures(found, found.edges.length),
        'held-out right': tried.heldOut.right,
        'held-out loss': tried.heldOut.loss,
      },
      seed,
    });
  }
}

async function plantedRows(options: MeasureOptions, stages: Stages, seed: number): Promise<Row[]> {
  const { pairs, controls } = sizes[options.size];
  const made = plantedDepth({ seed });
  const texts = made.pairs(100, seed + 9).flatMap(({ clean, corrupt }) => [clean, corrupt]);
  const own = await channelModel(made.model, texts);
  try {
    const { rows, kept } = await circuitRows(
      {
        own,
        setting: planted,
        discovery: made.pairs(pairs, seed + 1),
        evaluation: made.pairs(pairs, seed + 2),
        search: plantedSearch,
        controls,
        seed,
      },
      stages,
    );
    const names = Array.from(kept).flatMap((k, channel) => (k ? [own.space.name(channel)] : []));
    const found = names.filter((name) => truth.includes(name)).length;
    const [own0, ...rest] = rows;
    return [
      { ...own0, figures: { ...own0.figures, recall: found / truth.length, precision: found / names.length } },
      ...rest,
    ];
  } finally {
    own.dispose();
    made.model.dispose();
  }
}

const tasks = ['single_double_quote', 'bracket_counting'] as const;
/** As many as for the frontier (docs/weight-sparse.md). */
const searches = 4;
async function trainedRows(options: MeasureOptions, stages: Stages): Promise<Row[]> {
  const { seed, signal } = options;
  const { pairs } = sizes.full;
  const rows: Row[] = [];
  for (const kind of ['sparse', 'dense'] as const) {
    const program: ProgramModel = await stages.run((o) => programModel(kind, { ...options, ...o }));
    const own = await channelModel(program.model, programTexts(program, 300, seed));
    const loss = await validationLoss(program, seed, signal);
    try {
      for (const task of tasks) {
        const of = (part: Part): readonly Pair[] =>
          taskPairs(findTask(task), program.tokenizer, {
            count: pairs,
            seed,
            part,
            context: program.model.config.context,
          }).pairs;
        const { rows: found } = await circuitRows(
          {
            own,
            setting: `${kind}: ${task}`,
            discovery: of('discovery'),
            evaluation: of('evaluation'),
            search: { steps: nodePruningDefaults.steps, searches },
            controls: true,
            seed,
          },
          stages,
        );
        rows.push(
          ...found.map((row) => ({ ...row, figures: { ...row.figures, 'validation loss': loss }, note: program.name })),
        );
      }
    } finally {
      own.dispose();
      program.model.dispose();
    }
  }
  return rows;
}

const of = (rows: readonly Row[], setting: string, method: string): Row | undefined =>
  rows.find((row) => row.setting === setting && row.method === method);

function plantedChecks(rows: readonly Row[]): Check[] {
  const own = rows.filter((row) => row.setting === planted && row.method === learned);
  return own.flatMap(({ figures, seed }) => {
    const exact = figures['recall'] === 1 && figures['precision'] === 1;
    return [
      {
        ok: exact,
        text: `seed ${seed}: pruning the planted model returns exactly its ${truth.length} channels (recall ${figures['recall'].toFixed(2)}, precision ${figures['precision'].toFixed(2)})`,
      },
    ];
  });
}

/** What must fail does, in a setting where the learned circuit reaches the loss. */
function controlChecks(rows: readonly Row[], setting: string): Check[] {
  const own = of(rows, setting, learned);
  if (!own) return [];
  const checks: Check[] = [];
  // A circuit that parts the prompts without fail has no loss to divide by.
  const least = 1e-3;
  const needed = own.figures['loss without the circuit'] / Math.max(own.figures['loss'], least);
  const atLeast = own.figures['loss'] < least ? 'more than ' : '';
  checks.push({
    ok: needed >= 10,
    text: `${setting}: without the circuit the task loss is ${own.figures['loss without the circuit'].toFixed(2)}, ${atLeast}${needed.toFixed(1)} times the circuit's (asked: 10)`,
  });
  checks.push({
    ok: own.figures['held-out right'] >= own.figures['whole model right'] - 0.1,
    text: `${setting}: on held-out templates the circuit is right for ${(100 * own.figures['held-out right']).toFixed(1)} %, the whole model for ${(100 * own.figures['whole model right']).toFixed(1)} %`,
  });
  for (const method of ['nonsense labels', 'random weights', 'random']) {
    const other = of(rows, setting, method);
    if (!other) continue;
    const ratio = other.figures['nodes'] / own.figures['nodes'];
    const generalises = other.figures['held-out loss'] !== undefined && other.figures['held-out loss'] <= 0.3;
    checks.push({
      ok: !other.figures['reached'] || ratio >= 3 || (method === 'nonsense labels' && !generalises),
      text: `${setting}: ${method}: ${other.figures['reached'] ? `reaches the loss with ${ratio.toFixed(1)} times the nodes` : 'does not reach the loss'}${other.figures['held-out loss'] === undefined ? '' : `, held-out loss ${other.figures['held-out loss'].toFixed(2)}`}`,
    });
  }
  const gradient = of(rows, setting, 'gradient');
  if (gradient && setting !== planted) {
    checks.push({
      ok: own.figures['nodes'] < gradient.figures['nodes'],
      text: `${setting}: ${own.figures['nodes']} nodes by the learned mask, ${gradient.figures['nodes']} by gradients`,
    });
  }
  return checks;
}

function frontierChecks(rows: readonly Row[]): Check[] {
  const ratios = tasks.flatMap((task) => {
    const [sparse, dense] = [of(rows, `sparse: ${task}`, learned), of(rows, `dense: ${task}`, learned)];
    if (!sparse || !dense) return [];
    return [{ ratio: Math.max(1, dense.figures['edges']) / Math.max(1, sparse.figures['edges']), sparse, dense }];
  });
  if (ratios.length === 0) return [];
  const mean = Math.exp(ratios.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / ratios.length);
  const [{ sparse, dense }] = ratios;
  const gap = sparse.figures['validation loss'] - dense.figures['validation loss'];
  return [
    {
      ok: mean >= 4 && Math.abs(gap) <= 0.03,
      text: `the dense model's circuits have ${mean.toFixed(1)} times the edges of the sparse model's (geometric mean of ${ratios.length} tasks; asked 4, paper about 16) at validation losses of ${dense.figures['validation loss'].toFixed(3)} and ${sparse.figures['validation loss'].toFixed(3)}`,
    },
  ];
}

/** The claim about circuits in weight-sparse transformers. */
export const weightSparseTransformersClaim: Claim = {
  slug: 'weight-sparse-transformers',
  family: 'discovery',
  paper: {
    title: 'Weight-sparse transformers have interpretable circuits',
    authors: 'Gao, Rajaram, Coxon, Govande, Baker, Mossing',
    year: 2025,
    url: 'https://arxiv.org/abs/2511.13653',
    reports:
      'models of up to 475M parameters, down to one nonzero weight in 1000: circuits about 16 times smaller than those of dense models of equal loss; a string-closing circuit of 12 nodes and 9 edges',
  },
  says: 'In a transformer trained with few nonzero weights, learned masks on single channels find circuits that are needed, enough, and many times smaller than those of a dense model of equal loss; nonsense tasks and random weights have none.',
  async measure(options) {
    const { seeds, controls } = sizes[options.size];
    const models = options.size === 'full' ? 2 * (1 + tasks.length * 3) : 0;
    const stages = new Stages(options, seeds * (controls ? 3 : 1) + models);
    const rows: Row[] = [];
    for (let seed = options.seed; seed < options.seed + seeds; seed++)
      rows.push(...(await plantedRows(options, stages, seed)));
    if (options.size === 'full') rows.push(...(await trainedRows(options, stages)));
    return rows;
  },
  holds(rows) {
    const settings = [...new Set(rows.map(({ setting }) => setting))];
    return verdict([
      ...plantedChecks(rows),
      ...settings.flatMap((setting) => controlChecks(rows, setting)),
      ...frontierChecks(rows),
    ]);
  },
};
