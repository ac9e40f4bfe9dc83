import {
  type AblationName,
  acdc,
  cleanCorrupted,
  type EdgeScores,
  type EstimateOptions,
  eap,
  eapIg,
  eapIgActivations,
  edgePruning,
  exactNodes,
  exactPatching,
  type FoundCircuit,
  InputError,
  type IntegrationRule,
  type MetricName,
  type NodeLevel,
  type NodeScores,
  nodeScores,
  type Pair,
  randomNodes,
  randomScores,
  relp,
  type Transformer,
  ugs,
} from 'filigree';
import type { Level } from '../units.js';

export const methods = [
  'exact',
  'eap',
  'eap-ig',
  'eap-ig-activations',
  'clean-corrupted',
  'relp',
  'random',
  'acdc',
  'edge-pruning',
  'ugs',
] as const;
export type Method = (typeof methods)[number];

export const usualSteps = 5;
export const usualUpdates = 400;
export const usualTau = 0.01;
/** Most points of an integral. */
const mostSteps = 1000;
export const usualRule = 'right';

/** How edges, nodes or neurons are scored. */
export interface ScoreOptions {
  readonly level?: Level;
  readonly method: Method;
  readonly steps?: number;
  readonly rule?: IntegrationRule;
  readonly select?: string;
  readonly size?: number;
  readonly tau?: number;
  /** The metric that the user asked for, if any. */
  readonly metric?: MetricName;
  readonly seed: number;
}

const integrates = (method: Method): boolean => method === 'eap-ig' || method === 'eap-ig-activations';

/** What an integrating method was told, with what it takes where it was told nothing; empty for others. */
export function integralOf({ method, steps, rule }: ScoreOptions): { steps?: number; rule?: IntegrationRule } {
  return integrates(method) ? { steps: steps ?? usualSteps, rule: rule ?? usualRule } : {};
}

const learns = (method: Method): boolean => method === 'edge-pruning' || method === 'ugs';

/** Whether the circuit is the method's own, not the best of its scores; then `--tau` or `--size` is the method's too. */
export function findsCircuit({ method, select, size, tau }: ScoreOptions): boolean {
  if (method === 'ugs') return select === undefined && size === undefined && tau === undefined;
  return method === 'acdc' || method === 'edge-pruning';
}

/** What a method was told, for the record. */
export function settingsOf(options: ScoreOptions): Record<string, unknown> {
  const { method, steps, tau } = options;
  if (method === 'acdc') return { tau: tau ?? usualTau, objective: objectiveOf(options) };
  if (learns(method)) return { steps: steps ?? usualUpdates, objective: objectiveOf(options) };
  return { ...integralOf(options) };
}

/** What searches and masks keep: closeness to the full model, unless the user names a metric. */
const objectiveOf = ({ metric }: ScoreOptions): MetricName => metric ?? 'kl';

/** What the score of an edge says, in a few words. */
export function meaningOf(method: string): string {
  if (method === 'edge-pruning' || method === 'ugs') return 'minus the chance at which each is kept';
  return 'how the metric changes when each is cut';
}

/** Throws InputError for a selection that is not the method's to make. */
function checkCircuit({ method, select, size, tau }: ScoreOptions): void {
  if (method === 'acdc') {
    if (select !== undefined || size !== undefined) {
      throw new InputError(
        `--method acdc finds its own circuit: leave --${select !== undefined ? 'select' : 'size'} out, and set --tau.`,
      );
    }
    if (tau === 0) throw new InputError('--tau must be more than 0 with --method acdc.');
  }
  if (method === 'edge-pruning' && (select !== undefined || tau !== undefined)) {
    throw new InputError(
      `--method edge-pruning finds its own circuit: leave --${select !== undefined ? 'select' : 'tau'} out, and set --size.`,
    );
  }
}

/** Throws InputError for a method that cannot do what is asked, naming one that can; before a model is loaded. */
export function checkMethod(options: ScoreOptions, metric: MetricName, ablation: AblationName): void {
  const { method, steps, rule, level = 'edge' } = options;
  const integral = integralOf(options);
  if (level !== 'edge' && (method === 'acdc' || learns(method))) {
    throw new InputError(
      `--method ${method} finds edges; with --level ${level} use exact, eap, eap-ig, eap-ig-activations, clean-corrupted or relp.`,
    );
  }
  checkCircuit(options);
  if (integrates(method) && (steps ?? 0) > mostSteps) {
    throw new InputError(`--steps of --method ${method} must be at most ${mostSteps}, not ${steps}.`);
  }
  if (learns(method) && rule !== undefined) {
    throw new InputError(`--rule goes with --method eap-ig or eap-ig-activations, not with ${method}.`);
  }
  if (!integrates(method) && !learns(method)) {
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

/** Scores of all edges, with the circuit of methods that find one. */
export function scoreEdges(
  model: Transformer,
  pairs: readonly Pair[],
  options: ScoreOptions,
  settings: EstimateOptions,
): Promise<EdgeScores | FoundCircuit> {
  const all = { ...settings, ...integralOf(options) };
  const { steps, size, tau, seed } = options;
  const search = { ...settings, metric: objectiveOf(options) };
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
      return randomScores(model, pairs, { ...settings, seed });
    case 'acdc':
      return acdc(model, pairs, { ...search, tau: tau ?? usualTau });
    case 'edge-pruning':
      return edgePruning(model, pairs, { ...search, seed, steps: steps ?? usualUpdates, size });
    case 'ugs':
      return ugs(model, pairs, { ...search, seed, steps: steps ?? usualUpdates });
  }
}

/** Scores of all nodes or neurons. */
export function scoreNodes(
  model: Transformer,
  pairs: readonly Pair[],
  level: NodeLevel,
  options: ScoreOptions,
  settings: EstimateOptions,
): Promise<NodeScores> {
  const { method, seed } = options;
  switch (method) {
    case 'exact':
      return exactNodes(model, pairs, { ...settings, level });
    case 'random':
      return randomNodes(model, pairs, { ...settings, level, seed });
    case 'acdc':
    case 'edge-pruning':
    case 'ugs':
      throw new InputError(`--method ${method} finds edges.`);
    default:
      return nodeScores(model, pairs, { ...settings, ...integralOf(options), level, method });
  }
}
