import { Option } from 'commander';
import { type AblationName, ablationNames } from 'filigree';
import { choice } from './options.js';

export interface AblationOption {
  ablation: AblationName;
}

/** The option that says what a cut edge carries. */
export function ablationOption(): Option {
  return new Option('--ablation <name>', `what a cut edge carries: ${ablationNames.join(', ')}`)
    .argParser(choice('--ablation', ablationNames))
    .default('patch');
}
