export type { Circuit, Edges, Nodes, Provenance } from './circuit.js';
