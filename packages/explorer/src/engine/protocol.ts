import type { AblationName, Circuit, CircuitComparison, IntegrationRule, MetricName, TextPair } from 'filigree';
import type { ServedFile } from 'filigree/browser';

/** Where a model's files are: behind an address of the server, or given by the user. */
export type ModelSource =
  | { readonly kind: 'served'; readonly base: string; readonly files: readonly ServedFile[] }
  | { readonly kind: 'given'; readonly files: ReadonlyMap<string, Blob> };

export interface ModelFacts {
  readonly key: string;
  readonly name: string;
  readonly hash: string;
  readonly architecture: string;
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly mlpWidth: number;
  readonly vocabulary: number;
  readonly context: number;
  readonly parameters: number;
  readonly edges: number;
  /** What writes into the residual stream: embeddings, heads and MLPs. */
  readonly nodes: number;
  readonly hasTokenizer: boolean;
  /** Threads that the engine works with: 1 where the page is not isolated. */
  readonly threads: number;
}

/** What circuits are judged by, and on. */
export interface Question {
  readonly metric: MetricName;
  readonly ablation: AblationName;
  /** A built-in task's fresh pairs, or these texts. */
  readonly on:
    | { readonly task: string; readonly count: number; readonly part: 'discovery' | 'evaluation' }
    | { readonly texts: readonly TextPair[] };
  readonly seed: number;
}

/** A token that the model might say, with its logit and probability. */
export interface Said {
  readonly token: string;
  readonly id: number;
  readonly logit: number;
  readonly probability: number;
}

/** What the model says after one pair's prompts: whole on the clean one, as the circuit, whole on the corrupted one. */
export interface Answers {
  readonly tokens: { readonly clean: string[]; readonly corrupt: string[] };
  readonly clean: Answer;
  /** Null where the prompts do not make a pair, for the reason given. */
  readonly circuit: Answer | null;
  readonly corrupt: Answer;
  readonly reason: string | null;
  readonly milliseconds: number;
}

/** The likeliest tokens, and those that are right after the clean prompt and after the corrupted one. */
export interface Answer {
  readonly top: readonly Said[];
  readonly right: readonly Said[];
  readonly wrong: readonly Said[];
}

export interface Judged {
  readonly pairs: number;
  readonly clean: number;
  readonly corrupt: number;
  readonly empty: number;
  readonly circuit: number;
  readonly faithfulness: number;
  readonly milliseconds: number;
}

/** Faithfulness against size; a size that could not be judged is null. */
export interface CurveData {
  readonly sizes: number[];
  readonly faithfulness: (number | null)[];
  readonly low?: (number | null)[];
  readonly high?: (number | null)[];
  readonly random?: (number | null)[];
  readonly randomLow?: (number | null)[];
  readonly randomHigh?: (number | null)[];
}

export interface NodeFacts {
  /** Tokens of the clean prompt, how strongly the node writes at each (0..1 of its largest), and the same on other prompts. */
  readonly texts: readonly { readonly tokens: string[]; readonly values: number[] }[];
  readonly largest: number;
  /** `[t, s]` attention of a head on the first text. */
  readonly pattern?: Float64Array;
  /** The strongest neurons of an MLP by what they add to the logit difference at the last position. */
  readonly neurons?: readonly { readonly neuron: number; readonly value: number; readonly activation: number[] }[];
  /** What the node adds directly to the logit difference. */
  readonly direct?: number;
  /** Metric of the whole model, and with this node alone ablated, on the pairs asked about. */
  readonly whole: number;
  readonly without: number;
}

export const discoveryMethods = [
  'eap-ig',
  'eap',
  'relp',
  'eap-ig-activations',
  'clean-corrupted',
  'exact',
  'acdc',
  'edge-pruning',
  'random',
] as const;
export type DiscoveryMethod = (typeof discoveryMethods)[number];

/** Methods that also score nodes and neurons. */
export const nodeDiscoveryMethods: readonly DiscoveryMethod[] = [
  'eap-ig',
  'eap',
  'relp',
  'eap-ig-activations',
  'clean-corrupted',
  'exact',
  'random',
];

/** What circuits are made of. */
export const unitLevels = ['edge', 'node', 'neuron'] as const;
export type UnitLevel = (typeof unitLevels)[number];

export interface Discovery {
  readonly level: UnitLevel;
  readonly method: DiscoveryMethod;
  readonly task: string;
  readonly pairs: number;
  readonly metric: MetricName;
  readonly ablation: AblationName;
  readonly steps: number;
  readonly rule: IntegrationRule;
  /** Units to keep; 0: the fewest of the usual sizes that are 0.85 faithful. */
  readonly size: number;
  readonly tau: number;
  readonly seed: number;
}

