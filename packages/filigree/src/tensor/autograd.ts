import { ones } from './create.js';
import { add } from './ops/elementwise.js';
import { currentScope, scope } from './scope.js';
import { type Gradients, type GradNode, noGrad, track } from './tape.js';
import type { Tensor } from './tensor.js';

/** Replaces an operation's gradient in one backward pass; `plain()` gives the ordinary one. */
export type Rule = (node: GradNode, gradient: Tensor, plain: () => Gradients) => Gradients;

/** Backward rules by tag. */
export type Rules = Readonly<Record<string, Rule>>;

/** Nodes between `outputs` and `wrt`, newest first. */
function order(outputs: readonly Tensor[], wrt: ReadonlySet<Tensor>): GradNode[] {
  const leads = new Map<Tensor, boolean>();
  const nodes: GradNode[] = [];
  // Depth first with an explicit stack: deep models would overflow the call stack.
  const stack: { tensor: Tensor; entered: boolean }[] = outputs.map((tensor) => ({ tensor, entered: false }));
  while (stack.length > 0) {
    const top = stack[stack.length - 1];
    const { tensor } = top;
    if (!top.entered) {
      top.entered = true;
      if (leads.has(tensor)) {
        stack.pop();
        continue;
      }
      leads.set(tensor, wrt.has(tensor));
      for (const input of tensor.node?.inputs ?? []) {
        if (input.tracked && !leads.has(input)) stack.push({ tensor: input, entered: false });
      }
    } else {
      stack.pop();
      const node = tensor.node;
      if (node?.inputs.some((input) => leads.get(input))) {
        leads.set(tensor, true);
        nodes.push(node);
      }
    }
  }
  return nodes.sort((a, b) => b.id - a.id);
}

/**
 * Gradients of `sum(output * seed)` by each tensor of `wrt` (which may be parameters or activations), in one reverse pass.
 * `rules` replace the gradients of tagged operations for this call only. A tensor that the output does not depend on gets null.
 */
export function backward(
  outputs: readonly { readonly tensor: Tensor; readonly seed: Tensor }[],
  wrt: readonly Tensor[],
  options: { rules?: Rules } = {},
): (Tensor | null)[] {
  const wanted = new Set(wrt);
  const nodes = order(
    outputs.map((o) => o.tensor),
    wanted,
  );
  const needed = new Set<Tensor>([...wanted, ...nodes.map((n) => n.output)]);
  return scope(() =>
    noGrad(() => {
      const gradients = new Map<Tensor, Tensor>();
      // How many entries of `gradients` share a tensor, so that it is freed with the last.
      const uses = new Map<Tensor, number>();
      // Seeds and tensors that a rule captured belong to others: only what this pass made is freed.
      const free = (g: Tensor): void => {
        if (currentScope()?.has(g)) g.dispose();
      };
      const retain = (g: Tensor): void => {
        uses.set(g, (uses.get(g) ?? 0) + 1);
      };
      const release = (g: Tensor): void => {
        const left = (uses.get(g) ?? 1) - 1;
        uses.set(g, left);
        if (left === 0) free(g);
      };
      const accumulate = (tensor: Tensor, gradient: Tensor): void => {
        const before = gradients.get(tensor);
        const total = before ? add(before, gradient) : gradient;
        gradients.set(tensor, total);
        retain(total);
        if (before) {
          release(before);
          if (!uses.get(gradient)) free(gradient);
        }
      };
      for (const { tensor, seed } of outputs) if (needed.has(tensor)) accumulate(tensor, seed);
      for (const node of nodes) {
        const gradient = gradients.get(node.output);
        if (!gradient) continue;
        const rule = node.tag === undefined ? undefined : options.rules?.[node.tag];
        const plain = (): Gradients => node.backward(gradient);
        const results = scope(() => (rule ? rule(node, gradient, plain) : plain()));
        results.forEach((result, i) => {
          if (!result) return;
          const input = node.inputs[i];
          if (needed.has(input) && input.tracked) accumulate(input, result);
          else if (!uses.get(result)) free(result);
        });
        if (!wanted.has(node.output)) {
          gradients.delete(node.output);
          release(gradient);
        }
      }
      return wrt.map((t) => gradients.get(t) ?? null);
    }),
  );
}

/** Runs `fn` with `parameters` tracked and differentiates its result, a scalar, by each of them (null where it does not depend). */
export function valueAndGrad(
  fn: () => Tensor,
  parameters: readonly Tensor[],
  options: { rules?: Rules } = {},
): { value: Tensor; gradients: (Tensor | null)[] } {
  return scope(() => {
    const before = parameters.map((p) => p.tracked);
    for (const p of parameters) track(p);
    try {
      const value = fn();
      if (value.size !== 1)
        throw new RangeError(`valueAndGrad: the function must return a scalar, got [${value.shape}]`);
      return { value, gradients: backward([{ tensor: value, seed: ones(value.shape) }], parameters, options) };
    } finally {
      parameters.forEach((p, i) => {
        p.tracked = before[i];
      });
    }
  });
}
