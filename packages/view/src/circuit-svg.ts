import type { Circuit } from 'filigree';
import { colorNames, drawingTheme } from './colors.js';
import { type Layout, layout, type PlacedNode, portOffset } from './layout.js';
import { figure, px, safe } from './markup.js';

/** How to draw a circuit. */
export interface CircuitSvgOptions {
  /** Indices of the edges to draw, strongest first; the kept edges by |score| unless given. */
  readonly edges?: readonly number[];
  /** A layout of these edges made before, to draw it again. */
  readonly layout?: Layout;
  /** Says which edges are visible; the others are in the drawing with class `off`, hidden. All are visible unless given. */
  readonly visible?: (edge: number) => boolean;
  /** One line that says what is drawn, for those who cannot see it. */
  readonly title?: string;
  /** Explains colours and widths under the drawing (default true). */
  readonly legend?: boolean;
  /** Carries its own style, so that the SVG can stand alone (default true). The style is `circuitStyle`. */
  readonly styled?: boolean;
}

const unscoredWidth = 1.2;
const legendHeight = 34;
const legendWidth = 330;

/**
 * Style of the drawing. Colours are CSS variables with a light and a dark set; a later rule may set `--paper`, `--ink`,
 * `--muted` and `--line` to those of the surroundings.
 */
export const circuitStyle = `
${drawingTheme('circuit')}
.circuit .edge{fill:none;stroke:var(${colorNames.neutral});stroke-opacity:.78;stroke-linecap:round}
.circuit .negative{stroke:var(${colorNames.negative})}
.circuit .positive{stroke:var(${colorNames.positive})}
.circuit .edge.off{display:none}
.circuit .box{fill:var(--paper);stroke:var(--line);stroke-width:1.2}
.circuit .worth{stroke:none}
.circuit .worth.negative{fill:var(${colorNames.negative})}
.circuit .worth.positive{fill:var(${colorNames.positive})}
.circuit .end .box{fill:var(--ink);stroke:var(--ink)}
.circuit .name{fill:var(--ink);font-size:12px;font-weight:600;text-anchor:middle}
.circuit .end .name{fill:var(--paper)}
.circuit .port{fill:var(--ink);font-size:9px;text-anchor:middle}
.circuit .port.off{fill:var(--line)}
.circuit .dot{fill:var(--line)}
.circuit .node.off{display:none}
.circuit .key{fill:var(--muted);font-size:11px}
`;

/**
 * Draws a circuit as an SVG element: computation rises from the bottom to the top; a line's width grows with |score|, blue lines help the behaviour (negative score), orange ones hurt it, or in circuits of single channels are negative and positive weights; in a circuit of nodes or neurons
 * the boxes have these colours, the stronger the larger the node's |score| (of neurons, their sum); q, k, v mark which input of a head a line
 * feeds. Hovering shows names and scores. Each line has class `edge` and `data-edge`, the edge's place in `options.edges`;
 * each node class `node` and `data-node`, its index in the circuit.
 */
export function circuitSvg(circuit: Circuit, options: CircuitSvgOptions = {}): string {
  const { nodes, edges } = circuit;
  const drawn = options.edges ?? strongestFirst(circuit).filter((e) => edges.kept[e]);
  const plan = options.layout ?? layout(circuit, { edges: drawn });
  const visible = options.visible ?? (() => true);
  const largest = drawn.reduce((most, e) => Math.max(most, Math.abs(edges.score[e] ?? 0)), 0);

  const paths = new Map(plan.edges.map(({ index, path }) => [index, path]));
  const lines = drawn.map((e, place) => {
    const score = edges.score[e];
    const sign = score === null || score === 0 ? '' : score < 0 ? ' negative' : ' positive';
    const off = visible(e) ? '' : ' off';
    const width = strokeWidth(score, largest).toFixed(1);
    return `<path class="edge${sign}${off}" data-edge="${place}" stroke-width="${width}" d="${paths.get(e)}"><title>${safe(edgeName(circuit, e))}: ${score === null ? 'not scored' : figure(score)}</title></path>`;
  });
  // Strong lines lie on top of weak ones.
  lines.reverse();

  const active = new Set<string>();
  for (const e of drawn) {
    if (!visible(e)) continue;
    active.add(`${edges.source[e]}`);
    active.add(`${edges.target[e]}`);
    active.add(`${edges.target[e]} ${edges.port[e]}`);
  }
  const worths = nodeWorths(circuit);
  const most = plan.nodes.reduce((top, { index }) => Math.max(top, Math.abs(worths?.[index] ?? 0)), 0);
  const boxes = plan.nodes.map((node) => {
    const worth = worths?.[node.index] ?? null;
    return nodeSvg(node, nodeName(circuit, node.index, worth), nodes.kind[node.index], active, worth, most);
  });

  // Under the lines, a dot holds the place of a node that is not visible.
  const dots = plan.nodes.map(({ x, y }) => `<circle class="dot" cx="${px(x)}" cy="${px(y)}" r="2"/>`);

  const legend = options.legend ?? true;
  const width = Math.max(plan.width, legend ? legendWidth : 0);
  const height = plan.height + (legend ? legendHeight : 0);
  const shift = (width - plan.width) / 2;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" class="circuit" viewBox="${px(-shift)} 0 ${px(width)} ${px(height)}" width="${px(width)}" height="${px(height)}" role="group" aria-label="${safe(options.title ?? 'Circuit')}">`,
    (options.styled ?? true) ? `<style>${circuitStyle}</style>` : '',
    `<g>${dots.join('')}</g>`,
    `<g class="edges">${lines.join('')}</g>`,
    `<g class="nodes">${boxes.join('')}</g>`,
    legend ? legendSvg(width / 2 - shift, plan.height + legendHeight / 2, worths !== undefined, legendOf(circuit)) : '',
    '</svg>',
  ].join('');
}

