import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filigree, json, readJson, root, start, withFolder } from './command.js';

const model = 'fixtures/tiny-llama';
const pairs = 'fixtures/expected/tiny-llama-pairs.jsonl';
const rows = readFileSync(join(root, pairs), 'utf8').trim().split('\n');

interface Scores {
  sources: string[];
  destinations: string[];
  scores: (number | null)[][];
  metric: { clean: number; corrupt: number };
  method: string;
}

interface Evaluation {
  clean: number;
  corrupt: number;
  empty: number;
  sizes: number[];
  kept: number[];
  metric: number[];
  faithfulness: number[];
  completeness: number[];
  cpr: number | null;
  cmd: number | null;
}

const evaluationKeys =
  'clean corrupt empty ablation ranking sizes metric faithfulness completeness cpr cmd kept interval random'.split(' ');

describe('tokenizer', () => {
  it('trains on texts, and refuses what it cannot do in one line', () =>
    withFolder(async (folder) => {
      const [text, out] = [join(folder, 'a.py'), join(folder, 'made')];
      writeFileSync(text, 'def f(a):\n    a.add(1)\n    return [[a]]\n'.repeat(20));
      expect(await json('tokenizer', folder, '--kind', 'programs', '--size', '270', '--out', out)).toMatchObject({
        tokens: 270,
      });
      expect(readdirSync(out).sort()).toEqual(['tokenizer.json', 'tokenizer_config.json']);
      const { model } = JSON.parse(readFileSync(join(out, 'tokenizer.json'), 'utf8'));
      expect(model.vocab['.add']).toBeDefined();
      for (const [args, said] of [
        [['--recipe', 'mix4', '--size', '600'], /a recipe says its own/],
        [[], /either text files and folders, or --recipe/],
        [[join(folder, 'b.py')], /there is no such file/],
      ] as const) {
        const ran = await filigree('tokenizer', ...args, '--out', out);
        expect([ran.code, ran.stderr.trim().split('\n').length]).toEqual([2, 1]);
        expect(ran.stderr).toMatch(said);
      }
    }));
});

describe('discover', () => {
  it('writes the scores that an independent implementation has', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'scores.json');
      await json('discover', model, '--task', pairs, '--scores', file);
      const expected = readJson<Scores>('fixtures/expected/tiny-llama-scores.json');
      const found = JSON.parse(readFileSync(file, 'utf8')) as Scores;
      expect(Object.keys(found)).toEqual(['sources', 'destinations', 'scores', 'metric', 'method']);
      expect([found.sources, found.destinations]).toEqual([expected.sources, expected.destinations]);
      expect(found.method).toBe('eap-ig');
      expect(found.metric.clean).toBeCloseTo(expected.metric.clean, 4);
      expect(found.metric.corrupt).toBeCloseTo(expected.metric.corrupt, 4);
      found.scores.forEach((row, s) => {
        row.forEach((score, d) => {
          const wanted = expected.scores[s][d];
          if (wanted === null || score === null) expect(score).toBe(wanted);
          else expect(Math.abs(score - wanted)).toBeLessThan(1e-3 * Math.max(Math.abs(wanted), 0.05));
        });
      });
    }));

  it('writes a circuit and a page, and says the same in a table', () =>
    withFolder(async (folder) => {
      const [circuit, page] = [join(folder, 'a.circuit.json'), join(folder, 'a.html')];
      const ran = await filigree(
        ...['discover', model, '--task', pairs, '--size', '20', '--no-prune', '--out', circuit, '--report', page],
      );
      expect(ran.code, ran.stderr).toBe(0);
      expect(ran.stdout).toContain('the circuit: 20 of 110 edges');
      expect(ran.stdout).toMatch(/\* +20 +20 +-?\d/);
      expect(ran.stderr).toContain('judged on the pairs it was found on');
      const file = JSON.parse(readFileSync(circuit, 'utf8'));
      expect(file.edges.kept.filter(Boolean).length).toBe(20);
      expect(file.provenance).toMatchObject({ model: 'tiny-llama', task: 'tiny-llama-pairs.jsonl', method: 'eap-ig' });
      expect(file.provenance.options).toMatchObject({ steps: 5, rule: 'right', select: 'top', size: 20, pairs: 6 });
      expect(readFileSync(page, 'utf8')).toContain('20 of 110 edges');
      expect(readdirSync(folder).sort()).toEqual(['a.circuit.json', 'a.html']);

      const info = await json<{ kept: number; model: string }>('info', circuit);
      expect(info).toMatchObject({ kept: 20, model: 'tiny-llama', edges: 110 });
      const again = await json<Evaluation>('evaluate', model, '--task', pairs, '--circuit', circuit);
      expect(again).toMatchObject({ sizes: [20], cpr: null, cmd: null });
    }));

  it('finds on one half of a file and judges on the other, differently by seed', async () => {
    const of = async (seed: string) =>
      json<{ pairs: { discovery: { count: number }; evaluation: { count: number } }; circuit: Evaluation }>(
        ...['discover', model, '--task', pairs, '--size', '20', '--split', '--seed', seed],
      );
    const [a, b] = [await of('0'), await of('1')];
    expect(a.pairs).toMatchObject({ discovery: { count: 3 }, evaluation: { count: 3 } });
    expect(a.circuit.clean).not.toBe(b.circuit.clean);
  });

  it('ranks by any method, and cuts by threshold', async () => {
    for (const method of ['exact', 'eap']) {
      const found = await json<{ circuit: { edges: { edge: string; score: number }[] } }>(
        ...['discover', model, '--task', pairs, '--method', method, '--tau', '0.8', '--no-prune'],
      );
      const expected =
        method === 'eap'
          ? readJson<{ scores: Record<string, [string, number][]> }>('fixtures/expected/tiny-llama-attribution.json')
              .scores['eap']
          : readJson<{ exact: [string, number][] }>('fixtures/expected/tiny-llama-evaluation.json').exact;
      const strong = expected.filter(([, score]) => Math.abs(score) >= 0.8).slice(0, 10);
      const size = ([, a]: [string, number], [, b]: [string, number]) => Math.abs(b) - Math.abs(a);
      expect(found.circuit.edges.map(({ edge }) => edge)).toEqual(strong.sort(size).map(([edge]) => edge));
    }
  });
});

