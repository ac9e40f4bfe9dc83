import type { Rule } from './autograd.js';
import { add, apply, less, mul } from './ops/elementwise.js';

/** The rule that holds an operation's value constant. */
export const freeze: Rule = (node) => node.inputs.map(() => null);

/**
 * The rule that takes an activation for a multiple of its input: dphi/dz := phi(z) / z, with the denominator moved away from
 * zero to `z + stabiliser sign(z)`, sign(0) = 1. ReLU keeps its gradient, which is that ratio already.
 */
export function ratioRule(stabiliser = 1e-6): Rule {
  return (node, gradient, plain) => {
    if (node.name === 'relu') return plain();
    const [z] = node.inputs;
    const away = apply('select', less(z, 0), -stabiliser, stabiliser);
    return [apply('div', mul(gradient, node.output), add(z, away))];
  };
}

/** `ratioRule` with its usual stabiliser. */
export const ratio: Rule = ratioRule();

/** The rule for a product of two activations: each factor gets half of what its gradient would be. */
export const half: Rule = (_node, _gradient, plain) => plain().map((g) => g && mul(g, 0.5));
