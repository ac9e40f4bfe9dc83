import { type Mlp, SparseTensor } from 'filigree';
import type { Session } from './session.js';
import { count, table } from './table.js';

/** One layer of a network: what it holds and costs. */
export interface LayerFacts {
  readonly name: string;
  readonly layout: string;
  readonly shape: readonly [out: number, inputs: number];
  readonly weights: number;
  readonly density: number;
  /** Multiply-adds for one sample. */
  readonly macs: number;
  /** Of weights, indices and biases. */
  readonly bytes: number;
  /** Neurons without inputs. */
  readonly empty: number;
}

export interface NetworkFacts {
  readonly sizes: readonly number[];
  readonly layers: readonly LayerFacts[];
  readonly weights: number;
  readonly density: number;
  readonly macs: number;
  readonly bytes: number;
}

export function networkFacts(model: Mlp): NetworkFacts {
  const layers = Array.from({ length: model.layers }, (_, l): LayerFacts => {
    const weight = model.weight(l);
    const [out, inputs] = weight.shape;
    const own = { name: `layers.${l}`, shape: [out, inputs] as const };
    if (!(weight instanceof SparseTensor)) {
      const weights = out * inputs;
      return { ...own, layout: 'dense', weights, density: 1, macs: weights, bytes: 4 * (weights + out), empty: 0 };
    }
    const { layout, size, density, macs, bytes, perRow } = weight.layout.statistics();
    return { ...own, layout, weights: size, density, macs, bytes: bytes + 4 * out, empty: perRow.empty };
  });
  const sum = (of: (l: LayerFacts) => number): number => layers.reduce((total, l) => total + of(l), 0);
  const weights = sum((l) => l.weights);
  return {
    sizes: model.options.sizes,
    layers,
    weights,
    density: weights / sum((l) => l.shape[0] * l.shape[1]),
    macs: sum((l) => l.macs),
    bytes: sum((l) => l.bytes),
  };
}

export function sayLayers(facts: NetworkFacts, session: Session): void {
  const heads = ['layer', 'shape', 'layout', 'weights', 'density', 'MACs', 'bytes', 'empty neurons'];
  const rows = facts.layers.map((l) => [l.name, l.shape.join(' x '), l.layout, ...costs(l), count(l.empty)]);
  session.say(table(heads, [...rows, ['all', '', '', ...costs(facts), '']]).join('\n'));
}

const costs = (of: Pick<LayerFacts, 'weights' | 'density' | 'macs' | 'bytes'>): string[] => [
  count(of.weights),
  percent(of.density),
  count(of.macs),
  count(of.bytes),
];

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
