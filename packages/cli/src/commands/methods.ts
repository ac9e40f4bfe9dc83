import {
  type AblationName,
  cleanCorrupted,
  type EdgeScores,
  type EstimateOptions,
  eap,
  eapIg,
  eapIgActivations,
  exactPatching,
  InputError,
  type IntegrationRule,
  type MetricName,
  type Pair,
  randomScores,
  relp,
  type Transformer,
} from 'filigree';

export const methods = ['exact', 'eap', 'eap-ig', 'eap-ig-activations', 'clean-corrupted', 'relp', 'random'] as const;
export type Method = (typeof methods)[number];

export const usualSteps = 5;
export const usualRule = 'right';

/** How edges are scored. */
export interface ScoreOptions {
  readonly method: Method;
  readonly steps?: number;
  readonly rule?: IntegrationRule;
  readonly seed: number;
}

const integrates = (method: Method): boolean => method === 'eap-ig' || method === 'eap-ig-activations';

/** What an integrating method was told, with what it takes where it was told nothing; empty for others. */
export function integralOf({ method, steps, rule }: ScoreOptions): { steps?: number; rule?: IntegrationRule } {
  return integrates(method) ? { steps: steps ?? usualSteps, rule: rule ?? usualRule } : {};
}

/** Throws InputError for a method that cannot do what is asked, naming one that can; before a model is loaded. */
export function checkMethod(options: ScoreOptions, metric: MetricName, ablation: AblationName): void {
  const { method, steps, rule } = options;
  const integral = integralOf(options);
  if (!integrates(method)) {
    const flag = steps !== undefined ? '--steps' : rule !== undefined ? '--rule' : undefined;
    if (flag) throw new InputError(`${flag} goes with --method eap-ig or eap-ig-activations, not with ${method}.`);
  }
  const atClean = integral.steps === 1 && integral.rule === 'right';
  if (metric === 'kl' && (method === 'eap' || method === 'relp' || atClean)) {
    throw new InputError(
      'The gradient of kl is zero on the clean prompt: use --method eap-ig with more --steps, or exact.',
    );
  }
  const prompt = ablation === 'patch' || ablation === 'resample';
  if (!prompt && (method === 'clean-corrupted' || (method === 'eap-ig' && !atClean))) {
    throw new InputError(
      `--method ${method} needs a second prompt, which --ablation ${ablation} has not; use --method eap-ig-activations.`,
    );
  }
}

/** Scores of all edges. */
export function scoreEdges(
  model: Transformer,
  pairs: readonly Pair[],
  options: ScoreOptions,
  settings: EstimateOptions,
): Promise<EdgeScores> {
  const all = { ...settings, ...integralOf(options) };
  switch (options.method) {
    case 'exact':
      return exactPatching(model, pairs, settings);
    case 'eap':
      return eap(model, pairs, settings);
    case 'eap-ig':
      return eapIg(model, pairs, all);
    case 'eap-ig-activations':
      return eapIgActivations(model, pairs, all);
    case 'clean-corrupted':
      return cleanCorrupted(model, pairs, settings);
    case 'relp':
      return relp(model, pairs, settings);
    case 'random':
      return randomScores(model, pairs, { ...settings, seed: options.seed });
  }
}
