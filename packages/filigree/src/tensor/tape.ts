import type { Tensor } from './tensor.js';

/** Gradients for the inputs of one operation, in order; null where none flows. */
export type Gradients = readonly (Tensor | null)[];

/** One recorded operation. */
export interface GradNode {
  readonly id: number;
  readonly name: string;
  /** A name by which backward rules find the operation: 'norm.scale', 'act', 'gate', 'pattern', 'mlp'. */
  readonly tag: string | undefined;
  readonly inputs: readonly Tensor[];
  readonly output: Tensor;
  /** Gradients of the inputs from the output's; called inside a scope with tracking off. */
  readonly backward: (gradient: Tensor) => Gradients;
}

let tracking = true;
let nextId = 0;
let nextTag: string | undefined;

/** Runs `fn` without recording gradients. */
export function noGrad<T>(fn: () => T): T {
  const before = tracking;
  tracking = false;
  try {
    return fn();
  } finally {
    tracking = before;
  }
}

/** Gives the operations that `fn` records the tag, so that rules can find them. */
export function tagged<T>(tag: string, fn: () => T): T {
  const before = nextTag;
  nextTag = tag;
  try {
    return fn();
  } finally {
    nextTag = before;
  }
}

/** Lets gradients flow to `tensor` (a parameter, or an activation to differentiate by). */
export function track(tensor: Tensor): Tensor {
  tensor.tracked = true;
  return tensor;
}

/** Whether an operation on `inputs` has to be recorded. */
export function records(inputs: readonly Tensor[]): boolean {
  return tracking && inputs.some((t) => t.tracked);
}

/** Attaches the gradient of an operation to its output, when one of the inputs is tracked. Every operation ends with it. */
export function record(
  name: string,
  output: Tensor,
  inputs: readonly Tensor[],
  backward: (gradient: Tensor) => Gradients,
): Tensor {
  if (records(inputs)) {
    output.tracked = true;
    output.node = { id: nextId++, name, tag: nextTag, inputs, output, backward };
  }
  return output;
}

/** Defines a new differentiable operation. */
export function custom(options: {
  name: string;
  inputs: readonly Tensor[];
  forward: () => Tensor;
  backward: (gradient: Tensor) => Gradients;
}): Tensor {
  const output = noGrad(options.forward);
  return record(options.name, output, options.inputs, options.backward);
}
