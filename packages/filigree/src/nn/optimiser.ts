import { InputError } from '../errors.js';
import { SparseTensor } from '../sparse/index.js';
import { add, mul, type Tensor, zeros } from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';

/** What a model learns: a dense array, or a sparse weight, of which the values are learned. */
export type Parameter = Tensor | SparseTensor;

/** The numbers of a parameter. */
export const valuesOf = (p: Parameter): Tensor => (p instanceof SparseTensor ? p.values : p);

/** SGD: `v = momentum v + g`, `p -= lr v`; Nesterov: `p -= lr (g + momentum v)`; `g` includes the decay `weightDecay p`. */
export interface SgdSettings {
  readonly kind: 'sgd';
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly weightDecay?: number;
}

/**
 * Adam (Kingma, Ba 2015) and AdamW (Loshchilov, Hutter 2019): `p -= lr m^ / (sqrt(v^) + eps)` with bias-corrected moments; Adam
 * adds the decay `weightDecay p` to the gradient, AdamW takes `lr weightDecay p` from the weight.
 */
export interface AdamSettings {
  readonly kind: 'adam' | 'adamw';
  readonly beta1?: number;
  readonly beta2?: number;
  readonly eps?: number;
  readonly weightDecay?: number;
}

export type OptimiserSettings = SgdSettings | AdamSettings;

/**
 * Updates parameters in place and keeps what it needs for that: one array of a parameter's size, or two, on the weights that there are.
 * Matrices and sparse weights decay; vectors (biases, gains of norms) never do.
 */
export class Optimiser {
  /** Updates done. */
  steps = 0;
  private readonly slots = new Map<string, Tensor[]>();

  constructor(readonly settings: OptimiserSettings) {
    for (const [name, value] of Object.entries(settings)) {
      if (typeof value === 'number' && !(Number.isFinite(value) && value >= 0)) {
        throw new InputError(`${name} of the optimiser must be a number of at least 0, not ${value}`);
      }
    }
  }

  /** The state of a parameter: velocity, or first and second moment; made of zeros at its first use. */
  state(name: string, parameter: Parameter): readonly Tensor[] {
    let found = this.slots.get(name);
    if (!found) {
      const values = valuesOf(parameter);
      const count = this.settings.kind === 'sgd' ? 1 : 2;
      found = unscoped(() => Array.from({ length: count }, () => zeros(values.shape, values.device)));
      this.slots.set(name, found);
    }
    return found;
  }

  /** Replaces the state of a parameter, and frees the one before. */
  setState(name: string, state: readonly Tensor[]): void {
    for (const slot of this.slots.get(name) ?? []) slot.dispose();
    this.slots.set(name, [...state]);
  }

  /** One update by contiguous gradients; null leaves a parameter as it is. */
  step(parameters: ReadonlyMap<string, Parameter>, gradients: readonly (Tensor | null)[], lr: number): void {
    this.steps++;
    [...parameters].forEach(([name, parameter], i) => {
      const gradient = gradients[i];
      if (gradient) this.update(name, parameter, gradient, lr);
    });
  }

  private update(name: string, parameter: Parameter, gradient: Tensor, lr: number): void {
    const { settings } = this;
    const p = valuesOf(parameter);
    const decays = parameter instanceof SparseTensor || p.shape.length > 1;
    const state = this.state(name, parameter);
    if (settings.kind === 'sgd') {
      const { momentum = 0.9, nesterov = false, weightDecay = 0 } = settings;
      p.device.sgd(p.view('sgd'), gradient.view('sgd'), state[0].view('sgd'), {
        lr,
        momentum,
        nesterov,
        weightDecay: decays ? weightDecay : 0,
      });
      return;
    }
    const { kind, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = kind === 'adamw' ? 0.01 : 0 } = settings;
    const own = decays ? weightDecay : 0;
    const pulled = kind === 'adam' && own > 0 ? add(gradient, mul(p, own)) : gradient;
    p.device.adamw(p.view('adamw'), pulled.view('adamw'), state[0].view('adamw'), state[1].view('adamw'), {
      lr,
      beta1,
      beta2,
      eps,
      weightDecay: kind === 'adamw' ? own : 0,
      step: this.steps,
    });
  }

  dispose(): void {
    for (const slots of this.slots.values()) for (const slot of slots) slot.dispose();
    this.slots.clear();
  }
}
