/** The shared graph. Every sort of circuit can become one; columns keep large graphs small and quick to read. */
export interface Circuit {
  readonly format: 'filigree-circuit';
  readonly version: 1;
  /** What made the circuit: 'transformer', later 'probabilistic', 'logic', 'quantum'. */
  readonly kind: string;
  /** What an edge or node stands for: 'edge', 'node', 'neuron'. */
  readonly level: string;
  readonly nodes: Nodes;
  readonly edges: Edges;
  readonly provenance: Provenance;
  /** What a reader has written on the circuit. */
  readonly annotations?: Annotations;
}

export interface Annotations {
  /** Groups of nodes that are drawn as one; a node is in one group at most. */
  readonly supernodes?: { readonly name: string; readonly nodes: number[] }[];
  readonly notes?: { readonly node: number; readonly text: string }[];
  /** Nodes that are marked. */
  readonly pinned?: number[];
}

export interface Nodes {
  readonly id: string[];
  /** 'input', 'head', 'mlp', 'logits'. */
  readonly kind: string[];
  readonly label: string[];
  /** Depth for drawing: inputs 0, then rising in order of computation. */
  readonly layer: number[];
  /** Token position, or null where the node stands for all positions. */
  readonly position: (number | null)[];
  readonly score: (number | null)[];
  /** Whether the node belongs to the circuit, where that is said apart from its edges. */
  readonly kept?: boolean[];
  /** Which features of what the node writes belong to the circuit; null where nothing is said of them. */
  readonly neurons?: (boolean[] | null)[];
  /** Scores of these features; null for one, or for all of a node, that was not scored. */
  readonly neuronScores?: ((number | null)[] | null)[];
}

export interface Edges {
  /** Index into nodes. */
  readonly source: number[];
  readonly target: number[];
  /** Which input of the target the edge feeds: 'q', 'k', 'v', or '' where there is only one. */
  readonly port: string[];
  /** Estimated change of the metric when the edge takes its counterfactual; helpful edges are negative. */
  readonly score: (number | null)[];
  /** Whether the edge belongs to the circuit. */
  readonly kept: boolean[];
}

export interface Provenance {
  readonly model: string;
  /** SHA-256 of the model's weights and shape, hexadecimal. */
  readonly modelHash: string;
  readonly task: string;
  readonly method: string;
  readonly options: Record<string, unknown>;
  readonly seed: number;
  /** Measured numbers, such as the faithfulness of the kept edges and the curve. */
  readonly metrics: Record<string, unknown>;
  /** ISO date. */
  readonly made: string;
  /** The transformer that the circuit is a part of, for formats that ask for its shape. */
  readonly shape?: TransformerShape;
}

export interface TransformerShape {
  readonly layers: number;
  /** Query heads per layer. */
  readonly heads: number;
  /** Features of the residual stream; left out where it is not known. */
  readonly width?: number;
  /** Whether MLPs read what the attention of their block reads. */
  readonly parallel: boolean;
}
