import { z } from 'zod';
import { InputError } from '../errors.js';
import { validate } from '../validate.js';
import type { EdgeGraph } from './graph.js';
import type { NodeLevel, NodeScores } from './node-scores.js';

const score = z.number();
const schema = z.looseObject({
  level: z.enum(['node', 'neuron']),
  nodes: z.array(z.string()),
  scores: z.union([z.array(score), z.array(z.array(score))]),
  metric: z.object({ clean: z.number(), corrupt: z.number() }).optional(),
  method: z.string().optional(),
});

/** Scores of nodes or neurons as others read them: names, and a score for each node or for each feature of each node. */
export interface NodeScoresFile {
  readonly level: NodeLevel;
  readonly nodes: string[];
  readonly scores: number[] | number[][];
  readonly metric: { readonly clean: number; readonly corrupt: number };
  readonly method: string;
}

export function nodeScoresFile({ graph, level, scores, metric }: NodeScores, method: string): NodeScoresFile {
  const width = scores.length / graph.sources.length;
  const own = (u: number): number[] => [...scores.subarray(u * width, (u + 1) * width)];
  return {
    level,
    nodes: graph.sources.map((s) => s.name),
    scores: level === 'node' ? [...scores] : graph.sources.map((_, u) => own(u)),
    metric,
    method,
  };
}

/** The scores of a file by node, whatever model they are of. Throws InputError when there are not as many as names. */
export function readNodeScoreNames(
  json: unknown,
  file: string,
): { readonly level: NodeLevel; readonly scores: ReadonlyMap<string, readonly number[]> } {
  const { level, nodes, scores } = validate(schema, json, file);
  const lists = scores.map((value) => (typeof value === 'number' ? [value] : value));
  const wrong = scores.some((value) => Array.isArray(value) !== (level === 'neuron'));
  if (wrong || scores.length !== nodes.length) {
    const each = level === 'node' ? 'one score' : 'one list of scores';
    throw new InputError(`${file}: there must be ${each} for each of the ${nodes.length} nodes.`);
  }
  const again = nodes.find((name, i) => nodes.indexOf(name) !== i);
  if (again !== undefined) throw new InputError(`${file} has the node '${again}' twice; leave one of them out.`);
  return { level, scores: new Map(nodes.map((name, i) => [name, lists[i]])) };
}

/**
 * Reads scores of nodes or neurons that were written for this model; nodes may stand in any order. Throws InputError when nodes are
 * missing or strange, or have other numbers of features than `width`.
 */
export function readNodeScores(
  json: unknown,
  graph: EdgeGraph,
  width: number,
  file: string,
): Pick<NodeScores, 'graph' | 'level' | 'scores'> {
  const { level, scores: found } = readNodeScoreNames(json, file);
  const stranger = [...found.keys()].find((name) => !graph.sources.some((s) => s.name === name));
  if (stranger !== undefined) {
    throw new InputError(`${file} scores the node '${stranger}', which this model does not have.`);
  }
  const each = level === 'node' ? 1 : width;
  const scores = new Float64Array(graph.sources.length * each);
  graph.sources.forEach(({ name }, u) => {
    const own = found.get(name);
    if (!own) throw new InputError(`${file} lacks the node '${name}' of this model.`);
    if (own.length !== each) {
      throw new InputError(`${file} scores ${own.length} neurons of ${name}, of which this model has ${each}.`);
    }
    scores.set(own, u * each);
  });
  return { graph, level, scores };
}
