import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filigree, json, withFolder } from './command.js';

const model = 'fixtures/tiny-llama';
const pairs = 'fixtures/expected/tiny-llama-pairs.jsonl';
const scores = 'fixtures/expected/tiny-llama-scores.json';

interface Overlap {
  first: number;
  second: number;
  both: number;
  iou: number | null;
  rocAuc: number | null;
}

interface Comparison {
  edges: Overlap;
  nodes: Overlap;
  layers: (Overlap & { layer: string })[];
  kinds: (Overlap & { kind: string })[];
}

/** The metric of a circuit. */
const metricOf = async (circuit: string): Promise<number> =>
  (await json<{ metric: number[] }>('evaluate', model, '--task', pairs, '--circuit', circuit, '--random', '0'))
    .metric[0];

describe('convert and compare', () => {
  it(
    'take a circuit through the formats of others and back, to the same numbers',
    () =>
      withFolder(async (folder) => {
        const at = (name: string): string => join(folder, name);
        const found = at('found.circuit.json');
        await json('discover', model, '--task', pairs, '--size', '20', '--no-prune', '--out', found);
        const facts = await json<{ kept: number; edges: number }>('convert', found, at('x.mib.json'));
        expect(facts).toMatchObject({ from: { kind: 'circuit' }, to: { kind: 'mib' }, kept: 20 });
        const theirs = JSON.parse(readFileSync(at('x.mib.json'), 'utf8')) as {
          cfg: object;
          edges: Record<string, { score: number; in_graph: boolean }>;
        };
        expect(theirs.cfg).toEqual({ n_layers: 2, n_heads: 4, parallel_attn_mlp: false, d_model: 32 });
        expect(Object.keys(theirs.edges).length).toBe(facts.edges);
        await json('convert', found, at('x.graph.json'));
        const graph = await json<{ kept: number; edges: number }>(
          'convert',
          at('x.graph.json'),
          at('graph.circuit.json'),
        );
        expect([graph.kept, graph.edges]).toEqual([facts.kept, facts.kept]);
        await json('convert', at('x.mib.json'), at('back.circuit.json'));
        await json('convert', found, at('x.acdc.json'));
        await json('convert', at('x.acdc.json'), at('acdc.circuit.json'), '--model', model);
        const metric = await metricOf(found);
        expect(await metricOf(at('back.circuit.json'))).toBe(metric);
        expect(await metricOf(at('acdc.circuit.json'))).toBe(metric);

        const same = await json<Comparison>('compare', found, at('x.acdc.json'));
        expect(same.edges).toMatchObject({ first: 20, second: 20, both: 20, iou: 1, rocAuc: 1 });
        const back = await json<Comparison>('compare', at('back.circuit.json'), found);
        expect(back.edges).toMatchObject({ both: 20, rocAuc: 1 });
        const ranked = await json<Comparison>('compare', scores, found);
        // The scores are those that found the circuit, as an independent implementation gives them.
        expect(ranked.edges).toMatchObject({ first: 0, second: 20, rocAuc: 1 });
        expect(ranked.layers.reduce((sum, { second }) => sum + second, 0)).toBe(20);
        expect((await filigree('compare', scores, found)).stdout).toMatch(
          /only scores[\s\S]+B +ROC-AUC\n +edges +20 +1\.000\n/,
        );

        const signs = await json<Comparison>(
          'compare',
          at('x.mib.json'),
          found,
          '--ranking',
          'signed',
          '--sign',
          'as-is',
        );
        expect(signs.edges.rocAuc).toBeLessThan(1);
        for (const [name, start] of [
          ['x.svg', '<svg '],
          ['x.dot', 'digraph '],
        ]) {
          expect((await filigree('convert', at('x.acdc.json'), at(name))).stderr).toBe('');
          expect(readFileSync(at(name), 'utf8').startsWith(start)).toBe(true);
        }
        for (const theme of ['light', 'dark']) {
          await json('convert', found, at(`${theme}.png`), '--theme', theme);
          expect(
            readFileSync(at(`${theme}.png`))
              .subarray(1, 4)
              .toString(),
          ).toBe('PNG');
        }
        expect(readFileSync(at('light.png')).equals(readFileSync(at('dark.png')))).toBe(false);
        const table = await filigree('compare', found, at('x.mib.json'));
        expect(table.stdout).toMatch(/edges +20 +20 +20 +1\.00 +1\.00 +1\.00 +1\.000/);
      }),
    300_000,
  );

  it(
    'say in one line what is wrong, with exit code 2',
    () =>
      withFolder(async (folder) => {
        const at = (name: string, text: string): string => {
          writeFileSync(join(folder, name), text);
          return join(folder, name);
        };
        const edges = at('e.json', '[["blocks.1.hook_resid_post",[null],"hook_embed",[null]]]');
        const mistakes: [string[], RegExp][] = [
          [['convert', edges, join(folder, 'x.json')], /not clear from its name; end it in \.circuit\.json/],
          [['convert', edges, join(folder, 'x'), '--to', 'mibs'], /--to cannot be "mibs"\. Did you mean mib\?/],
          [
            ['convert', edges, join(folder, 'x.mib.json')],
            /e\.json does not say the shape of its model, .* with --model/,
          ],
          [['convert', edges, join(folder, 'no/x.svg')], /there is no folder/],
          [['convert', edges, join(folder, 'x.svg'), '--theme', 'dark'], /--theme goes with PNG; an SVG follows/],
          [['convert', edges, join(folder, 'x.svg'), '--sign', 'of'], /--sign cannot be "of"/],
          [['convert', scores, join(folder, 'x.svg')], /keeps no edges/],
          [['convert', at('z.json', '{}'), join(folder, 'x.svg')], /z\.json is no circuit/],
          [['compare', at('t.json', '[1'), edges], /t\.json is not valid JSON/],
          [['compare', edges], /missing required argument/],
          [['compare', edges, join(folder, 'gone.json')], /gone\.json: there is no such file/],
          [
            [
              'convert',
              at('a.json', '[["blocks.8.hook_resid_post",[null],"blocks.7.hook_mlp_out",[null]]]'),
              join(folder, 'x.mib.json'),
              '--model',
              model,
            ],
            /m7->logits, which this model does not have/,
          ],
        ];
        for (const [args, message] of mistakes) {
          const { code, stdout, stderr } = await filigree(...args);
          expect(stderr.trimEnd(), args.join(' ')).toMatch(message);
          expect(stderr.trimEnd().split('\n').length).toBe(1);
          expect([code, stdout]).toEqual([2, '']);
        }
      }),
    300_000,
  );
});
