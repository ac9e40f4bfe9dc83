/**
 * A mistake in what the user gave: a file, an option, a prompt. The message is one line that says what was wrong and how to
 * mend it; the command prints it and ends with code 2.
 */
export class InputError extends Error {
  override readonly name = 'InputError';
}