describe('evaluate', () => {
  const scores = 'fixtures/expected/tiny-llama-scores.json';

  it('gives the agreed keys, and the agreed metric of a known circuit', async () => {
    const sized = await json<Evaluation>(
      ...['evaluate', model, '--task', pairs, '--scores', scores, '--sizes', '0,10,110', '--no-prune'],
    );
    expect(Object.keys(sized)).toEqual(evaluationKeys);
    const { sets } = readJson<{ sets: { name: string; metric: number }[] }>(
      'fixtures/expected/tiny-llama-evaluation.json',
    );
    const known = (name: string) => sets.find((set) => set.name === name)!.metric;
    expect(sized).toMatchObject({ sizes: [0, 10, 110], kept: [0, 10, 110], cpr: null, cmd: null });
    expect(sized.metric[0]).toBeCloseTo(known('nothing kept'), 3);
    expect(sized.metric[1]).toBeCloseTo(known('10 largest of eap-ig-right'), 3);
    expect(sized.metric[2]).toBeCloseTo(known('nothing cut'), 3);
    expect(sized.clean).toBeCloseTo(sized.metric[2], 4);
    expect(sized.empty).toBeCloseTo(sized.corrupt, 4);
    expect(sized.faithfulness[2]).toBeCloseTo(1, 4);

    const signed = await json<Evaluation & { ranking: string }>(
      ...['evaluate', model, '--task', pairs, '--scores', scores, '--sizes', '10', '--ranking', 'signed'],
    );
    expect(signed.metric[0]).toBeCloseTo(known('10 most helpful of eap-ig-right'), 3);
    expect(signed.ranking).toBe('signed');
  });

  it('measures the ten shares of all edges, with both areas, unless sizes are given', async () => {
    const all = await json<Evaluation>('evaluate', model, '--task', pairs, '--scores', scores, '--random', '0');
    expect(all.sizes).toEqual([1, 1, 1, 1, 2, 6, 11, 22, 55, 110]);
    expect(all.cpr).toEqual(expect.any(Number));
    expect(all.cmd).toEqual(expect.any(Number));
  });

  it('gives the same numbers on one thread, on two, and in little memory', async () => {
    const args = ['evaluate', model, '--task', pairs, '--scores', scores, '--sizes', '10,50'];
    const one = await json<Evaluation>(...args, '--threads', '1');
    expect(await json<Evaluation>(...args, '--threads', '2')).toEqual(one);
    const small = await json<Evaluation>(...args, '--memory', '4M');
    small.metric.forEach((value, i) => {
      expect(value).toBeCloseTo(one.metric[i], 4);
    });
  });
});

