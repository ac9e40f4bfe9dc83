import type { Circuit } from 'filigree';
import { circuitSvg, edgeName } from './circuit-svg.js';
import { type Layout, layout } from './layout.js';
import { count, figure, percent, px, safe, scriptJson } from './markup.js';
import { type ReportData, type ReportInput, reportData } from './report-data.js';
import { curveSection, examplesSection, madeSection } from './report-parts.js';
import { reportScript } from './report-script.js';
import { reportStyle } from './report-style.js';

const listed = 100;

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
${lede(data)}
</header>
${circuitSection(input, data, plan)}
${curveSection(input, data)}
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

function answerSentence({ keptCount, total, faithfulness }: ReportData): string {
  const edges = `${count(keptCount)} of ${count(total)} edges`;
  if (faithfulness === undefined) return `${edges} make the circuit.`;
  return `${edges} carry ${percent(faithfulness)} of the difference.`;
}

function lede({ faithfulness, interval, random }: ReportData): string {
  if (faithfulness === undefined) return '';
  const parts = [
    'The difference is between the model’s answers to clean and to corrupted prompts; every other edge carries what it would on the corrupted prompt.',
  ];
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
    title: `The circuit: ${data.keptCount} edges, from the input at the bottom to the logits on top`,
    legend: false,
    styled: false,
  });
  // Shrinks to fit, but not so far that labels cannot be read: then the drawing scrolls inside its frame.
  const scale = `style="width:100%;min-width:${px(plan.found.width * 0.78)}px;max-width:${px(plan.found.width * 1.25)}px;--edge-opacity:${data.found.opacity}"`;
  const held = Math.min(input.limit ?? 5000, edges.source.length);
  const partial =
    data.steps.length && held < data.total
      ? ` The page holds the ${count(held)} strongest of ${count(data.total)} edges.`
      : '';
  return `<section aria-labelledby="circuit-title">
<h2 id="circuit-title">The circuit</h2>
<p class="note">Read it from the input at the bottom to the logits on top. Point at a line for its score; choose a node to see its neighbours.${partial}</p>
<div class="panel">
${sizeControl(data)}
<div class="stage">
<div class="canvas">${drawing.replace('<svg ', `<svg ${scale} `)}</div>
<div class="side">
<h3>Edges by rank</h3>
${edgeList(input, data)}
</div>
</div>
<div class="legend">
<span><i class="helps"></i>helps: cutting it lowers the metric</span>
<span><i class="hurts"></i>hurts</span>
<span>width grows with |score|</span>
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
    const score = edges.score[e];
    const sign = score === null || score === 0 ? '' : score < 0 ? ' negative' : ' positive';
    const hidden = edges.kept[e] ? '' : ' hidden';
    return [
      `<li data-edge="${place}" tabindex="0"${hidden}><span class="rank">${data.rank[place]}</span><span class="edge-name">${safe(edgeName(circuit, e))}</span><span class="number${sign}">${score === null ? '' : figure(score, 2)}</span></li>`,
    ];
  });
  const more = data.keptCount - Math.min(kept, listed);
  return `<ol class="list">${rows.join('')}<li class="rest"${more > 0 ? '' : ' hidden'}>and ${count(more)} weaker</li></ol>`;
}

function scriptData({ circuit }: ReportInput, data: ReportData, plan: Plan): unknown {
  const { nodes, edges } = circuit;
  const ofKind = (kind: string) => nodes.kind.flatMap((k, n) => (k === kind ? [n] : []));
  return {
    steps: data.steps,
    found: data.found,
    rank: data.rank,
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
