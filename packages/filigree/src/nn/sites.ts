import { InputError } from '../errors.js';
import type { TransformerConfig } from './config.js';

/** Names of the sites inside a block, after `blocks.{layer}.`, in order of computation. */
export const blockSites = [
  'resid_pre',
  'q_input',
  'k_input',
  'v_input',
  'ln1.scale',
  'attn.in',
  'attn.q',
  'attn.k',
  'attn.v',
  'attn.scores',
  'attn.pattern',
  'attn.z',
  'ln1_post.scale',
  'attn.result',
  'attn_out',
  'resid_mid',
  'mlp_in',
  'ln2.scale',
  'mlp.in',
  'mlp.pre',
  'mlp.pre_linear',
  'mlp.post',
  'ln2_post.scale',
  'mlp_out',
  'resid_post',
] as const;

/** Short names used in papers for sites inside a block. */
const shortNames: Readonly<Record<string, string>> = {
  q_in: 'q_input',
  k_in: 'k_input',
  v_in: 'v_input',
  q: 'attn.q',
  k: 'attn.k',
  v: 'attn.v',
  scores: 'attn.scores',
  pattern: 'attn.pattern',
  z: 'attn.z',
  result: 'attn.result',
  pre: 'mlp.pre',
  pre_linear: 'mlp.pre_linear',
  post: 'mlp.post',
};

/** Every site of a model, in order of computation. Shapes stand at `Transformer.run`. */
export function siteNames(config: TransformerConfig): string[] {
  const scales = ['ln1.scale', 'ln2.scale', 'ln_final.scale'];
  const has = (site: string): boolean => {
    if (scales.includes(site) && config.norm === 'none') return false;
    if (!config.postNorms && site.includes('_post.')) return false;
    // A parallel block has no point at which its heads have written and its MLP has not.
    if (config.parallel && site === 'resid_mid') return false;
    if (config.mlpWidth === 0 && /^(ln2|mlp)/.test(site)) return false;
    return config.gated || site !== 'mlp.pre_linear';
  };
  const sites = blockSites.filter(has);
  const blocks = Array.from({ length: config.layers }, (_, l) => sites.map((s) => `blocks.${l}.${s}`));
  return ['embed', ...blocks.flat(), ...['final_in', 'ln_final.scale', 'ln_final.normalized', 'logits'].filter(has)];
}

/**
 * The full name of a site. Accepts our names, the public ones with `hook_` (`blocks.0.attn.hook_q`, `blocks.0.hook_resid_pre`)
 * and the papers' short ones (`0.q_in`). Throws InputError for a name that the model does not have.
 */
export function resolveSite(name: string, config: TransformerConfig): string {
  const plain = name.replaceAll('hook_', '').replace(/^(?=\d+\.)/, 'blocks.');
  const match = /^(blocks\.\d+\.)(.+)$/.exec(plain);
  const full = match ? match[1] + (shortNames[match[2]] ?? match[2]) : plain;
  if (!siteNames(config).includes(full)) {
    throw new InputError(`The model has no site '${name}'; sites are named like blocks.0.attn.z, embed or logits.`);
  }
  return full;
}
