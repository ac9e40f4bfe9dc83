import { CommanderError } from 'commander';
import { InputError, MemoryError } from 'filigree';

/** What an error means to the user: one line (none where all was said), and the exit code. */
export interface Failure {
  readonly line?: string;
  readonly code: number;
}

/** Mistakes of the user end with 2, an interruption with 130, anything that should not happen with 1. */
export function explain(error: unknown, signal: AbortSignal): Failure {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { code: 0 };
    // What `filigree help NAME` throws for a name that is no command.
    if (error.code === 'commander.help') return { line: 'no such command; filigree --help lists them', code: 2 };
    return { line: oneLine(error.message.replace(/^error: /, '')), code: 2 };
  }
  if (error instanceof InputError) return { line: oneLine(error.message), code: 2 };
  if (error instanceof MemoryError) {
    return { line: `${oneLine(error.message)}; set --memory (up to 4G) or a smaller --limit`, code: 2 };
  }
  if (signal.aborted) return { line: 'interrupted; nothing was left half-written', code: 130 };
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { line: `internal error, please report it: ${oneLine(message)} (FILIGREE_DEBUG=1 shows where)`, code: 1 };
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim();
}
