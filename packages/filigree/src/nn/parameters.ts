import type { TransformerConfig } from './config.js';

/**
 * Our names of a transformer's parameters with their shapes, in the order of computation; linear maps are [out, in]. A tied model
 * has no `unembed.weight` of its own.
 */
export function parameterShapes(config: TransformerConfig): Map<string, readonly number[]> {
  const { width: d, mlpWidth, vocabulary, biases } = config;
  const shapes = new Map<string, readonly number[]>();
  const norm = (name: string) => {
    if (config.norm === 'none') return;
    shapes.set(`${name}.weight`, [d]);
    if (config.norm === 'layer') shapes.set(`${name}.bias`, [d]);
  };
  const linear = (name: string, out: number, inputs: number, bias: boolean) => {
    shapes.set(`${name}.weight`, [out, inputs]);
    if (bias) shapes.set(`${name}.bias`, [out]);
  };
  shapes.set('embed.weight', [vocabulary, d]);
  if (config.positions === 'learned') shapes.set('position.weight', [config.context, d]);
  const queries = config.heads * config.headWidth;
  const keys = config.kvHeads * config.headWidth;
  for (let l = 0; l < config.layers; l++) {
    const block = `blocks.${l}`;
    norm(`${block}.ln1`);
    linear(`${block}.attn.q`, queries, d, biases.qkv);
    linear(`${block}.attn.k`, keys, d, biases.qkv);
    linear(`${block}.attn.v`, keys, d, biases.qkv);
    if (config.sink) shapes.set(`${block}.attn.sink.bias`, [config.heads]);
    linear(`${block}.attn.out`, d, queries, biases.attentionOut);
    if (config.postNorms) norm(`${block}.ln1_post`);
    if (mlpWidth === 0) continue;
    norm(`${block}.ln2`);
    if (config.gated) linear(`${block}.mlp.gate`, mlpWidth, d, biases.mlp);
    linear(`${block}.mlp.in`, mlpWidth, d, biases.mlp);
    linear(`${block}.mlp.out`, d, mlpWidth, biases.mlp);
    if (config.postNorms) norm(`${block}.ln2_post`);
  }
  norm('ln_final');
  if (!config.tied) shapes.set('unembed.weight', [vocabulary, d]);
  if (config.bigram) shapes.set('bigram.weight', [vocabulary, vocabulary]);
  return shapes;
}