/** A distribution that was opened: what can be asked of it. */
export interface DistributionFacts {
  readonly key: string;
  /** Names of the variables, where the file has them: a .jpc in a comment `c variables a, b, …`. */
  readonly names: string[] | null;
  /** Words that stand for the values of each variable, null where these are numbers; null where the file has none. */
  readonly words: (string[] | null)[] | null;
  /** Number of values of each variable, 0 where it is real. */
  readonly states: number[];
  readonly units: number;
  readonly edges: number;
  readonly properties: { readonly name: string; readonly value: 'yes' | 'no' | 'unknown'; readonly why: string }[];
}

export interface DistributionAnswer {
  /** log p of the evidence; minus infinity where it is impossible. */
  readonly logEvidence: number;
  /** Per variable that has values, the probability of each given the evidence; null for those that were left out. */
  readonly marginals: (number[] | null)[];
  readonly map: { readonly state: number[]; readonly log: number; readonly exact: boolean } | null;
  readonly samples: number[][];
  /** The structure with the flows under the evidence as scores; null where it is too large to show. */
  readonly flows: (number | null)[] | null;
  readonly milliseconds: number;
}

/** A file as the page shows it. */
export type OpenedFile =
  | { readonly what: 'circuit'; readonly circuit: Circuit; readonly format: string }
  | { readonly what: 'distribution'; readonly circuit: Circuit | null; readonly facts: DistributionFacts };

/** A circuit's drawing: boxes, and per edge of `order` its line sampled at `samples` points. */
export interface Placed {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly PlacedBox[];
  /** Edges of the drawing, strongest first. */
  readonly order: Int32Array;
  /** `[order, samples, 2]`. */
  readonly points: Float32Array;
  readonly samples: number;
  /** SVG path data of the first edges of `order`. */
  readonly paths: readonly string[];
  /** Labels of the second axis, where nodes have positions. */
  readonly columns?: readonly { readonly x: number; readonly text: string }[];
}

export interface PlacedBox {
  readonly index: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly text: string;
  readonly ports: readonly string[];
}

/** What the page may ask of the worker: per call what it gives and what it gets. */
export interface Calls {
  openModel: [{ key: string; name: string; source: ModelSource }, ModelFacts];
  /** Logits at the last position. */
  logits: [{ model: string; ids?: number[]; text?: string }, { ids: number[]; logits: Float32Array }];
  texts: [{ model: string; task: string; count: number; part: 'discovery' | 'evaluation'; seed: number }, TextPair[]];
  /**
   * Makes a circuit known by `key`, to be asked about. `kept` of later calls has a place for each unit: each edge, or, where nodes or
   * neurons are the units, those of node n at `first[n] .. first[n + 1]`.
   */
  useCircuit: [{ model: string; key: string; circuit: Circuit; level: UnitLevel; first: Int32Array }, null];
  answers: [{ circuit: string; kept: Uint8Array; pair: TextPair; ablation: AblationName }, Answers];
  judge: [{ circuit: string; kept: Uint8Array; question: Question }, Judged];
  curve: [{ circuit: string; question: Question; ranking: 'abs' | 'signed' }, CurveData];
  inspect: [{ circuit: string; node: string; pair: TextPair; question: Question }, NodeFacts];
  discover: [{ model: string; discovery: Discovery }, Circuit];
  compare: [{ first: Circuit; second: Circuit }, CircuitComparison];
  readFile: [{ key: string; name: string; content: Blob; vtree?: { name: string; text: string } }, OpenedFile];
  askDistribution: [{ key: string; evidence: [number, number][]; samples: number; seed: number }, DistributionAnswer];
  write: [
    {
      circuit: Circuit;
      format: 'circuit' | 'graph' | 'mib' | 'dot';
      prompt?: string;
      tokens?: string[];
      answer?: { token: string; probability: number };
    },
    string,
  ];
  /** `aspect`: width by height that the drawing is wanted in. */
  place: [{ circuit: Circuit; most: number; byPosition: boolean; aspect?: number }, Placed];
}

export type CallName = keyof Calls;
export type Ask<C extends CallName> = Calls[C][0];
export type Got<C extends CallName> = Calls[C][1];

export interface ProgressState {
  readonly done: number;
  readonly total: number;
  readonly unit: string;
}

export type ToWorker =
  | { readonly kind: 'call'; readonly id: number; readonly call: CallName; readonly ask: unknown }
  | { readonly kind: 'cancel'; readonly id: number };

export type FromWorker =
  | { readonly kind: 'progress'; readonly id: number; readonly state: ProgressState }
  | { readonly kind: 'done'; readonly id: number; readonly got: unknown }
  /** `user`: the message is for the user; else it is a mistake of ours. */
  | { readonly kind: 'failed'; readonly id: number; readonly message: string; readonly user: boolean };
