export type { Circuit, Edges, Nodes, Provenance, TransformerShape } from './circuit.js';
export { circuitDot } from './dot.js';
export { readCircuit } from './read.js';
export { circuitText } from './write.js';
