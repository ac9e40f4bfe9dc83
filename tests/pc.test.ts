import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filigree, json, root, withFolder } from './command.js';

const shared = process.env.FILIGREE_SHARED ?? join(root, '../shared');
const zoo = (name: string): string => join(shared, 'data/zoo', name);
const present = existsSync(zoo('nltcs.psdd'));
if (!present) console.warn(`skipped: there is no ${zoo('nltcs.psdd')}`);

/** Two variables: x1 is 1 in three rows of ten; x2 copies x1 with chance 0.8. */
const psdd = `psdd 5
L 0 0 1
L 1 0 -1
T 2 1 2 ${Math.log(0.8)}
T 3 1 2 ${Math.log(0.2)}
D 4 2 2 0 2 ${Math.log(0.3)} 1 3 ${Math.log(0.7)}
`;
const vtree = 'vtree 3\nL 0 1\nL 1 2\nI 2 0 1\n';
/** The same distribution as a mixture, which is not deterministic. */
const jpc = `jpc 6
C 0 0 1 -Inf 0
C 1 0 1 0 -Inf
C 2 1 2 ${Math.log(0.2)} ${Math.log(0.8)}
C 3 1 2 ${Math.log(0.5)} ${Math.log(0.5)}
P 4 2 2 0 2
P 5 2 2 1 3
S 6 2 3 4 ${Math.log(0.3)} 5 ${Math.log(0.6)} 5 ${Math.log(0.1)}
`;

async function withFiles(use: (at: (name: string) => string) => Promise<void>): Promise<void> {
  await withFolder(async (folder) => {
    const at = (name: string): string => join(folder, name);
    const files = { 'a.psdd': psdd, 'a.vtree': vtree, 'a.jpc': jpc, 'a.data': '1,1\n0,0\n1,\n' };
    for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text);
    await use(at);
  });
}

