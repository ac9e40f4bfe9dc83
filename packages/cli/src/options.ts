import { type Command, Option } from 'commander';
import { InputError, nearest } from 'filigree';

/** A parser of whole numbers from `least` to `most`. The parsers throw InputError naming the option. */
export function wholeNumber(flag: string, least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
    throw new InputError(`${flag} must be a whole number, ${range}, not ${shown(text)}.`);
  };
}

/** A parser of numbers that are at least `least`. */
export function numberFrom(flag: string, least: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (Number.isFinite(value) && value >= least) return value;
    throw new InputError(`${flag} must be a number, ${least} or more, not ${shown(text)}.`);
  };
}

/** A parser of whole numbers of at least `least`, parted by commas. */
export function numberList(flag: string, least: number): (text: string) => number[] {
  const each = wholeNumber(flag, least);
  return (text) => text.split(',').map((part) => each(part));
}

/** A parser of one of several names; a name that is none of them throws with the nearest. */
export function choice<const T extends string>(flag: string, names: readonly T[]): (text: string) => T {
  return (text) => {
    const found = names.find((name) => name === text);
    if (found !== undefined) return found;
    const near = nearest(text, names);
    const hint = near === undefined ? '' : ` Did you mean ${near}?`;
    throw new InputError(`${flag} cannot be ${shown(text)}.${hint} Choose one of ${names.join(', ')}.`);
  };
}

const units: Readonly<Record<string, number>> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** A parser of amounts of memory such as 512M or 2G, in bytes, up to the 4 GiB that the engine can address. */
export function bytes(flag: string): (text: string) => number {
  return (text) => {
    const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)\s*([KMG]?)(?:i?B)?$/i.exec(text.trim()) ?? [];
    const value = digits === undefined ? Number.NaN : Math.floor(Number(digits) * units[unit.toUpperCase()]);
    if (value >= 2 ** 20 && value <= 2 ** 32) return value;
    throw new InputError(`${flag} must be an amount from 1M to 4G, such as 512M or 2G, not ${shown(text)}.`);
  };
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 57)}...` : text);
}

/** How a command talks. */
export interface TalkOptions {
  json?: boolean;
  quiet?: boolean;
}

/** What computing may use. */
export interface EngineOptions {
  threads?: number;
  memory?: number;
}

export function addTalkOptions(command: Command): Command {
  return command
    .option('--json', 'print the result as JSON on stdout, and nothing else there')
    .option('--quiet', 'no progress on stderr');
}

export function addEngineOptions(command: Command): Command {
  return command
    .addOption(new Option('--threads <n>', 'threads to compute on (default: all cores)').argParser(threads))
    .addOption(
      new Option('--memory <amount>', 'most memory for weights and activations, such as 512M or 2G').argParser(
        bytes('--memory'),
      ),
    );
}

const threads = wholeNumber('--threads', 1, 256);
