import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { EdgeGraph } from './graph.js';
import { readScores, type ScoresFile, scoresFile } from './scores-file.js';

const graph = new EdgeGraph({ layers: 2, heads: 2, mlpWidth: 4 });
const scores = new Float64Array(graph.tableSize);
const random = new Random(1);
for (const place of graph.places()) scores[place] = random.normal();
const written = scoresFile({ graph, scores, metric: { clean: 2, corrupt: -1 } }, 'eap');
const copy = (): ScoresFile => structuredClone(written);

describe('the scores file', () => {
  it('has names, null where no edge is possible, and reads back exactly', () => {
    const json: unknown = JSON.parse(JSON.stringify(written));
    expect(json).toMatchObject({ metric: { clean: 2, corrupt: -1 }, method: 'eap' });
    const nulls = written.scores.flat().filter((s) => s === null).length;
    expect(nulls).toBe(graph.tableSize - graph.edges);
    expect(readScores(json, graph, 'scores.json')).toEqual(scores);
  });

  it('may have its rows and columns in any order', () => {
    const { sources, destinations, scores: table } = written;
    const turned = {
      sources: [...sources].reverse(),
      destinations: [...destinations].reverse(),
      scores: [...table].reverse().map((row) => [...row].reverse()),
    };
    expect(readScores(turned, graph, 'scores.json')).toEqual(scores);
  });

  it.each<[string, (file: ScoresFile) => unknown, RegExp]>([
    ['is no object', () => 3, /scores\.json/],
    ['has text for a score', (f) => ({ ...f, scores: [['x']] }), /scores\.json: "scores\.0\.0" is wrong/],
    [
      'lacks a source',
      (f) => ({ ...f, sources: f.sources.slice(1), scores: f.scores.slice(1) }),
      /lacks the source 'input'/,
    ],
    [
      'names a strange source',
      (f) => ({ ...f, sources: ['a9.h0', ...f.sources.slice(1)] }),
      /the source 'a9\.h0', which/,
    ],
    [
      'names a strange destination',
      (f) => ({ ...f, destinations: ['x', ...f.destinations.slice(1)] }),
      /destination 'x'/,
    ],
    [
      'doubles a source',
      (f) => ({ ...f, sources: [f.sources[0], ...f.sources.slice(0, -1)] }),
      /has the source 'input' twice/,
    ],
    [
      'scores a source twice',
      (f) => ({ ...f, sources: [...f.sources, 'input'], scores: [...f.scores, f.scores[0]] }),
      /twice/,
    ],
    ['lacks a row', (f) => ({ ...f, scores: f.scores.slice(1) }), /one row per source/],
    ['has a short row', (f) => ({ ...f, scores: [[1], ...f.scores.slice(1)] }), /one column per destination/],
    [
      'lacks a possible edge',
      (f) => ({ ...f, scores: [f.scores[0].map((s, d) => (d === 0 ? null : s)), ...f.scores.slice(1)] }),
      /no score for the edge input->a0\.h0<q>/,
    ],
  ])('is refused in one line when it %s', (_, change, message) => {
    const read = (): Float64Array => readScores(change(copy()), graph, 'scores.json');
    expect(read).toThrow(InputError);
    expect(read).toThrow(message);
    expect(read).not.toThrow(/\n/);
  });
});
