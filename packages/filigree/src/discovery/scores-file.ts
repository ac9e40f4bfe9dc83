import { z } from 'zod';
import { InputError } from '../errors.js';
import { validate } from '../validate.js';
import type { EdgeGraph } from './graph.js';
import type { EdgeScores } from './scores.js';

const scoresSchema = z.looseObject({
  sources: z.array(z.string()),
  destinations: z.array(z.string()),
  scores: z.array(z.array(z.number().nullable())),
  metric: z.object({ clean: z.number(), corrupt: z.number() }).optional(),
  method: z.string().optional(),
});

/** Scores as others read them: names, one row per source and one column per destination, null where no edge is possible. */
export interface ScoresFile {
  readonly sources: string[];
  readonly destinations: string[];
  readonly scores: (number | null)[][];
  readonly metric: { readonly clean: number; readonly corrupt: number };
  readonly method: string;
}

export function scoresFile({ graph, scores, metric }: EdgeScores, method: string): ScoresFile {
  return {
    sources: graph.sources.map((s) => s.name),
    destinations: graph.destinations.map((d) => d.name),
    scores: graph.sources.map((_, s) =>
      graph.destinations.map((_, d) => (graph.possible(s, d) ? scores[graph.index(s, d)] : null)),
    ),
    metric,
    method,
  };
}

/**
 * The edges that a scores file scores, by name, whatever model they are of. Throws InputError when the table has another shape than
 * its names.
 */
export function readScoreNames(
  json: unknown,
  file: string,
): { readonly source: string; readonly destination: string; readonly score: number }[] {
  const { sources, destinations, scores } = readTable(json, file);
  return sources.flatMap((source, s) =>
    destinations.flatMap((destination, d) => {
      const score = scores[s][d];
      return score === null ? [] : [{ source, destination, score }];
    }),
  );
}

function readTable(json: unknown, file: string): z.infer<typeof scoresSchema> {
  const data = validate(scoresSchema, json, file);
  if (data.scores.length !== data.sources.length || data.scores.some((r) => r.length !== data.destinations.length)) {
    throw new InputError(`${file}: scores must have one row per source and one column per destination.`);
  }
  return data;
}

/**
 * Reads scores that were written for this model's graph; rows and columns may stand in any order. Throws InputError when names are
 * missing, strange or doubled, when the table has another shape, or when a possible edge has no score.
 */
export function readScores(json: unknown, graph: EdgeGraph, file: string): Float64Array {
  const data = readTable(json, file);
  const match = (found: readonly string[], wanted: readonly { readonly name: string }[], what: string): number[] => {
    const at = new Map(found.map((name, i) => [name, i]));
    const stranger = found.find((name) => !wanted.some((w) => w.name === name));
    if (stranger !== undefined) {
      throw new InputError(`${file} scores the ${what} '${stranger}', which this model does not have.`);
    }
    const again = found.find((name, i) => at.get(name) !== i);
    if (again !== undefined) throw new InputError(`${file} has the ${what} '${again}' twice; leave one of them out.`);
    return wanted.map(({ name }) => {
      const i = at.get(name);
      if (i === undefined) throw new InputError(`${file} lacks the ${what} '${name}' of this model.`);
      return i;
    });
  };
  const rows = match(data.sources, graph.sources, 'source');
  const columns = match(data.destinations, graph.destinations, 'destination');
  const scores = new Float64Array(graph.tableSize);
  for (const place of graph.places()) {
    const { source, destination } = graph.ends(place);
    const value = data.scores[rows[source]][columns[destination]];
    if (value === null) throw new InputError(`${file} has no score for the edge ${graph.edgeName(place)}.`);
    scores[place] = value;
  }
  return scores;
}
