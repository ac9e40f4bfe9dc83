import type { Circuit } from 'filigree';
import { circuitSvg, edgeName } from './circuit-svg.js';
import { type Layout, layout } from './layout.js';
import { count, figure, percent, px, safe, scriptJson } from './markup.js';
import { type ReportData, type ReportInput, reportData } from './report-data.js';
import { curveSection, examplesSection, figureSections, madeSection } from './report-parts.js';
import { reportScript } from './report-script.js';
import { reportStyle } from './report-style.js';

const listed = 100;
const listTitles = { edge: 'Edges by rank', node: 'Nodes by rank', neuron: 'Neurons by rank' };

/**
 * One self-contained HTML page about a circuit: the answer in a sentence, the circuit with a slider over its size, the
 * faithfulness curve with its control, examples, and how it was made. It needs no network and allows none; it follows the
 * reader's light or dark theme. All text from the input is escaped. The same input always gives the same page.
 */
export function report(input: ReportInput): string {
  const data = reportData(input);
  const { task, model } = input.circuit.provenance;
  const plan = planDrawing(input.circuit, data);
  const answer = answerSentence(data);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>${safe(`${task} in ${model}: ${answer}`)}</title>
<style>${reportStyle}</style>
</head>
<body>
<main>
<header>
<p class="eyebrow">Circuit for <strong>${safe(task)}</strong> in ${safe(model)}</p>
<h1>${answer}</h1>
${lede(input, data)}
</header>
${circuitSection(input, data, plan)}
${curveSection(input, data)}
${figureSections(input)}
${examplesSection(input)}
${madeSection(input)}
</main>
<div class="tip" role="tooltip" hidden></div>
<script type="application/json" id="report-data">${scriptJson(scriptData(input, data, plan))}</script>
<script>${reportScript}</script>
</body>
</html>
`;
}

function answerSentence({ keptCount, total, faithfulness, units }: ReportData): string {
  const kept = `${count(keptCount)} of ${count(total)} ${units.name}s`;
  const s = keptCount === 1 ? 's' : '';
  if (faithfulness === undefined) return `${kept} make${s} the circuit.`;
  return `${kept} carr${s ? 'ies' : 'y'} ${percent(faithfulness)} of the difference.`;
}

/** What everything outside the circuit carries, by the ablation. */
const elsewhere: Readonly<Record<string, string>> = {
  patch: 'what it would on the corrupted prompt',
  zero: 'nothing',
  mean: 'its mean over prompts',
  'mean-positional': 'its mean over prompts, position by position',
  resample: 'what it would on another prompt',
  optimal: 'a constant that was trained to do least harm',
};

function lede({ circuit }: ReportInput, { faithfulness, interval, random, units }: ReportData): string {
  if (faithfulness === undefined) return '';
  const ablation = circuit.provenance.options['ablation'];
  const other = (typeof ablation === 'string' && elsewhere[ablation]) || elsewhere['patch'];
  const verb = units.name === 'edge' ? 'carries' : 'writes';
  const span =
    other === elsewhere['patch']
      ? 'The difference is between the model’s answers to clean and to corrupted prompts'
      : `The difference is between the whole model and the model with every ${units.name} cut`;
  const parts = [`${span}; every other ${units.name} ${verb} ${other}.`];
  if (interval) parts.push(`Bootstrap interval: ${percent(interval[0])} to ${percent(interval[1])}.`);
  if (random !== undefined) parts.push(`Random circuits of this size carry ${percent(random)}.`);
  return `<p class="lede">${parts.join(' ')}</p>`;
}

/** Nodes lie in the same places in both; lines go round the boxes that are there. */
interface Plan {
  /** For the circuit as found: its lines need not go round boxes that it does not show. */
  readonly found: Layout;
  /** For any other size. */
  readonly full: Layout;
}

function planDrawing(circuit: Circuit, { drawn }: ReportData): Plan {
  const { edges } = circuit;
  const present = new Set(drawn.flatMap((e) => (edges.kept[e] ? [edges.source[e], edges.target[e]] : [])));
  const full = layout(circuit, { edges: drawn });
  const clear = layout(circuit, { edges: drawn, solid: (n) => present.has(n) });
  return {
    full,
    found: { ...full, edges: full.edges.map((edge, i) => (edges.kept[edge.index] ? clear.edges[i] : edge)) },
  };
}

function circuitSection(input: ReportInput, data: ReportData, plan: Plan): string {
  const { circuit } = input;
  const { edges } = circuit;
  const drawing = circuitSvg(circuit, {
    edges: data.drawn,
    layout: plan.found,
    visible: (e) => edges.kept[e],
    title: `The circuit: ${data.keptCount} ${data.units.name}s, from the input at the bottom to the logits on top`,
    legend: false,
    styled: false,
  });
  // Shrinks to fit, but not so far that labels cannot be read: then the drawing scrolls inside its frame.
  const scale = `style="width:100%;min-width:${px(plan.found.width * 0.78)}px;max-width:${px(plan.found.width * 1.25)}px;--edge-opacity:${data.found.opacity}"`;
  const held = Math.min(input.limit ?? 5000, edges.source.length);
  const all = data.units.name === 'edge' ? data.total : edges.source.length;
  const partial =
    data.steps.length && held < all
      ? ` The page holds the ${count(held)} ${data.units.name === 'edge' ? 'strongest' : 'first'} of ${count(all)} edges.`
      : '';
  const pointing = data.units.name === 'edge' ? 'Point at a line for its score' : 'Point at a node for its score';
  return `<section aria-labelledby="circuit-title">
<h2 id="circuit-title">The circuit</h2>
<p class="note">Read it from the input at the bottom to the logits on top. ${pointing}; choose a node to see its neighbours.${partial}</p>
<div class="panel">
${sizeControl(data)}
<div class="stage">
<div class="canvas">${drawing.replace('<svg ', `<svg ${scale} `)}</div>
<div class="side">
<h3>${listTitles[data.units.name]}</h3>
${data.units.name === 'edge' ? edgeList(input, data) : unitList(input, data)}
</div>
</div>
<div class="legend${data.units.name === 'edge' ? '' : ' boxes'}">
<span><i class="helps"></i>helps: cutting it lowers the metric</span>
<span><i class="hurts"></i>hurts</span>
<span>${data.units.name === 'edge' ? 'width grows with |score|' : 'colour of a node grows with its |score|'}</span>
<span><i class="loose"></i>on no path from input to logits</span>
</div>
</div>
</section>`;
}

function sizeControl({ steps, found }: ReportData): string {
  if (!steps.length) return '';
  return `<div class="size">
<label for="size">Size</label>
<output id="size-text" for="size">${found.text}</output>
<input id="size" type="range" min="0" max="${steps.length - 1}" value="${found.step}" aria-valuetext="${found.text}">
<button class="reset" id="size-reset" type="button" hidden>as found</button>
</div>`;
}

function edgeList({ circuit }: ReportInput, data: ReportData): string {
  const { edges } = circuit;
  let kept = 0;
  const rows = data.drawn.flatMap((e, place) => {
    if (edges.kept[e]) kept++;
    if (place >= listed && !(edges.kept[e] && kept <= listed)) return [];
    return [listRow(`data-edge="${place}"`, data.rank[place], edgeName(circuit, e), edges.score[e], edges.kept[e])];
  });
  return list(rows, data.keptCount - Math.min(kept, listed));
}

/** Nodes or neurons by rank. */
function unitList({ circuit }: ReportInput, { units, keptCount }: ReportData): string {
  const rows = units.ranked.slice(0, listed).map(({ node, neuron, score, kept }, i) => {
    const name = `${circuit.nodes.label[node]}${neuron === undefined ? '' : ` · ${neuron}`}`;
    const data = `data-node="${node}" data-joins="${i + 1}" data-kept="${Number(kept)}"`;
    return listRow(data, i + 1, name, score, kept);
  });
  return list(rows, keptCount - units.ranked.slice(0, listed).filter(({ kept }) => kept).length);
}

function list(rows: readonly string[], more: number): string {
  return `<ol class="list">${rows.join('')}<li class="rest"${more > 0 ? '' : ' hidden'}>and ${count(more)} weaker</li></ol>`;
}

function listRow(data: string, rank: number, name: string, score: number | null, shown: boolean): string {
  const sign = score === null || score === 0 ? '' : score < 0 ? ' negative' : ' positive';
  return `<li ${data} tabindex="0"${shown ? '' : ' hidden'}><span class="rank">${rank}</span><span class="edge-name">${safe(name)}</span><span class="number${sign}">${score === null ? '' : figure(score, 2)}</span></li>`;
}

function scriptData({ circuit }: ReportInput, data: ReportData, plan: Plan): unknown {
  const { nodes, edges } = circuit;
  const ofKind = (kind: string) => nodes.kind.flatMap((k, n) => (k === kind ? [n] : []));
  return {
    steps: data.steps,
    found: data.found,
    rank: data.units.name === 'edge' ? data.rank : null,
    joins: data.joins,
    source: data.drawn.map((e) => edges.source[e]),
    target: data.drawn.map((e) => edges.target[e]),
    port: data.drawn.map((e) => edges.port[e]),
    kept: data.drawn.map((e) => Number(edges.kept[e])),
    reroute: data.drawn.flatMap((_, place) => {
      const path = plan.full.edges[place].path;
      return path === plan.found.edges[place].path ? [] : [[place, path]];
    }),
    inputs: ofKind('input'),
    outputs: ofKind('logits'),
  };
}