describe('pc', () => {
  it('answers as arithmetic on a small circuit does', () =>
    withFiles(async (at) => {
      const on = (command: string, ...more: string[]) =>
        json<Record<string, unknown>>('pc', command, at('a.psdd'), ...more);
      const rows = [0.3 * 0.8, 0.7 * 0.8, 0.3].map(Math.log);
      const close = (x: number): unknown => expect.closeTo(x, 9);
      expect(await on('loglik', '--data', at('a.data'), '--vtree', at('a.vtree'))).toEqual({
        rows: 3,
        mean: close((rows[0] + rows[1] + rows[2]) / 3),
        first: close(rows[0]),
      });
      expect(await on('loglik', '--data', at('a.data'), '--limit', '1', '--marginalise', '1')).toEqual({
        rows: 1,
        mean: close(Math.log(0.38)),
        first: close(Math.log(0.38)),
      });
      const h = (p: number): number => -p * Math.log(p) - (1 - p) * Math.log(1 - p);
      expect(await on('entropy')).toEqual({ entropy: close(h(0.3) + h(0.2)) });
      expect(await on('map')).toEqual({ log: close(Math.log(0.56)), state: [0, 0], exact: true });
      expect(await on('map', '--evidence', '2=1')).toEqual({ log: close(Math.log(0.24)), state: [1, 1], exact: true });
      expect(await on('query', '--evidence', '2=1')).toEqual({ log: close(Math.log(0.38)) });
      expect(await on('query', '--query', '1=1', '--evidence', '2=1')).toEqual({ log: close(Math.log(0.24 / 0.38)) });
      expect(await json('pc', 'kl', at('a.psdd'), at('a.psdd'))).toEqual({ kl: close(0) });
      expect(await on('properties')).toEqual({
        smooth: true,
        decomposable: true,
        structuredDecomposable: true,
        deterministic: true,
        why: [],
      });
      expect(await on('info')).toEqual({ variables: 2, units: 7, inputs: 4, products: 2, sums: 1, edges: 6 });
    }));

  it('says what a circuit that is not deterministic cannot answer', () =>
    withFiles(async (at) => {
      const { exact, state } = await json<{ exact: boolean; state: number[] }>('pc', 'map', at('a.jpc'));
      expect([exact, state]).toEqual([false, [0, 0]]);
      const refused = await filigree('pc', 'entropy', at('a.jpc'));
      expect(refused.code).toBe(2);
      expect(refused.stderr).toBe(
        'filigree: The entropy is exact only of deterministic circuits, and sum unit 6 has children that share rows; --samples 10000 estimates it.\n',
      );
    }));

  it('learns, writes what it learned, and samples from it', () =>
    withFiles(async (at) => {
      const rows = await filigree(
        'pc',
        'sample',
        at('a.psdd'),
        '--rows',
        '400',
        '--seed',
        '3',
        '--out',
        at('train.data'),
      );
      expect(rows.code).toBe(0);
      for (const structure of ['hclt', 'clt']) {
        const out = at(`${structure}.jpc`);
        const more = ['--structure', structure, '--latents', '2', '--seed', '3', '--out', out];
        const tables = ['--valid', at('train.data'), '--test', at('a.data')];
        const learned = await json<Record<string, number>>('pc', 'learn', at('train.data'), ...tables, ...more);
        expect(Object.keys(learned)).toEqual(['train', 'valid', 'test', 'edges', 'seconds']);
        // What the truth has: minus its entropy.
        expect(Math.abs(learned['train'] + 1.111)).toBeLessThan(0.05);
        const again = await json<{ mean: number }>('pc', 'loglik', out, '--data', at('train.data'));
        // Measured in f32 with exponents there, in f64 here.
        expect(again.mean).toBeCloseTo(learned['train'], 5);
      }
      const shown = await filigree('pc', 'sample', at('hclt.jpc'), '--rows', '5', '--evidence', '1=1');
      expect(shown.stdout).toMatch(/^(1,[01]\n){5}$/);
    }));

  it('answers with soft evidence, weights, moments and classes', () =>
    withFiles(async (at) => {
      const close = (x: number): unknown => expect.closeTo(x, 9);
      const joint = [0.7 * 0.8, 0.7 * 0.2, 0.3 * 0.2, 0.3 * 0.8];
      const soft = joint.map((p, i) => p * (i % 2 ? 0.9 : 0.3));
      const all = soft.reduce((a, b) => a + b, 0);
      const ask = (...more: string[]) => json('pc', 'query', at('a.psdd'), ...more);
      expect(await ask('--soft', '2=0.3:0.9')).toEqual({ log: close(Math.log(all)) });
      expect(await ask('--soft', '2=0.3:0.9', '--query', '1=1')).toEqual({
        log: close(Math.log((soft[2] + soft[3]) / all)),
      });
      writeFileSync(at('w.cnf'), 'c p weight 1 2 0\nc p weight -2 0.5 0\np cnf 2 0\n');
      const counted = joint.reduce((sum, p, i) => sum + p * (i >= 2 ? 2 : 1) * (i % 2 ? 1 : 0.5), 0);
      expect(await ask('--weights', at('w.cnf'))).toEqual({ log: close(Math.log(counted)) });
      expect(await json('pc', 'moments', at('a.psdd'), '--evidence', '1=1')).toEqual({
        mean: [1, close(0.8)],
        variance: [0, close(0.16)],
      });
      writeFileSync(at('rows.data'), '1,0\n0,1\n1,1\n');
      const classes = await json('pc', 'classify', at('a.psdd'), '--data', at('rows.data'), '--class', '1');
      expect(classes).toEqual({ rows: 3, accuracy: close(1 / 3), classes: [0, 1, 1] });
    }));

  it('learns from CSV with names, words, real numbers and missing cells, and remembers the words', () =>
    withFiles(async (at) => {
      const rows = Array.from(
        { length: 120 },
        (_, i) => `${i % 3 ? 'red' : 'blue'},${i % 7 ? (i % 3 ? 2.5 : -1) + (i % 5) / 9 : ''},${i % 2}`,
      );
      writeFileSync(at('t.csv'), `colour,size,n\n${rows.join('\n')}\n`);
      await json('pc', 'learn', at('t.csv'), '--latents', '2', '--epochs', '20', '--out', at('t.fpc'));
      writeFileSync(at('u.csv'), 'colour,size,n\nred,2.7,1\nblue,-0.9,0\n');
      const classes = await json('pc', 'classify', at('t.fpc'), '--data', at('u.csv'), '--class', '1');
      expect(classes).toEqual({ rows: 2, accuracy: 1, classes: [1, 0] });
      const drawn = await filigree('pc', 'sample', at('t.fpc'), '--rows', '5', '--evidence', 'colour=blue');
      expect(drawn.stdout).toMatch(/^colour,size,n\n(blue,-?[\d.]+,[01]\n){5}$/);
      // What is made of a circuit keeps its words.
      await json('pc', 'prune', at('t.fpc'), '--data', at('t.csv'), '--epochs', '1', '--out', at('p.fpc'));
      const again = await filigree('pc', 'classify', at('p.fpc'), '--data', at('u.csv'), '--class', 'colour');
      expect(again.stdout).toBe('red\nblue\n');
      writeFileSync(at('v.csv'), 'colour,size,n\ngreen,2.7,1\nred,1,1\n');
      const ran = await filigree('pc', 'loglik', at('t.fpc'), '--data', at('v.csv'));
      expect([ran.code, ran.stderr]).toEqual([
        2,
        expect.stringContaining('row 1, column 1: "green" is none of "blue", "red"'),
      ]);
    }));

  it('compresses any file and gives it back, with the circuit beside it or inside', () =>
    withFiles(async (at) => {
      const rows = Array.from({ length: 300 }, (_, i) => ((i * 7) % 10 < 3 ? '1,1' : '0,0')).join('\n');
      const circuit = ['--circuit', at('a.psdd'), '--vtree', at('a.vtree')];
      const cases: [name: string, text: string, pack: string[], unpack: string[], layout: string][] = [
        ['words', 'no table at all', ['--embed'], [], 'bits'],
        ['table', `${rows}\n`, [], circuit, 'table'],
      ];
      for (const [name, text, pack, unpack, layout] of cases) {
        writeFileSync(at(name), text);
        const out = at(`${name}.fz`);
        const made = await json<{ compressed: number; layout: string }>(
          'compress',
          at(name),
          ...circuit,
          '--out',
          out,
          ...pack,
        );
        expect(made.layout).toBe(layout);
        if (name === 'table') expect(made.compressed).toBeLessThan(200);
        await json('decompress', out, '--out', at('back'), ...unpack);
        expect(readFileSync(at('back'), 'utf8')).toBe(text);
      }
      const packed = at('table.fz');
      const refuse = async (message: string, ...args: string[]): Promise<void> => {
        const ran = await filigree('decompress', ...args, '--out', at('none'));
        expect([ran.code, ran.stdout]).toEqual([2, '']);
        expect(ran.stderr).toMatch(/^filigree: .*\n$/);
        expect(ran.stderr).toContain(message);
        expect(() => readFileSync(at('none'))).toThrow();
      };
      await refuse('does not carry its circuit', packed);
      await refuse('was compressed with another circuit', packed, '--circuit', at('a.jpc'));
      writeFileSync(at('cut.fz'), readFileSync(packed).subarray(0, -9));
      await refuse('is cut short', at('cut.fz'), '--circuit', at('a.psdd'));
      await refuse('is not a file that filigree compress wrote', at('table'));
    }));

  it('draws a circuit like any other, and writes it in its own format', () =>
    withFiles(async (at) => {
      expect(await json('pc', 'draw', at('a.psdd'), at('a.circuit.json'))).toMatchObject({
        nodes: 7,
        edges: 6,
        kept: 6,
      });
      const graph = JSON.parse(readFileSync(at('a.circuit.json'), 'utf8')) as {
        kind: string;
        nodes: { label: string[] };
      };
      expect([graph.kind, graph.nodes.label[0]]).toEqual(['probabilistic', 'x1=1']);
      expect((await filigree('convert', at('a.circuit.json'), at('a.dot'))).code).toBe(0);
      expect(readFileSync(at('a.dot'), 'utf8')).toContain('digraph');
      expect((await filigree('convert', at('a.psdd'), at('a.svg'))).code).toBe(0);
      expect(readFileSync(at('a.svg'), 'utf8')).toMatch(/^<svg [\s\S]*x2 0.8[\s\S]*<\/svg>\n$/);
      expect((await filigree('pc', 'draw', at('a.psdd'), at('a.png'), '--edges', '3')).code).toBe(0);
      expect(readFileSync(at('a.png')).subarray(1, 4).toString()).toBe('PNG');
      expect((await filigree('pc', 'convert', at('a.psdd'), at('a.fpc'))).code).toBe(0);
      const own = await json<{ mean: number }>(
        'pc',
        'loglik',
        at('a.fpc'),
        '--data',
        at('a.data'),
        '--vtree',
        at('a.vtree'),
      );
      expect(own).toEqual(await json('pc', 'loglik', at('a.psdd'), '--data', at('a.data')));
    }));

  it.each<[string[], string]>([
    [['loglik', 'a.psdd', '--data', 'bad.data'], 'row 2, column 2 is 2'],
    [['loglik', 'a.psdd', '--data', 'empty.data'], 'empty.data has no rows'],
    [['loglik', 'cut.psdd', '--data', 'a.data'], 'line 6 should have 2 elements of three words; it may be cut short'],
    [['loglik', 'a.psdd', '--data', 'a.data', '--marginalise', '3'], 'there is no variable "3"'],
    [['entropy', 'a.txt'], 'ends in .psdd, .sdd, .jpc, .nnf, .fpc'],
    [['entropy', 'absent.psdd'], 'there is no such file'],
    [['map', 'a.psdd', '--evidence', '1:1'], '--evidence must be variable=value'],
    [['query', 'a.psdd', '--soft', '2=0.3'], 'soft evidence of variable 2 has 1 numbers for 2 values'],
    [['classify', 'a.psdd', '--data', 'a.data', '--class', '4'], '--class: there is no variable "4"'],
    [['draw', 'a.psdd', 'x.bin'], 'end it in .svg, .png'],
    [['learn', 'bad.data', '--structure', 'hctl'], 'Did you mean hclt?'],
    [['learn', 'a.data', '--out', 'x.bin'], 'the name must end in .jpc'],
  ])('%s: refused in one line', ([command, file, ...more], message) =>
    withFiles(async (at) => {
      writeFileSync(at('bad.data'), '0,1\n0,2\n');
      writeFileSync(at('empty.data'), '');
      writeFileSync(at('cut.psdd'), psdd.slice(0, -24));
      const ran = await filigree(
        'pc',
        command,
        at(file),
        ...more.map((word) => (/\.(data|bin)$/.test(word) ? at(word) : word)),
      );
      expect(ran.code).toBe(2);
      expect(ran.stdout).toBe('');
      expect(ran.stderr).toMatch(/^filigree: .*\n$/);
      expect(ran.stderr).toContain(message);
      expect(() => readFileSync(at('x.bin'))).toThrow();
    }),
  );
});

describe.skipIf(!present)('pc on circuits of others', () => {
  it('gives the values that others measured', async () => {
    const nltcs = [zoo('nltcs.psdd'), '--vtree', zoo('nltcs.vtree')];
    const data = ['--data', join(shared, 'data/debd/nltcs.test.data')];
    const rows = await json<{ rows: number; mean: number; first: number }>('pc', 'loglik', ...nltcs, ...data);
    expect(rows).toEqual({ rows: 3236, mean: expect.closeTo(-6.044764, 5), first: expect.closeTo(-1.733486, 5) });
    const { kl } = await json<{ kl: number }>(
      'pc',
      'kl',
      zoo('nltcs.psdd'),
      zoo('nltcs.clt.psdd'),
      '--vtree',
      zoo('nltcs.vtree'),
    );
    expect(kl).toBeCloseTo(0.80002766, 6);
  });
});
