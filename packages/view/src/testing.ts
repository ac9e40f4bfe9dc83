import type { Circuit } from 'filigree';

/** What a made-up transformer circuit looks like. */
interface MadeUp {
  readonly layers: number;
  readonly heads: number;
  /** Number of kept edges, the strongest. */
  readonly kept: number;
  /** Number of edges in all; every edge of the transformer unless given. */
  readonly edges?: number;
  readonly seed?: number;
}

/** A transformer's edge graph with made-up scores, a few large and most small, as attribution finds them. For tests only. */
export function madeUpCircuit({ layers, heads, kept, edges: limit, seed = 1 }: MadeUp): Circuit {
  const random = generator(seed);
  const names: { id: string; kind: string; layer: number }[] = [{ id: 'input', kind: 'input', layer: 0 }];
  for (let l = 0; l < layers; l++) {
    for (let h = 0; h < heads; h++) names.push({ id: `a${l}.h${h}`, kind: 'head', layer: 2 * l + 1 });
    names.push({ id: `m${l}`, kind: 'mlp', layer: 2 * l + 2 });
  }
  names.push({ id: 'logits', kind: 'logits', layer: 2 * layers + 1 });
  const importance = names.map(() => random() ** 6 + 0.02);
  importance[0] = 1;
  importance[names.length - 1] = 1;
  const found: { source: number; target: number; port: string; score: number }[] = [];
  names.forEach((to, target) => {
    names.forEach((from, source) => {
      if (from.layer >= to.layer) return;
      for (const port of to.kind === 'head' ? ['q', 'k', 'v'] : ['']) {
        const size = importance[source] * importance[target] * random() ** 4;
        found.push({ source, target, port, score: random() < 0.8 ? -3 * size : 1.5 * size });
      }
    });
  });
  const strength = ({ score }: { score: number }) => Math.abs(score);
  const ranked = [...found].sort((a, b) => strength(b) - strength(a));
  const held = new Set(ranked.slice(0, limit ?? found.length));
  const chosen = found.filter((edge) => held.has(edge));
  const keep = new Set(ranked.slice(0, kept));
  const nulls = names.map(() => null);
  return {
    format: 'filigree-circuit',
    version: 1,
    kind: 'transformer',
    level: 'edge',
    nodes: {
      id: names.map(({ id }) => id),
      kind: names.map(({ kind }) => kind),
      label: names.map(({ id }) => id),
      layer: names.map(({ layer }) => layer),
      position: nulls,
      score: nulls,
    },
    edges: {
      source: chosen.map(({ source }) => source),
      target: chosen.map(({ target }) => target),
      port: chosen.map(({ port }) => port),
      score: chosen.map(({ score }) => score),
      kept: chosen.map((edge) => keep.has(edge)),
    },
    provenance: {
      model: 'models/made-up',
      modelHash: '9f2c41d07be35a88c6f1e2a40b97d3516e08fa7cc2d4b5910e3a7f68d1b2c4e5',
      task: 'pronoun',
      method: 'eap-ig',
      options: { steps: 5, rule: 'right', select: 'top', size: kept },
      seed: 7,
      metrics: {},
      made: '2025-03-14T15:09:26Z',
    },
  };
}

/** Numbers in 0..1 (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
