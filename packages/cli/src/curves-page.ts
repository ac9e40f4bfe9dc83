import type { NamedCurve } from '@filigree/view';
import { type Method, methods, usualRule, usualSteps, usualTau, usualUpdates } from './commands/methods.js';
import type { Cell, Setting } from './curve-cells.js';
import { figure } from './table.js';

/** A mean over draws of pairs, with the least and the greatest. */
export interface Spread {
  readonly mean: number;
  readonly least: number;
  readonly most: number;
}

/** A method on one task, over all draws. */
export interface MethodLine {
  readonly method: Method;
  readonly cpr: Spread;
  readonly cmd: Spread;
  readonly sizes: readonly number[];
  readonly faithfulness: readonly Spread[];
  readonly own?: { readonly edges: Spread; readonly faithfulness: Spread };
}

/** What the page says of how it was made. */
export interface PageFacts {
  readonly model: string;
  readonly modelHash: string;
  readonly edges: number;
  readonly pairs: number;
  readonly seeds: readonly number[];
  readonly command: string;
}

export const labelOf = (method: Method): string => (method === 'eap-ig' ? `eap-ig (inputs, ${usualSteps})` : method);

/** Methods by their colours, the same in every plot. */
const coloured: readonly Method[] = methods.filter((method) => method !== 'random');

const about: Record<Method, string> = {
  exact: 'every edge cut on its own: the truth that the estimates are of',
  eap: 'one gradient, on the clean prompt',
  'eap-ig': `gradients averaged at ${usualSteps} points (\`--rule ${usualRule}\`) on the line from the corrupted to the clean embeddings`,
  'eap-ig-activations': `the same, one layer's activations at a time, ${usualSteps} points each`,
  'clean-corrupted': 'the mean of the gradients on both prompts',
  relp: 'one backward pass with the coefficients of layer-wise relevance propagation',
  random: 'normal random numbers, the control',
  acdc: `edges cut one after another while KL stays within tau = ${usualTau} an edge; the score is what the cut cost when it was tried`,
  'edge-pruning': `hard concrete gates, ${usualUpdates} updates, a tenth of all edges as the target; the score is minus the chance that a gate is open`,
  ugs: `sampled gates, ${usualUpdates} updates; the score is minus the gate's probability`,
};

function spread(values: readonly number[]): Spread {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, least: Math.min(...values), most: Math.max(...values) };
}

/** Methods with the smallest CMD first. */
export function bestFirst(cells: readonly Cell[]): MethodLine[] {
  const lines = methods.flatMap((method): MethodLine[] => {
    const own = cells.filter((cell) => cell.method === method);
    if (own.length === 0) return [];
    const found = own.flatMap((cell) => (cell.own ? [cell.own] : []));
    return [
      {
        method,
        cpr: spread(own.map(({ cpr }) => cpr)),
        cmd: spread(own.map(({ cmd }) => cmd)),
        sizes: own[0].sizes,
        faithfulness: own[0].sizes.map((_, i) => spread(own.map(({ faithfulness }) => faithfulness[i]))),
        ...(found.length > 0
          ? {
              own: {
                edges: spread(found.map(({ edges }) => edges)),
                faithfulness: spread(found.map(({ faithfulness }) => faithfulness)),
              },
            }
          : {}),
      },
    ];
  });
  return lines.sort((a, b) => a.cmd.mean - b.cmd.mean);
}

/** The curves of a task as a plot takes them: means over draws. */
export function linesOf(cells: readonly Cell[]): NamedCurve[] {
  return bestFirst(cells).map(({ method, sizes, faithfulness }) => ({
    name: labelOf(method),
    sizes,
    faithfulness: faithfulness.map(({ mean }) => mean),
    hue: coloured.indexOf(method),
    control: method === 'random',
  }));
}

const range = ({ mean, least, most }: Spread, digits: number): string => {
  const [low, high] = [figure(least, digits), figure(most, digits)];
  return low === high ? low : `${figure(mean, digits)} (${low} to ${high})`;
};

/** The page in Markdown; `picture` says where the drawing of a task lies. */
export function curvesPage(settings: readonly Setting[], facts: PageFacts, picture: (task: string) => string): string {
  const { model, modelHash, edges, pairs, seeds, command } = facts;
  const used = methods.filter((method) => settings.some(({ cells }) => cells.some((cell) => cell.method === method)));
  return [
    '# Methods side by side',
    `How faithful the circuits are that each method finds in \`${model}\` (${edges.toLocaleString('en-US')} edges, SHA-256 ${modelHash.slice(0, 12)}…), at every size. Scores are ` +
      `of ${pairs} pairs, faithfulness of as many others; cut edges carry what they carry on the corrupted prompt. Figures are means over ` +
      `${seeds.length === 1 ? `seed ${seeds[0]}` : `the seeds ${seeds.join(', ')}, with the least and the greatest in brackets`}. Made by`,
    `    ${command}`,
    'CPR is the area under the faithfulness of the most helpful edges (higher is better), CMD the area between 1 and that of the edges of ' +
      'largest |score| (0 is best), both over the share of edges; f(n) is the faithfulness of the n edges of largest |score|. Methods with ' +
      'the smallest CMD stand first. Methods that search or learn a mask are ranked by the scores of one run with their usual settings, and ' +
      'have the circuit that they choose themselves in the last columns.',
    used.map((method) => `- **${labelOf(method)}**: ${about[method]}`).join('\n'),
    ...settings.map((setting) => section(setting, picture)),
    '',
  ].join('\n\n');
}

function section({ task, cells, why }: Setting, picture: (task: string) => string): string {
  const title = `## ${task.name}`;
  if (why !== undefined) return [title, `${task.description}.`, `Not measured: ${why}`].join('\n\n');
  const lines = bestFirst(cells);
  // Of the whole model nothing is to be said.
  const places = lines[0].sizes.flatMap((size, i, all) => (all.indexOf(size) === i && i < all.length - 1 ? [i] : []));
  const owns = lines.some(({ own }) => own);
  const head = ['method', 'CPR', 'CMD', ...places.map((i) => `f(${lines[0].sizes[i]})`)];
  if (owns) head.push('own edges', 'f(own)');
  const rows = lines.map(({ method, cpr, cmd, faithfulness, own }) => [
    labelOf(method),
    range(cpr, 3),
    range(cmd, 3),
    ...places.map((i) => figure(faithfulness[i].mean)),
    ...(owns ? (own ? [range(own.edges, 0), range(own.faithfulness, 2)] : ['', '']) : []),
  ]);
  const print = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const mean = (pick: (cell: Cell) => number): string => figure(spread(cells.map(pick)).mean);
  return [
    title,
    `${task.description}. ${task.metric}: clean ${mean((cell) => cell.clean)}, corrupted ${mean((cell) => cell.corrupt)}.`,
    `![Faithfulness of each method against the number of edges](${picture(task.name)})`,
    [print(head), print(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(print)].join('\n'),
  ].join('\n\n');
}
