import { type Command, Option } from 'commander';
import { addTalkOptions, wholeNumber } from './options.js';
import { circuitFormats } from './pc-files.js';
import { evidenceList, nothing } from './pc-variables.js';

/** A command about a circuit's file, with the options that all of them take. */
export function circuitCommand(group: Command, name: string, description: string): Command {
  const command = group.command(name).description(description).argument('<circuit>', circuitFormats);
  return addTalkOptions(command.option('--vtree <file>', "the circuit's .vtree, to check it against"));
}

export function withEvidence(command: Command): Command {
  return command.addOption(
    new Option('--evidence <list>', 'known values, such as 3=1,colour=red')
      .argParser(evidenceList('--evidence'))
      .default(nothing, 'none'),
  );
}

/** The rows that a command asks a circuit about. */
export function withRows(command: Command): Command {
  return command
    .requiredOption('--data <file>', 'rows of values, parted by commas or spaces; empty cells are summed out')
    .addOption(new Option('--limit <n>', 'use the first rows only').argParser(wholeNumber('--limit', 1)));
}
