export {
  type AttributionGraphOptions,
  attributionGraphMetadata,
  attributionGraphText,
  isAttributionGraph,
  readAttributionGraph,
} from './attribution-graph.js';
export type { Annotations, Circuit, Edges, Nodes, Provenance, TransformerShape } from './circuit.js';
export { circuitDot } from './dot.js';
export { readCircuit } from './read.js';
export { circuitText } from './write.js';