describe('the other commands', () => {
  it('info says what a model is', async () => {
    const info = await json<Record<string, unknown>>('info', model);
    expect(info).toMatchObject({
      architecture: 'llama',
      layers: 2,
      heads: 4,
      kvHeads: 4,
      width: 32,
      vocabulary: 72,
      context: 64,
      edges: 110,
      // Two embeddings, five norms, and per layer four maps of attention and three of the MLP.
      parameters: 2 * 72 * 32 + 5 * 32 + 2 * (4 * 32 * 32 + 3 * 32 * 80),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect((await filigree('info', model)).stdout).toMatch(/edges +110\n/);
  });

  it.each(['tiny-llama', 'tiny-gpt2', 'tiny-mistral', 'tiny-qwen2'])(
    'logits of %s are those of PyTorch',
    async (name) => {
      const { ids, logits } = readJson<{ ids: number[]; logits: number[] }>(`fixtures/${name}/expected.json`);
      const found = await json<{ logits: number[] }>('logits', `fixtures/${name}`, '--ids', ids.join(','));
      expect(found.logits.length).toBe(logits.length);
      const worst = Math.max(...logits.map((value, i) => Math.abs(value - found.logits[i])));
      expect(worst).toBeLessThan(1e-4);
    },
  );

  it('generate continues a prompt: always alike by default, as the seed says when drawing', async () => {
    const of = (...args: string[]) =>
      json<{ prompt: string; text: string; ids: number[] }>(
        ...['generate', 'fixtures/tiny-gpt2', '--prompt', 'the', '--length', '12', ...args],
      );
    const greedy = await of();
    expect(greedy).toMatchObject({ prompt: 'the', text: expect.any(String) });
    expect(greedy.ids.length).toBeGreaterThan(0);
    expect(greedy.ids.length).toBeLessThanOrEqual(12);
    expect(await of('--temperature', '0')).toEqual(greedy);
    const drawn = await of('--seed', '1');
    expect(await of('--seed', '1')).toEqual(drawn);
    expect((await of('--seed', '2')).ids).not.toEqual(drawn.ids);
    expect((await of('--seed', '1', '--top-k', '1')).ids).toEqual(greedy.ids);
    const plain = await filigree('generate', 'fixtures/tiny-gpt2', '--prompt', 'the', '--length', '12');
    expect(plain.stdout).toBe(`the${greedy.text}\n`);
  });

  it('tasks lists what is built in', async () => {
    const { tasks } = await json<{ tasks: { name: string; example: { clean: string } }[] }>('tasks');
    expect(tasks.map(({ name }) => name)).toEqual([
      'pronoun',
      'induction',
      'bracket',
      'quote',
      'ioi',
      'ioi-hard',
      'ioi-abc-all',
      'greater-than',
      'docstring',
      'gender',
      'agreement-simple',
      'agreement-noun-pp',
      'agreement-across-rc',
      'agreement-within-rc',
      'single_double_quote',
      'bracket_counting',
      'set_or_string',
      'set_or_string_fixedvarname',
      'class_init',
      'final_kwarg',
      'with_as',
      'with_open',
    ]);
    for (const { example } of tasks) expect(example.clean).not.toBe('');
  });

  it('says what it can do', async () => {
    for (const args of [[], ['--help'], ['help', 'discover'], ['evaluate', '--help'], ['--version']]) {
      const { code, stdout, stderr } = await filigree(...args);
      expect([code, stderr], args.join(' ')).toEqual([0, '']);
      expect(stdout).not.toBe('');
    }
  });
});

describe('interrupting', () => {
  it('ends with 130 and leaves no file', () =>
    withFolder(async (folder) => {
      const many = join(folder, 'many.jsonl');
      // Rows that differ, as alike ones would not be split.
      const copies = Array.from({ length: 3000 }, (_, i) => {
        const row = JSON.parse(rows[i % rows.length]) as { clean_ids: number[]; corrupt_ids: number[] };
        const first = [i % 70, Math.floor(i / 70)];
        return JSON.stringify({
          ...row,
          clean_ids: [...first, ...row.clean_ids],
          corrupt_ids: [...first, ...row.corrupt_ids],
        });
      });
      writeFileSync(many, copies.join('\n'));
      const outputs = [
        '--out',
        join(folder, 'a.json'),
        '--scores',
        join(folder, 'b.json'),
        '--report',
        join(folder, 'c'),
      ];
      const { child, ended } = start(['discover', model, '--task', many, '--split', '--method', 'exact', ...outputs]);
      // The first line of progress says that scoring is under way.
      await new Promise((resolve) => child.stderr.once('data', resolve));
      child.kill('SIGINT');
      const { code, stdout, stderr } = await ended;
      expect(stderr).toContain('scoring by exact');
      expect(stderr).toMatch(/pairs\/s|edges\/s/);
      expect([code, stdout]).toEqual([130, '']);
      expect(readdirSync(folder)).toEqual(['many.jsonl']);
      expect(existsSync(join(folder, 'a.json'))).toBe(false);
    }));
});
