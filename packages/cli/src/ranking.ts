import { type Command, Option } from 'commander';
import { InputError, type Ranking } from 'filigree';
import { choice } from './options.js';

export interface RankingOptions {
  ranking?: Ranking;
  signed?: boolean;
}

/** The options that say what comes first: the largest score, or the most helpful. */
export function addRankingOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--ranking <how>', 'abs: by |score|; signed: the most helpful first (default: abs)').argParser(
        choice('--ranking', ['abs', 'signed']),
      ),
    )
    .option('--signed', 'the same as --ranking signed');
}

/** The ranking that was asked for, if any. Throws InputError where both were, and differ. */
export function askedRanking({ ranking, signed }: RankingOptions): Ranking | undefined {
  if (signed && ranking === 'abs') throw new InputError('--signed and --ranking abs contradict each other; give one.');
  return signed ? 'signed' : ranking;
}
