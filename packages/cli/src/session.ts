import type { TalkOptions } from './options.js';
import { Progress, type State } from './progress.js';

/** One run of a command: how it talks to the user, and how the user stops it. */
export class Session {
  constructor(
    private readonly options: TalkOptions,
    readonly signal: AbortSignal,
  ) {}

  get json(): boolean {
    return this.options.json === true;
  }

  /** A line for people: on stdout, or on stderr where stdout is for machines. */
  say(line = ''): void {
    (this.json ? process.stderr : process.stdout).write(`${line}\n`);
  }

  /** A line that people should see whatever stdout is used for. */
  warn(line: string): void {
    process.stderr.write(`${line}\n`);
  }

  /** The result for machines. */
  print(value: unknown): void {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** Runs something long, showing how far it is. */
  async during<T>(
    what: string,
    work: (progress: { signal: AbortSignal; onProgress: (state: State) => void }) => Promise<T>,
  ): Promise<T> {
    const progress = new Progress(what, this.options.quiet ? undefined : process.stderr);
    try {
      return await work({ signal: this.signal, onProgress: progress.update });
    } finally {
      progress.end();
    }
  }
}

/** Runs a command's work in a session of its own. */
export type Run = (work: (session: Session) => Promise<void>, options: TalkOptions) => Promise<void>;
