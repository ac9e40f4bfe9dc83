import type { Circuit } from './circuit.js';

const helpful = '#0b6db3';
const harmful = '#c2500c';
const unscored = '#777777';

/**
 * Graphviz DOT text of the kept part of a circuit: its kept edges and the nodes they touch, computation rising from the
 * bottom, nodes of equal kind and `layer` in one rank. Pen width grows with the square root of |score|; blue edges help the
 * behaviour (negative score), orange ones hurt it.
 */
export function circuitDot(circuit: Circuit): string {
  const { nodes, edges } = circuit;
  const kept = edges.kept.flatMap((is, e) => (is ? [e] : []));
  const ranks = new Map<string, number[]>();
  for (const n of new Set(kept.flatMap((e) => [edges.source[e], edges.target[e]]))) {
    const key = `${nodes.layer[n]} ${nodes.kind[n]}`;
    ranks.set(key, [...(ranks.get(key) ?? []), n]);
  }
  const largest = kept.reduce((most, e) => Math.max(most, Math.abs(edges.score[e] ?? 0)), 0);
  const lines = [
    'digraph circuit {',
    '  rankdir=BT;',
    '  node [shape=box, style=rounded, fontname="Helvetica", fontsize=11, height=0.3];',
    '  edge [arrowsize=0.5, fontname="Helvetica", fontsize=9];',
  ];
  for (const rank of ranks.values()) {
    const members = rank.sort((a, b) => a - b).map((n) => `${quoted(nodes.id[n])} [label=${quoted(nodes.label[n])}];`);
    lines.push(`  { rank=same; ${members.join(' ')} }`);
  }
  for (const e of kept) {
    const score = edges.score[e];
    const width = largest > 0 ? 0.5 + 3.5 * Math.sqrt(Math.abs(score ?? 0) / largest) : 1;
    const attributes = [
      `penwidth=${width.toFixed(2)}`,
      `color="${score === null || score === 0 ? unscored : score < 0 ? helpful : harmful}"`,
      `tooltip=${quoted(score === null ? 'not scored' : String(score))}`,
    ];
    if (edges.port[e]) attributes.push(`headlabel=${quoted(edges.port[e])}`);
    lines.push(
      `  ${quoted(nodes.id[edges.source[e]])} -> ${quoted(nodes.id[edges.target[e]])} [${attributes.join(', ')}];`,
    );
  }
  return `${lines.join('\n')}\n}\n`;
}

/** A DOT string. A backslash is doubled, so that names with \N or \G are not read as escapes. */
function quoted(text: string): string {
  return `"${text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replace(/\r\n|\r|\n/g, '\\n')}"`;
}
