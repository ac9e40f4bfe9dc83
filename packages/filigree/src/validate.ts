import type { z } from 'zod';
import { InputError } from './errors.js';

/**
 * Checks a value that came from outside against a schema.
 * @param what names the value in the message, such as the file it came from
 * @throws InputError with the first thing that does not fit and where it is, in one line
 */
export function validate<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const place = issue.path.map(String).join('.');
  throw new InputError(`${what}: ${place === '' ? '' : `${quote(place)} is wrong: `}${issue.message}`);
}

/**
 * Parses JSON text.
 * @throws InputError naming `what` when the text is not JSON
 */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InputError(`${what} is not valid JSON; it may be damaged or cut short`);
  }
}

/**
 * Parses JSON text as Python writes it, which may hold NaN and infinities: NaN becomes null, an infinity a number that is not
 * finite.
 * @throws InputError naming `what` when the text is not JSON
 */
export function parsePythonJson(text: string, what: string): unknown {
  const plain = text.replace(/"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g, (part) => {
    if (part.startsWith('"')) return part;
    return part.endsWith('NaN') ? 'null' : part.replace('Infinity', '1e999');
  });
  return parseJson(plain, what);
}

/** A name from a stranger's file, made fit for a one-line message: control characters escaped, long ones cut. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 120 ? `${name.slice(0, 117)}...` : name);
}
