import { InputError } from 'filigree';
import { describe, expect, it } from 'vitest';
import { type Claim, type Row, Stages, verdict } from './claim.js';
import { type ClaimStore, claimsPage, findClaim, readResult, runAll, runClaim } from './run.js';
import { textTable } from './table.js';

/** A claim that counts how often it was measured. */
function counted(slug: string, rows: Row[] = [{ setting: 'here', method: 'ours', figures: { x: 1 }, seed: 0 }]) {
  const state = { runs: 0 };
  const claim: Claim = {
    slug,
    family: 'discovery',
    paper: { title: 'On X', authors: 'Someone', year: 2020, reports: 'x is one.' },
    says: 'x is one.',
    measure: async () => {
      state.runs++;
      return rows;
    },
    holds: (found) => verdict([{ ok: found[0].figures['x'] === 1, text: 'x = 1' }]),
  };
  return { claim, state };
}

function memoryStore(files = new Map<string, string>()): ClaimStore & { files: Map<string, string> } {
  return {
    files,
    read: async (slug) => files.get(slug),
    write: async (slug, text) => void files.set(slug, text),
  };
}

const options = { size: 'smoke', seed: 3 } as const;

describe('running claims', () => {
  it('names the nearest claim for an unknown slug', async () => {
    expect(() => findClaim('eap-gi')).toThrow(InputError);
    expect(() => findClaim('eap-gi')).toThrow(/Did you mean "eap-ig"\?/);
    await expect(runClaim('nothing like it', options)).rejects.toThrow(/The claims are eap-ig/);
    await expect(runClaim('eap-ig', { size: 'smoke', seed: -1 })).rejects.toThrow(/seed/);
  });

  it('writes a result that reads back the same', async () => {
    const { claim } = counted('a');
    const store = memoryStore();
    const result = await runClaim('a', { ...options, store, among: [claim] });
    expect(result).toMatchObject({ slug: 'a', size: 'smoke', seed: 3, holds: true, why: 'x = 1' });
    expect(readResult(store.files.get('a')!, 'a.json')).toEqual(result);
  });

  it('resumes: what is stored for the same size and seed is not measured again', async () => {
    const [a, b] = [counted('a'), counted('b')];
    const among = [a.claim, b.claim];
    const store = memoryStore();
    await runClaim('a', { ...options, store, among });
    const kept: boolean[] = [];
    const results = await runAll({ ...options, store, among, onClaim: (s) => kept.push(s.kept) });
    expect(results.map((r) => r.slug)).toEqual(['a', 'b']);
    expect(kept).toEqual([true, false]);
    expect([a.state.runs, b.state.runs]).toEqual([1, 1]);
    await runAll({ ...options, seed: 4, store, among });
    expect([a.state.runs, b.state.runs]).toEqual([2, 2]);
    await runAll({ ...options, seed: 4, store, among, again: true });
    expect([a.state.runs, b.state.runs]).toEqual([3, 3]);
    // A larger one counts too, a smaller one does not.
    await runAll({ ...options, size: 'quick', seed: 4, store, among });
    expect([a.state.runs, b.state.runs]).toEqual([4, 4]);
    await runAll({ ...options, seed: 4, store, among });
    expect([a.state.runs, b.state.runs]).toEqual([4, 4]);
  });

  it('measures again what was stored damaged', async () => {
    const { claim, state } = counted('a');
    for (const text of ['{', '{}', '{"format":"filigree-claim","version":2}']) {
      await runAll({ ...options, store: memoryStore(new Map([['a', text]])), among: [claim] });
    }
    expect(state.runs).toBe(3);
    expect(() => readResult('{', 'a.json')).toThrow(/a\.json is not valid JSON/);
    expect(() => readResult('{"format":"x"}', 'a.json')).toThrow(/'format' is wrong/);
  });

  it('stops between claims and keeps what is done', async () => {
    const controller = new AbortController();
    const [a, b] = [counted('a'), counted('b')];
    const store = memoryStore();
    const onClaim = ({ slug }: { slug: string }): void => {
      if (slug === 'b') controller.abort();
    };
    const measure: Claim['measure'] = async ({ signal }) => {
      signal?.throwIfAborted();
      return b.claim.measure(options);
    };
    const among = [a.claim, { ...b.claim, measure }];
    await expect(runAll({ ...options, store, among, signal: controller.signal, onClaim })).rejects.toThrow(/abort/);
    expect([...store.files.keys()]).toEqual(['a']);
  });

  it('refuses figures that are not numbers', async () => {
    const { claim } = counted('a', [{ setting: 'here', method: 'ours', figures: { x: Number.NaN }, seed: 0 }]);
    const store = memoryStore();
    await expect(runClaim('a', { ...options, store, among: [claim] })).rejects.toThrow(/'x' of ours \(here\)/);
    expect(store.files.size).toBe(0);
  });
});

const rows: Row[] = [
  { setting: 'planted', method: 'EAP', baseline: true, figures: { AUC: 0.8 }, seed: 0, prototype: { AUC: 0.84 } },
  { setting: 'planted', method: 'EAP', baseline: true, figures: { AUC: 0.9 }, seed: 1, prototype: { AUC: 0.84 } },
  { setting: 'planted', method: 'EAP-IG', figures: { AUC: 1, steps: 5 }, seed: 0, paper: { AUC: 'high' } },
  { setting: 'model', method: 'all', figures: {}, seed: 0, note: 'not measured: it is not here' },
];

describe('the report', () => {
  it('puts our figures, averaged over seeds, beside those of others', () => {
    expect(textTable(rows)).toBe(
      [
        'planted (seeds 0, 1)',
        'method                           AUC  steps',
        'EAP (baseline)  0.850 (0.800..0.900)',
        '  prototype                     0.84',
        'EAP-IG                             1      5',
        '  paper                         high',
        '',
        'model (seed 0)',
        'not measured: it is not here',
      ].join('\n'),
    );
  });

  it('makes a page of all claims, run or not', async () => {
    const [a, b] = [counted('a'), counted('b')];
    const result = await runClaim('a', { ...options, among: [a.claim] });
    const page = claimsPage([result], [a.claim, b.claim]);
    expect(page).toContain('1 of 2 hold.');
    expect(page).toContain('**Holds** (size smoke, seed 3): x = 1.');
    expect(page).toContain('| method | x |\n| --- | ---: |\n| ours | 1 |');
    expect(page).toContain('### b\n\nx is one.\n\nPaper: Someone (2020), On X. x is one.\n\nNot run yet.');
  });
});

describe('stages', () => {
  it('count a stage in parts, and skipped ones as done', async () => {
    const seen: number[] = [];
    const stages = new Stages({ onProgress: ({ done }) => seen.push(done) }, 4);
    await stages.run(async ({ onProgress }) => onProgress?.({ done: 1, total: 4, unit: 'pairs' }));
    stages.skip(2);
    await stages.run(async () => undefined);
    expect(seen).toEqual([0.25, 1, 4]);
  });
});
