import type { Annotations, Circuit } from 'filigree';

/** Per node the name of its group. */
export function groupNames({ supernodes = [] }: Annotations): Map<number, string> {
  return new Map(supernodes.flatMap(({ name, nodes }) => nodes.map((node) => [node, name] as const)));
}

/**
 * The circuit in short: its groups and pinned nodes, with input and logits; edges between two of them are summed. Null where nothing is
 * grouped or pinned.
 */
export function summary(
  circuit: Circuit,
  kept: Uint8Array,
  { supernodes = [], pinned = [] }: Annotations,
): Circuit | null {
  if (supernodes.length + pinned.length === 0) return null;
  const { nodes, edges } = circuit;
  const grouped = new Set(supernodes.flatMap((group) => group.nodes));
  const alone = nodes.id.flatMap((_, n) => {
    const end = nodes.kind[n] === 'input' || nodes.kind[n] === 'logits';
    const used = end && (edges.source.includes(n) || edges.target.includes(n));
    return !grouped.has(n) &&
      (pinned.includes(n) || (used && circuit.kind === 'transformer') || nodes.kind[n] === 'logits')
      ? [n]
      : [];
  });
  const boxes = [
    ...supernodes.map(({ name, nodes: members }) => ({ name, members, kind: 'group' })),
    ...alone.map((n) => ({ name: nodes.label[n], members: [n], kind: nodes.kind[n] })),
  ];
  const boxOf = new Map(boxes.flatMap(({ members }, b) => members.map((n) => [n, b] as const)));
  const depth = boxes.map(({ members }) => members.reduce((sum, n) => sum + nodes.layer[n], 0) / members.length);
  // Boxes of like depth share a row; an edge always leads upwards, as the mean depth of its ends says.
  const order = [...new Set(depth)].sort((a, b) => a - b);
  const sums = new Map<string, { source: number; target: number; score: number }>();
  edges.source.forEach((source, e) => {
    const [from, to] = [boxOf.get(source), boxOf.get(edges.target[e])];
    if (!kept[e] || from === undefined || to === undefined || from === to) return;
    const key = `${from} ${to}`;
    const sum = sums.get(key) ?? { source: from, target: to, score: 0 };
    sum.score += edges.score[e] ?? 0;
    sums.set(key, sum);
  });
  const links = [...sums.values()].filter(({ source, target }) => depth[source] < depth[target]);
  const none = boxes.map(() => null);
  return {
    format: 'filigree-circuit',
    version: 1,
    kind: 'summary',
    level: 'group',
    nodes: {
      id: boxes.map(({ name }, b) => `${b} ${name}`),
      kind: boxes.map(({ kind }) => kind),
      label: boxes.map(({ name }) => name),
      layer: depth.map((d) => order.indexOf(d)),
      position: none,
      score: none,
    },
    edges: {
      source: links.map((l) => l.source),
      target: links.map((l) => l.target),
      port: links.map(() => ''),
      score: links.map((l) => l.score),
      kept: links.map(() => true),
    },
    provenance: circuit.provenance,
  };
}
