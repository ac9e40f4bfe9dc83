import { z } from 'zod';
import { InputError } from '../errors.js';
import type { Circuit } from './circuit.js';

const finite = z.number();
const index = z.int().nonnegative();
const openRecord = z.record(z.string(), z.unknown());

const schema = z.object({
  format: z.literal('filigree-circuit'),
  version: z.literal(1),
  kind: z.string(),
  level: z.string(),
  nodes: z.object({
    id: z.array(z.string()),
    kind: z.array(z.string()),
    label: z.array(z.string()),
    layer: z.array(finite),
    position: z.array(index.nullable()),
    score: z.array(finite.nullable()),
    kept: z.array(z.boolean()).optional(),
    neurons: z.array(z.array(z.boolean()).nullable()).optional(),
    neuronScores: z.array(z.array(finite.nullable()).nullable()).optional(),
  }),
  edges: z.object({
    source: z.array(index),
    target: z.array(index),
    port: z.array(z.string()),
    score: z.array(finite.nullable()),
    kept: z.array(z.boolean()),
  }),
  provenance: z.object({
    model: z.string(),
    modelHash: z.string(),
    task: z.string(),
    method: z.string(),
    options: openRecord,
    seed: finite,
    metrics: openRecord,
    made: z.string(),
    shape: z.object({ layers: index, heads: index, width: index.optional(), parallel: z.boolean() }).optional(),
  }),
  annotations: z
    .object({
      supernodes: z.array(z.object({ name: z.string(), nodes: z.array(index) })).optional(),
      notes: z.array(z.object({ node: index, text: z.string() })).optional(),
      pinned: z.array(index).optional(),
    })
    .optional(),
});

/**
 * Checks that a parsed `circuit.json` is a circuit: the fields of version 1, columns of equal length, node indices in range,
 * ids and edges unique, numbers finite. Fields that version 1 does not know are left out of the result.
 *
 * @param json What `JSON.parse` gave.
 * @param name What to call the file in a message, usually its path.
 * @throws InputError one line that names the file, the field, and what would mend it.
 */
export function readCircuit(json: unknown, name: string): Circuit {
  checkHeader(json, name);
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw fieldError(parsed.error.issues[0], json, name);
  const circuit: Circuit = parsed.data;
  checkColumns(circuit.nodes, 'nodes', 'id', name);
  checkColumns(circuit.edges, 'edges', 'source', name);
  checkNodes(circuit, name);
  checkEdges(circuit, name);
  checkAnnotations(circuit, name);
  return circuit;
}

function checkHeader(json: unknown, name: string): void {
  if (!isObject(json) || json.format !== 'filigree-circuit') {
    throw new InputError(
      `${oneLine(name)} is not a circuit: it has no "format":"filigree-circuit"; give a .circuit.json written by filigree discover`,
    );
  }
  if (json.version !== 1) {
    throw new InputError(
      `${oneLine(name)} is circuit version ${show(json.version)}, and this filigree reads version 1; use a matching filigree or make the circuit again`,
    );
  }
}

function fieldError(issue: z.core.$ZodIssue, json: unknown, name: string): InputError {
  const field = issue.path.reduce<string>(
    (text, key) => (typeof key === 'number' ? `${text}[${key}]` : text ? `${text}.${String(key)}` : String(key)),
    '',
  );
  const found = issue.path.reduce<unknown>(
    (value, key) =>
      isObject(value) || Array.isArray(value) ? (value as Record<PropertyKey, unknown>)[key] : undefined,
    json,
  );
  const wanted = oneLine(issue.message.replace(/^Invalid input: /, ''));
  return new InputError(
    `${oneLine(name)}: ${oneLine(field)} is ${show(found)}: ${wanted}; mend it or make the circuit again`,
  );
}

function checkColumns(table: object, what: string, first: string, name: string): void {
  const columns = Object.entries(table) as [string, unknown[]][];
  const length = columns.find(([key]) => key === first)![1].length;
  for (const [key, column] of columns) {
    if (column.length !== length) {
      throw new InputError(
        `${oneLine(name)}: ${what}.${key} has ${column.length} entries where ${what}.${first} has ${length}; the file is cut or edited, make the circuit again`,
      );
    }
  }
}

function checkNodes({ nodes }: Circuit, name: string): void {
  const seen = new Map<string, number>();
  nodes.id.forEach((id, at) => {
    const earlier = seen.get(id);
    if (earlier !== undefined) {
      throw new InputError(
        `${oneLine(name)}: nodes ${earlier} and ${at} are both called ${show(id)}; give every node its own id`,
      );
    }
    seen.set(id, at);
  });
}

function checkEdges({ nodes, edges }: Circuit, name: string): void {
  const count = nodes.id.length;
  const seen = new Set<string>();
  for (let e = 0; e < edges.source.length; e++) {
    for (const end of ['source', 'target'] as const) {
      if (edges[end][e] >= count) {
        throw new InputError(
          `${oneLine(name)}: edges.${end}[${e}] is ${edges[end][e]}, but there are only ${count} nodes, counted from 0; the file is cut or edited, make the circuit again`,
        );
      }
    }
    const key = `${edges.source[e]} ${edges.target[e]} ${edges.port[e]}`;
    if (seen.has(key)) {
      const from = show(nodes.id[edges.source[e]]);
      const to = show(nodes.id[edges.target[e]] + (edges.port[e] && `<${edges.port[e]}>`));
      throw new InputError(
        `${oneLine(name)}: the edge from ${from} to ${to} appears twice (the second is edge ${e}); keep one`,
      );
    }
    seen.add(key);
  }
}

function checkAnnotations({ nodes, annotations = {} }: Circuit, name: string): void {
  const { supernodes = [], notes = [], pinned = [] } = annotations;
  const members = supernodes.flatMap((group) => group.nodes);
  const stranger = [...members, ...notes.map(({ node }) => node), ...pinned].find((node) => node >= nodes.id.length);
  if (stranger !== undefined) {
    throw new InputError(
      `${oneLine(name)}: annotations name node ${stranger}, but there are only ${nodes.id.length} nodes, counted from 0; the file is cut or edited`,
    );
  }
  const twice = members.find((node, i) => members.indexOf(node) < i);
  if (twice !== undefined)
    throw new InputError(`${oneLine(name)}: node ${show(nodes.id[twice])} is in two supernodes; leave it in one`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value from the file, quoted and short, for a message. */
function show(value: unknown): string {
  if (value === undefined) return 'missing';
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'an object';
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return oneLine(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** Line breaks in a name or key of the file must not split the one line of the message. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
