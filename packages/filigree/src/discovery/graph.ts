import type { TransformerConfig } from '../nn/config.js';

export type ReaderKind = 'q' | 'k' | 'v' | 'mlp' | 'logits';

/** A source of the edge graph: what writes into the residual stream. */
export interface Source {
  readonly name: string;
  readonly kind: 'input' | 'head' | 'mlp';
  /** Layer, -1 for the input. */
  readonly layer: number;
  /** Head, -1 where it is none. */
  readonly head: number;
}

/** A destination of the edge graph: what reads the sum of all earlier sources. */
export interface Destination {
  readonly name: string;
  readonly kind: ReaderKind;
  /** Layer; the number of layers for the logits. */
  readonly layer: number;
  readonly head: number;
  /** The destination reads the sources `0 .. reads - 1`. */
  readonly reads: number;
}

/** What the edges depend on, and the width, which goes into files. */
export type GraphConfig = Pick<TransformerConfig, 'layers' | 'heads' | 'mlpWidth' | 'parallel'> &
  Partial<Pick<TransformerConfig, 'width'>>;

/**
 * The edges of a transformer (Hanna et al. 2024): every source writes into the residual stream, every destination reads what all
 * earlier sources wrote; the MLP of a parallel block does not read the heads of its layer. Tables over edges are row-major,
 * `[sources, destinations]`.
 */
export class EdgeGraph {
  readonly sources: readonly Source[];
  readonly destinations: readonly Destination[];
  /** Number of possible edges; 12 layers of 12 heads have 32,491. */
  readonly edges: number;

  constructor(readonly config: GraphConfig) {
    const { layers, heads } = config;
    const sources: Source[] = [{ name: 'input', kind: 'input', layer: -1, head: -1 }];
    const destinations: Destination[] = [];
    for (let layer = 0; layer < layers; layer++) {
      for (const kind of ['q', 'k', 'v'] as const) {
        for (let head = 0; head < heads; head++) {
          destinations.push({ name: `a${layer}.h${head}<${kind}>`, kind, layer, head, reads: sources.length });
        }
      }
      const before = sources.length;
      for (let head = 0; head < heads; head++) {
        sources.push({ name: `a${layer}.h${head}`, kind: 'head', layer, head });
      }
      if (config.mlpWidth === 0) continue;
      const reads = config.parallel ? before : sources.length;
      destinations.push({ name: `m${layer}`, kind: 'mlp', layer, head: -1, reads });
      sources.push({ name: `m${layer}`, kind: 'mlp', layer, head: -1 });
    }
    destinations.push({ name: 'logits', kind: 'logits', layer: layers, head: -1, reads: sources.length });
    this.sources = sources;
    this.destinations = destinations;
    this.edges = destinations.reduce((n, d) => n + d.reads, 0);
  }

  /** MLPs per layer: 1, or 0 in attention-only models. */
  private get mlps(): number {
    return this.config.mlpWidth > 0 ? 1 : 0;
  }

  /** Number of places in a table over edges, possible or not. */
  get tableSize(): number {
    return this.sources.length * this.destinations.length;
  }

  /** Place of an edge in a table. */
  index(source: number, destination: number): number {
    return source * this.destinations.length + destination;
  }

  /** Whether the source writes before the destination reads. */
  possible(source: number, destination: number): boolean {
    return source < this.destinations[destination].reads;
  }

  /** Places of all possible edges in a table, in order. */
  *places(): Generator<number> {
    for (let s = 0; s < this.sources.length; s++) {
      for (let d = 0; d < this.destinations.length; d++) if (this.possible(s, d)) yield this.index(s, d);
    }
  }

  /** Source and destination of a place. */
  ends(place: number): { source: number; destination: number } {
    const n = this.destinations.length;
    return { source: Math.floor(place / n), destination: place % n };
  }

  /** Index of the source that a destination's own component writes as, or -1 for the logits. */
  writerOf(destination: Destination): number {
    if (destination.kind === 'logits') return -1;
    const first = this.firstSource(destination.layer);
    return destination.kind === 'mlp' ? first + this.config.heads : first + destination.head;
  }

  /** Index of the first of a layer's sources: its heads in order, then its MLP if it has one. */
  firstSource(layer: number): number {
    return 1 + layer * (this.config.heads + this.mlps);
  }

  /** Index of the first of a layer's destinations: q of all heads, k, v, then the MLP. */
  firstDestination(layer: number): number {
    return layer * (3 * this.config.heads + this.mlps);
  }

  /** The edge's name, `source->destination`. */
  edgeName(place: number): string {
    const { source, destination } = this.ends(place);
    return `${this.sources[source].name}->${this.destinations[destination].name}`;
  }
}
