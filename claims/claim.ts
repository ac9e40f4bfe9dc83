import type { Checkpoint, Progress } from 'filigree';

/** `smoke`: at most 3 seconds, invariants; `quick`: about 20 seconds; `full`: minutes, several seeds, models where they are there. */
export const claimSizes = ['smoke', 'quick', 'full'] as const;
export type ClaimSize = (typeof claimSizes)[number];

export interface Paper {
  readonly title: string;
  readonly authors: string;
  readonly year: number;
  readonly url?: string;
  /** What the authors report, in their own setting. */
  readonly reports: string;
}

/** One measured line: a method in a setting, with our figures beside those of others. */
export interface Row {
  /** What was measured on: 'planted, beta 12'. */
  readonly setting: string;
  readonly method: string;
  /** Whether the method is what the paper's own is compared with. */
  readonly baseline?: boolean;
  /** Ours, by name; all finite. */
  readonly figures: Readonly<Record<string, number>>;
  readonly seed: number;
  /** What the paper reports for this, in its own setting. */
  readonly paper?: Readonly<Record<string, number | string>>;
  /** What a separate double-precision prototype of the same setting gave. */
  readonly prototype?: Readonly<Record<string, number | string>>;
  /** What the reader must know about this line; why there are no figures, where there are none. */
  readonly note?: string;
}

export interface MeasureOptions extends Progress {
  readonly size: ClaimSize;
  readonly seed: number;
  /** Opens a model of the project by name; undefined where it is absent. Without it, parts that need a model say so and are left out. */
  readonly openModel?: (name: string) => Promise<Checkpoint | undefined>;
  /** General compressors that the host has, by name: how many bytes they need. Without them, a comparison with them is left out. */
  readonly packers?: Readonly<Record<string, (bytes: Uint8Array) => number>>;
}

export interface Verdict {
  readonly holds: boolean;
  /** One sentence per thing that was asked, with the figures that decided it. */
  readonly why: string;
}

/** A runnable experiment for one paper: what it says, what we measure, when it holds. */
export interface Claim {
  readonly slug: string;
  /** The room of the library that the paper's method lives in. */
  readonly family: string;
  readonly paper: Paper;
  /** The claim in one sentence. */
  readonly says: string;
  /** Throws the signal's reason when it is aborted. */
  measure(options: MeasureOptions): Promise<Row[]>;
  /** Judges rows of any size: what was not measured is not asked. */
  holds(rows: readonly Row[]): Verdict;
}

/** One thing that must be true. */
export interface Check {
  readonly ok: boolean;
  readonly text: string;
}

/** A claim holds when something was asked and all of it is so. */
export function verdict(checks: readonly Check[]): Verdict {
  const failed = checks.filter((c) => !c.ok);
  const texts = [...failed.map((c) => `NOT SO: ${c.text}`), ...checks.filter((c) => c.ok).map((c) => c.text)];
  return {
    holds: checks.length > 0 && failed.length === 0,
    why: checks.length > 0 ? texts.join('; ') : 'nothing was measured',
  };
}

/** Tells how far a measurement of several stages is, in whole and in part. */
export class Stages {
  private done = 0;

  constructor(
    private readonly options: Progress,
    private readonly total: number,
  ) {}

  /** Runs the next stage, whose own progress counts as a share of it. */
  async run<T>(stage: (options: Progress) => Promise<T>): Promise<T> {
    const { signal, onProgress } = this.options;
    signal?.throwIfAborted();
    const report = (share: number): void =>
      onProgress?.({ done: this.done + share, total: this.total, unit: 'stages' });
    const result = await stage({ signal, onProgress: ({ done, total }) => report(total > 0 ? done / total : 0) });
    this.done++;
    report(0);
    return result;
  }

  /** Counts stages that turn out not to apply as done. */
  skip(stages: number): void {
    this.done += stages;
  }
}
