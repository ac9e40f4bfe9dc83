import { type Circuit, isAttributionGraph, readAttributionGraph, readCircuit } from '../circuit/index.js';
import { InputError } from '../errors.js';
import { parsePythonJson } from '../validate.js';
import { readAcdcEdges } from './acdc-edges.js';
import { circuitOfEdges, importedFrom, parseEdge, type Sign } from './edge-names.js';
import { readMibGraph } from './mib-graph.js';
import { readNodeScoreNames } from './node-scores-file.js';
import { readScoreNames } from './scores-file.js';

/** The kinds of files that circuits are read from. */
export type CircuitFileKind = 'circuit' | 'mib' | 'acdc' | 'scores' | 'graph';

/**
 * Reads a circuit from the text of any file that holds one: our circuit or scores, a graph of EAP-IG or MIB, edges of ACDC, an
 * attribution graph of circuit-tracer or Neuronpedia. What it is is told from what it holds. Scores alone become a circuit that keeps
 * nothing.
 * @param file names the file in messages
 * @throws InputError where the text is none of these, or does not hold together
 */
export function readCircuitFile(
  text: string,
  file: string,
  options: { readonly sign?: Sign } = {},
): { readonly circuit: Circuit; readonly kind: CircuitFileKind } {
  const json = parsePythonJson(text, file);
  if (Array.isArray(json)) return { circuit: readAcdcEdges(json, file, options), kind: 'acdc' };
  const keys = typeof json === 'object' && json !== null ? Object.keys(json) : [];
  if (keys.includes('format')) return { circuit: readCircuit(json, file), kind: 'circuit' };
  if (keys.includes('cfg')) return { circuit: readMibGraph(json, file, options), kind: 'mib' };
  if (keys.includes('destinations')) return { circuit: scoresCircuit(json, file), kind: 'scores' };
  if (keys.includes('level') && keys.includes('scores'))
    return { circuit: nodeScoresCircuit(json, file), kind: 'scores' };
  if (isAttributionGraph(json)) return { circuit: readAttributionGraph(json, file), kind: 'graph' };
  throw new InputError(
    `${file} is no circuit: neither a circuit or scores that filigree wrote, nor a graph of EAP-IG, MIB or Neuronpedia, nor edges of ACDC`,
  );
}

function scoresCircuit(json: unknown, file: string): Circuit {
  const edges = readScoreNames(json, file).map(({ source, destination, score }) => {
    const ends = parseEdge(`${source}->${destination}`);
    if (!ends)
      throw new InputError(`${file} scores an edge from '${source}' to '${destination}', which no transformer has`);
    return { ...ends, score, kept: false };
  });
  return circuitOfEdges(edges, [], importedFrom(file, 'scores', { sign: 'as-is' }), file);
}

function nodeScoresCircuit(json: unknown, file: string): Circuit {
  const { level, scores } = readNodeScoreNames(json, file);
  const circuit = circuitOfEdges([], [...scores.keys()], importedFrom(file, 'scores', { sign: 'as-is' }), file);
  const own = circuit.nodes.id.map((id) => scores.get(id));
  const said =
    level === 'node'
      ? { score: own.map((list) => list?.[0] ?? null) }
      : {
          neurons: own.map((list) => list?.map(() => false) ?? null),
          neuronScores: own.map((list) => (list ? [...list] : null)),
        };
  return { ...circuit, level, nodes: { ...circuit.nodes, kept: own.map(() => false), ...said } };
}
