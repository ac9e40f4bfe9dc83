import { findNamed, InputError } from 'filigree';
import { z } from 'zod';
import { type Claim, claimSizes, type MeasureOptions, type Row } from './claim.js';
import { claims } from './registry.js';
import { markdownTable } from './table.js';

const figures = z.record(z.string(), z.number());
const othersFigures = z.record(z.string(), z.union([z.number(), z.string()])).optional();

const resultSchema = z.object({
  format: z.literal('filigree-claim'),
  version: z.literal(1),
  slug: z.string(),
  size: z.enum(claimSizes),
  seed: z.number(),
  holds: z.boolean(),
  why: z.string(),
  rows: z.array(
    z.object({
      setting: z.string(),
      method: z.string(),
      baseline: z.boolean().optional(),
      figures,
      seed: z.number(),
      paper: othersFigures,
      prototype: othersFigures,
      note: z.string().optional(),
    }),
  ),
});

/** What a run of a claim found; written as JSON. */
export type ClaimResult = z.infer<typeof resultSchema>;

/** Where results are kept, by slug: the command gives files, a page may give its own store. */
export interface ClaimStore {
  /** The text written before, or undefined. */
  read(slug: string): Promise<string | undefined>;
  write(slug: string, text: string): Promise<void>;
}

/** The claim of this slug. Throws InputError, with the nearest slug, when there is none. */
export function findClaim(slug: string, among: readonly Claim[] = claims): Claim {
  return findNamed('claim', slug, among, (claim) => claim.slug);
}

/**
 * Measures a claim, judges it and, with a store, writes the result.
 * @throws InputError for an unknown slug or a seed that is not a whole number
 */
export async function runClaim(
  slug: string,
  options: MeasureOptions & { store?: ClaimStore; among?: readonly Claim[] },
): Promise<ClaimResult> {
  const claim = findClaim(slug, options.among);
  const { size, seed, store } = options;
  if (!(Number.isSafeInteger(seed) && seed >= 0)) {
    throw new InputError(`A seed must be a whole number of at least 0, not ${seed}.`);
  }
  const rows = await claim.measure(options);
  for (const row of rows) checkFinite(row);
  const { holds, why } = claim.holds(rows);
  const result: ClaimResult = { format: 'filigree-claim', version: 1, slug, size, seed, holds, why, rows };
  await store?.write(slug, `${JSON.stringify(result, null, 1)}\n`);
  return result;
}

/** Not a number would come back from a file as null, and compare as false in a verdict without anyone seeing why. */
function checkFinite({ setting, method, figures: own }: Row): void {
  for (const [name, value] of Object.entries(own)) {
    if (!Number.isFinite(value)) throw new Error(`'${name}' of ${method} (${setting}) was measured as ${value}`);
  }
}

/** A result that was written before. Throws InputError when the text is damaged or of another version. */
export function readResult(text: string, what: string): ClaimResult {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new InputError(`${what} is not valid JSON; delete it and run the claim again.`);
  }
  const parsed = resultSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0];
  throw new InputError(`${what}: '${path.join('.')}' is wrong: ${message}; delete it and run the claim again.`);
}

/**
 * Runs every claim in turn. One whose stored result has the same seed and at least the same size is not measured again unless `again`;
 * damaged results are. What is done stays done when the run is interrupted.
 */
export async function runAll(
  options: MeasureOptions & {
    store: ClaimStore;
    again?: boolean;
    among?: readonly Claim[];
    /** Called before each claim; `kept` when its stored result is taken. */
    onClaim?: (state: { slug: string; done: number; total: number; kept: boolean }) => void;
  },
): Promise<ClaimResult[]> {
  const { store, among = claims, again = false, onClaim, signal } = options;
  const results: ClaimResult[] = [];
  for (const { slug } of among) {
    signal?.throwIfAborted();
    const stored = again ? undefined : await storedResult(store, slug, options);
    onClaim?.({ slug, done: results.length, total: among.length, kept: stored !== undefined });
    results.push(stored ?? (await runClaim(slug, options)));
  }
  return results;
}

const sizeOf = (size: MeasureOptions['size']): number => claimSizes.indexOf(size);

async function storedResult(
  store: ClaimStore,
  slug: string,
  { size, seed }: MeasureOptions,
): Promise<ClaimResult | undefined> {
  const text = await store.read(slug);
  if (text === undefined) return undefined;
  try {
    const result = readResult(text, slug);
    return result.slug === slug && sizeOf(result.size) >= sizeOf(size) && result.seed === seed ? result : undefined;
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** The text of `docs/claims.md`: every claim with its paper, and what its latest run found. */
export function claimsPage(results: readonly ClaimResult[], among: readonly Claim[] = claims): string {
  const byFamily = [...new Set(among.map((c) => c.family))].sort();
  const section = (claim: Claim): string => {
    const { title, authors, year, url, reports } = claim.paper;
    const result = results.find((r) => r.slug === claim.slug);
    const found = result
      ? `${result.holds ? '**Holds**' : '**Does not hold**'} (size ${result.size}, seed ${result.seed}): ${result.why}.`
      : 'Not run yet.';
    const paper = `${authors} (${year}), ${url ? `[${title}](${url})` : title}.`;
    return [
      `### ${claim.slug}`,
      claim.says,
      `Paper: ${paper} ${reports}`,
      found,
      ...(result ? [markdownTable(result.rows)] : []),
    ].join('\n\n');
  };
  const held = results.filter((r) => r.holds).length;
  return [
    '# Claims',
    'One runnable experiment per paper: `filigree claim SLUG --size smoke|quick|full` measures it again. Figures are means over seeds, ' +
      'with the least and the greatest; lines marked prototype are those of a separate double-precision prototype of the same setting.',
    `${held} of ${among.length} hold.`,
    ...byFamily.flatMap((family) => [`## ${family}`, ...among.filter((c) => c.family === family).map(section)]),
    '',
  ].join('\n\n');
}
