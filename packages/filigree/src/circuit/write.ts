import type { Circuit } from './circuit.js';

/**
 * The text of a `circuit.json`, version 1. The same circuit always gives the same text: fields in the order of the format,
 * keys of `options` and `metrics` sorted, one column a line so that two files can be compared line by line. `readCircuit` of
 * the parsed text gives the circuit back.
 *
 * @throws RangeError where a number is not finite, because JSON would silently turn it into null.
 */
export function circuitText(circuit: Circuit): string {
  const { nodes, edges, provenance: made } = circuit;
  const fields = [
    entry('format', circuit.format),
    entry('version', circuit.version),
    entry('kind', circuit.kind),
    entry('level', circuit.level),
    block('nodes', [
      entry('id', nodes.id),
      entry('kind', nodes.kind),
      entry('label', nodes.label),
      entry('layer', nodes.layer),
      entry('position', nodes.position),
      entry('score', nodes.score),
      ...optional('kept', nodes.kept),
      ...optional('neurons', nodes.neurons),
      ...optional('neuronScores', nodes.neuronScores),
    ]),
    block('edges', [
      entry('source', edges.source),
      entry('target', edges.target),
      entry('port', edges.port),
      entry('score', edges.score),
      entry('kept', edges.kept),
    ]),
    block('provenance', [
      entry('model', made.model),
      entry('modelHash', made.modelHash),
      entry('task', made.task),
      entry('method', made.method),
      entry('options', made.options),
      entry('seed', made.seed),
      entry('metrics', made.metrics),
      entry('made', made.made),
      ...optional('shape', made.shape),
    ]),
    ...optional('annotations', circuit.annotations),
  ];
  return `{${fields.join(',\n')}}\n`;
}

function block(key: string, entries: string[]): string {
  return `${JSON.stringify(key)}:{\n${entries.join(',\n')}}`;
}

function optional(key: string, value: unknown): string[] {
  return value === undefined ? [] : [entry(key, value)];
}

function entry(key: string, value: unknown): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value, (inner, part: unknown) => {
    if (typeof part === 'number' && !Number.isFinite(part)) {
      throw new RangeError(`circuitText: ${key}${inner === key || inner === '' ? '' : `.${inner}`} holds ${part}`);
    }
    return sorted(part);
  })}`;
}

function sorted(part: unknown): unknown {
  if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
  const entries = Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries);
}
