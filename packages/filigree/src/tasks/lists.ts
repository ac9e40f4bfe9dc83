import type { Random } from '../tensor/random.js';
import { group } from './bracket.js';
import { bracketWords } from './words.js';

const leads = ['bag =', 'list =', 'shelf =', 'The bag has', 'I see', 'The shop has'] as const;

/**
 * Nested brackets of three kinds around words, up to three deep: "bag = [cat (red hat) sun] kite.".
 *
 * Held out of it: the lead-ins and the words (`heldBracketWords`) of the task `bracket`.
 */
export function list(d: Random): string {
  const parts: string[] = [];
  for (let groups = 1 + d.integer(2); groups > 0; groups--) {
    if (d.uniform() < 0.3) parts.push(d.pick(bracketWords));
    parts.push(group(d, bracketWords, 3));
  }
  return `${d.pick(leads)} ${parts.join(' ')}.`;
}