/** All edges of a circuit, by |score| from large to small, those without a score last; equal ones keep their order. */
export function strongestFirst({ edges }: Circuit): number[] {
  const size = (e: number) => Math.abs(edges.score[e] ?? 0);
  const scored = (e: number) => Number(edges.score[e] !== null);
  return edges.source.map((_, e) => e).sort((a, b) => scored(b) - scored(a) || size(b) - size(a) || a - b);
}

/** An edge in words: `input → a0.h3<q>`. */
export function edgeName({ nodes, edges }: Circuit, e: number): string {
  const port = edges.port[e] && `<${edges.port[e]}>`;
  return `${nodes.label[edges.source[e]]} → ${nodes.label[edges.target[e]]}${port}`;
}

/** Scores of nodes in a circuit of nodes, of neurons their sums; undefined in one of edges. */
function nodeWorths({ level, nodes }: Circuit): (number | null)[] | undefined {
  if (level === 'node') return nodes.score;
  if (level !== 'neuron') return undefined;
  return nodes.neuronScores?.map((own) => own?.reduce<number>((sum, score) => sum + (score ?? 0), 0) ?? null);
}

/** What pointing at a node says. */
function nodeName({ nodes }: Circuit, n: number, worth: number | null): string {
  const own = nodes.neurons?.[n];
  const features = own ? `, ${own.filter(Boolean).length} of ${own.length} neurons` : '';
  return `${nodes.id[n]}${worth === null ? '' : `: ${figure(worth)}`}${features}`;
}

function strokeWidth(score: number | null, largest: number): number {
  return largest > 0 ? 0.5 + (4.5 * Math.abs(score ?? 0)) / largest : unscoredWidth;
}

function nodeSvg(
  node: PlacedNode,
  name: string,
  kind: string,
  active: Set<string>,
  worth: number | null,
  most: number,
): string {
  const { index, x, y, width, height, text, ports } = node;
  const on = active.has(`${index}`);
  const end = kind === 'input' || kind === 'logits' ? ' end' : '';
  const place = `x="${px(x - width / 2)}" y="${px(y - height / 2)}" width="${px(width)}" height="${px(height)}" rx="7"`;
  const marks = ports.map((port) => {
    const off = active.has(`${index} ${port}`) ? '' : ' off';
    return `<text class="port${off}" data-port="${safe(port)}" x="${px(x + portOffset(node, port))}" y="${px(y + height / 2 - 5)}">${safe([...port].slice(0, 2).join(''))}</text>`;
  });
  return [
    `<g class="node${end}${on ? '' : ' off'}" data-node="${index}"><title>${safe(name)}</title>`,
    `<rect class="box" ${place}/>`,
    worth && !end
      ? `<rect class="worth ${worth < 0 ? 'negative' : 'positive'}" ${place} fill-opacity="${(0.06 + (0.44 * Math.abs(worth)) / most).toFixed(2)}"/>`
      : '',
    `<text class="name" x="${px(x)}" y="${px(ports.length ? y - height / 2 + 15 : y + 4.2)}">${safe(text)}</text>`,
    marks.join(''),
    '</g>',
  ].join('');
}

/** What blue, orange and a line's width mean: in circuits of single channels scores are weights. */
function legendOf({ kind }: Circuit): readonly [negative: string, positive: string, width: string] {
  return kind === 'weight-sparse'
    ? ['below 0', 'above 0', 'small to large weight']
    : ['helps', 'hurts', 'small to large score'];
}

function legendSvg(
  middle: number,
  y: number,
  boxes: boolean,
  [negative, positive, size]: readonly [string, string, string],
): string {
  const line = (x: number, sign: string, width: number) =>
    boxes
      ? `<rect class="worth ${sign || 'negative'}" x="${px(x)}" y="${px(y - 5)}" width="22" height="10" rx="3" fill-opacity="${width / 8}"/>`
      : `<path class="edge ${sign}" stroke-width="${width}" d="M${px(x)},${px(y)}h22"/>`;
  const key = (x: number, text: string) => `<text class="key" x="${px(x)}" y="${px(y + 4)}">${text}</text>`;
  const x = middle - legendWidth / 2 + 8;
  return [
    '<g class="legend">',
    `${line(x, 'negative', 3)}${key(x + 28, negative)}`,
    `${line(x + 76, 'positive', 3)}${key(x + 104, positive)}`,
    `${line(x + 152, '', 1)}${line(x + 180, '', 4)}${key(x + 208, size)}`,
    '</g>',
  ].join('');
}
