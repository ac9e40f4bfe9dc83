import { Scope, type Tensor, zeros } from '../tensor/index.js';
import type { Parameters } from './weights.js';

export interface AdamWOptions {
  beta1?: number;
  beta2?: number;
  eps?: number;
  /** Decoupled decay of matrices; vectors (norms, biases) are never decayed. */
  weightDecay?: number;
}

/**
 * AdamW (Loshchilov, Hutter 2019): p <- (1 - lr decay) p - lr m^ / (sqrt(v^) + eps), with bias-corrected first and second moments
 * m^, v^ of the gradient. Works in place.
 */
export class AdamW {
  /** Updates done. */
  steps = 0;
  private readonly owner = new Scope();
  private readonly moments: ReadonlyMap<string, { m: Tensor; v: Tensor }>;

  constructor(
    private readonly parameters: Parameters,
    private readonly options: AdamWOptions = {},
  ) {
    this.moments = this.owner.run(
      () => new Map([...parameters].map(([name, p]) => [name, { m: zeros(p.shape), v: zeros(p.shape) }])),
    );
  }

  /** One update with contiguous gradients in the parameters' order; null leaves a parameter as it is. */
  step(gradients: readonly (Tensor | null)[], lr: number): void {
    const { beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weightDecay = 0.01 } = this.options;
    this.steps++;
    [...this.parameters].forEach(([name, parameter], i) => {
      const gradient = gradients[i];
      const moments = this.moments.get(name);
      if (!gradient || !moments) return;
      parameter.device.adamw(
        parameter.view('adamw'),
        gradient.view('adamw'),
        moments.m.view('adamw'),
        moments.v.view('adamw'),
        { lr, beta1, beta2, eps, weightDecay: parameter.shape.length > 1 ? weightDecay : 0, step: this.steps },
      );
    });
  }

  dispose(): void {
    this.owner.dispose();
  }
}
