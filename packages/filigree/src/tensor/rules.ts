import type { Rule } from './autograd.js';
import { apply, less, maximum, minimum, mul } from './ops/elementwise.js';

/** The rule that holds an operation's value constant. */
export const freeze: Rule = (node) => node.inputs.map(() => null);

/**
 * The rule that takes an activation for a multiple of its input: dphi/dz := phi(z) / z, with the denominator kept at least
 * `stabiliser` from zero, on its side (the positive one for zero itself). Elsewhere z times the slope is phi(z) exactly, so that
 * nothing of what is propagated is lost. ReLU keeps its gradient, which is that ratio already.
 */
export function ratioRule(stabiliser = 1e-6): Rule {
  return (node, gradient, plain) => {
    if (node.name === 'relu') return plain();
    const [z] = node.inputs;
    const away = apply('select', less(z, 0), minimum(z, -stabiliser), maximum(z, stabiliser));
    return [apply('div', mul(gradient, node.output), away)];
  };
}

/** `ratioRule` with its usual stabiliser. */
export const ratio: Rule = ratioRule();

/** The rule for a product of two activations: each factor gets half of what its gradient would be. */
export const half: Rule = (_node, _gradient, plain) => plain().map((g) => g && mul(g, 0.5));
