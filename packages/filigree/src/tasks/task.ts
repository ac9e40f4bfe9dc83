/** A clean and a corrupted prompt as text, with the continuations that are right for the clean one and for the corrupted one. */
export interface TextPair {
  clean: string;
  corrupt: string;
  answer: string | string[];
  wrong: string | string[];
}

/**
 * A clean and a corrupted prompt as token ids, with the beginning-of-text token where the tokenizer adds one. Both have the
 * same length; the answer is the token that follows the last one. `answers` are right after `clean`; `wrongs` are wrong there,
 * and right after `corrupt`, unless the task is one-sided.
 */
export interface Pair {
  clean: readonly number[];
  corrupt: readonly number[];
  answers: readonly number[];
  wrongs: readonly number[];
  text?: TextPair;
}

/** A circuit is found on `discovery` pairs and judged on `evaluation` pairs; no pair is in both, whatever the seeds. */
export type Part = 'discovery' | 'evaluation';

/**
 * How a behaviour is measured at the last position: `logit-diff` is the mean logit of the answers minus that of the wrongs,
 * `logit-margin` the mean logit of the answers minus the largest of the wrongs, `prob-diff` the sum of the answers'
 * probabilities minus that of the wrongs, `kl` the divergence from the clean run.
 */
export type TaskMetric = 'logit-diff' | 'logit-margin' | 'prob-diff' | 'kl';

/** What a task is asked for. */
export interface TextRequest {
  seed: number;
  part: Part;
  /**
   * Whether a word, with the space before it, is one token of the model at hand. A task prefers such words where it has a
   * choice, because a single position then carries them. Without it every word counts as one token.
   */
  oneToken?(word: string): boolean;
  /** Whether an answer adds exactly one token to a prompt and leaves those of the prompt as they are. Without it every one does. */
  continues?(prompt: string, answer: string): boolean;
}

/** A behaviour to explain, generated from templates. */
export interface Task {
  readonly name: string;
  readonly description: string;
  readonly metric: TaskMetric;
  /** The corrupted prompt has no right answer of its own: it only takes away what the clean one says. */
  readonly oneSided?: boolean;
  /** Pairs without end, in an order that depends on the seed alone; pairs may recur. */
  texts(request: TextRequest): Generator<TextPair, never>;
}

/** 32-bit FNV-1a hash of a text's UTF-16 code units: a whole number in 0 .. 2^32 - 1. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // FNV's low bits barely depend on the last letters; one round of mixing spreads them.
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x45d9f3b);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * The part to which a pair belongs: a hash of its two prompts, in either order, so that a pair and its mirror image are on
 * the same side and the two parts are disjoint for every seed.
 */
export function partOf(pair: TextPair): Part {
  const prompts = [pair.clean, pair.corrupt].sort().join('\n');
  return hashText(prompts) % 2 === 0 ? 'discovery' : 'evaluation';
}

/** Every second item for each part, or all of them for both where there are fewer than `least` to part. */
export function half<T>(items: readonly T[], part: Part, least = 4): readonly T[] {
  if (items.length < least) return items;
  return items.filter((_, index) => index % 2 === (part === 'discovery' ? 0 : 1));
}

/** Repeats `make` for ever, keeping what belongs to the part. */
export function* pairsOf(part: Part, make: () => TextPair): Generator<TextPair, never> {
  for (;;) {
    const pair = make();
    if (partOf(pair) === part) yield pair;
  }
}
