import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTable, tableOf } from '../data/index.js';
import { InputError } from '../errors.js';
import { Random } from '../tensor/index.js';
import { sharedPath } from '../testing/fixtures.js';
import type { ProbabilisticCircuit } from './circuit.js';
import { readCnf, satisfies, weighted } from './cnf.js';
import { logLikelihood } from './evaluate.js';
import { logProbability } from './evidence.js';
import { readJpc, writeJpc } from './jpc.js';
import { readNnf } from './nnf.js';
import { checkProperties } from './properties.js';
import { readPsdd } from './psdd.js';
import { allStates, plainDistribution, randomCircuit } from './random.testing.js';
import { readSdd } from './sdd.js';
import { readVtree } from './vtree.js';

const vtree = `c a comment
vtree 5
L 0 1
L 1 2
I 2 0 1
L 3 3
I 4 2 3
`;
const psdd = `psdd 7
L 0 0 1
L 1 0 -1
T 2 1 2 -0.6931471805599453
L 3 1 -2
D 4 2 2 0 2 -1.2039728043259361 1 3 -0.35667494393873245
T 5 3 3 -1.6094379124341003
D 6 4 1 4 5 0
`;
/** x1 or x2, over the same vtree. */
const sdd = `sdd 8
L 0 0 1
L 1 0 -1
T 2
L 3 1 2
F 9
D 4 2 2 0 2 1 3
D 7 4 1 4 2
`;
const c2d = `nnf 7 6 3
L 1
L -1
L 2
A 2 1 2
O 1 2 0 3
A 0
A 2 4 5
`;
/** The same formula, as d4 writes it. */
const d4 = `o 1 0
o 2 0
t 3 0
1 2 0
2 3 1 0
2 3 -1 2 0
`;
const jpc = `jpc 5
L 0 0 1
C 1 0 1 -0.5 -1
I 2 1 2 2
S 3 0 2 0 -0.2 1 -3
P 4 2 2 3 2
`;

const values = (circuit: ProbabilisticCircuit): number[] => [...plainDistribution(circuit)];

describe('readers', () => {
  it('of PSDDs give the distribution that the lines say', () => {
    const [half, rest] = [0.5, 0.8];
    const circuit = readPsdd(psdd, 'a.psdd', readVtree(vtree, 'a.vtree'));
    const wanted = [
      0.7 * rest,
      0.7 * 0.2,
      0,
      0,
      0.3 * half * rest,
      0.3 * half * 0.2,
      0.3 * half * rest,
      0.3 * half * 0.2,
    ];
    expect(values(circuit)).toEqual(wanted.map((p) => expect.closeTo(p, 12)));
    expect(checkProperties(circuit).deterministic).toBe(true);
  });

  it('of logic give its models, and count them', () => {
    const models = [0, 0, 1, 1, 1, 1, 1, 1].map((p) => expect.closeTo(p, 12));
    for (const circuit of [
      readSdd(sdd, 'a.sdd', readVtree(vtree, 'a')),
      readNnf(c2d, 'a.nnf'),
      readNnf(d4, 'd4.nnf', 3),
    ]) {
      expect(values(circuit)).toEqual(models);
      expect(checkProperties(circuit)).toMatchObject({ smooth: true, decomposable: true, deterministic: true });
      expect(logProbability(circuit, new Map())).toBeCloseTo(Math.log(6), 12);
    }
    const cnf = readCnf('c x\np cnf 3 1\n1\n2 0\n', 'a.cnf');
    const states = allStates({ states: [2, 2, 2] });
    const found = Array.from({ length: 8 }, (_, r) => Number(satisfies(cnf, states.values.subarray(3 * r, 3 * r + 3))));
    expect(found).toEqual([0, 0, 1, 1, 1, 1, 1, 1]);
  });

  it('of constants: what is true has all models, what is false none', () => {
    expect(values(readNnf('nnf 1 0 2\nA 0\n', 'a'))).toEqual([1, 1, 1, 1].map((p) => expect.closeTo(p, 12)));
    expect(values(readNnf('nnf 1 0 2\nO 0 0\n', 'a'))).toEqual([0, 0, 0, 0]);
    expect(values(readSdd('sdd 1\nT 0\n', 'a', readVtree(vtree, 'a')))).toHaveLength(8);
  });

  it("of Juice's format read what is written, to the last digit", () => {
    const first = readJpc(jpc, 'a.jpc');
    expect([...first.states]).toEqual([2, 3]);
    const x0 = Math.exp(-3.5);
    expect(values(first)).toEqual([0, 0, x0, 0, 0, Math.exp(-0.2) + Math.exp(-4)].map((p) => expect.closeTo(p, 12)));
    fc.assert(
      fc.property(fc.nat(), fc.array(fc.constantFrom(2, 3), { minLength: 1, maxLength: 4 }), (seed, states) => {
        const circuit = randomCircuit({ states }, new Random(seed));
        const again = readJpc(writeJpc(circuit), 'a.jpc');
        expect(again.logWeight).toEqual(circuit.logWeight);
        expect(again.child).toEqual(circuit.child);
        // A variable whose third value no input speaks of is read back with two.
        if (String(again.states) === String(circuit.states)) expect(values(again)).toEqual(values(circuit));
      }),
    );
  });
});

describe('damaged files', () => {
  const readers: Record<string, [text: string, read: (text: string) => unknown]> = {
    vtree: [vtree, (text) => readVtree(text, 'f')],
    psdd: [psdd, (text) => readPsdd(text, 'f', readVtree(vtree, 'v'))],
    sdd: [sdd, (text) => readSdd(text, 'f', readVtree(vtree, 'v'))],
    c2d: [c2d, (text) => readNnf(text, 'f')],
    d4: [d4, (text) => readNnf(text, 'f')],
    cnf: ['p cnf 3 2\n1 -2 0\n2 3 0\n', (text) => readCnf(text, 'f')],
    jpc: [jpc, (text) => readJpc(text, 'f')],
    data: ['0,1,1\n1,,0\n', (text) => readTable(text, 'f')],
  };
  for (const [name, [text, read]] of Object.entries(readers)) {
    it(`${name}: read, or refused in one line`, () => {
      const edit = fc.record({
        at: fc.nat(text.length),
        cut: fc.nat(8),
        put: fc.string({ unit: fc.constantFrom(...'0123456789- LTDFAOSPICB\n.e,') }),
      });
      fc.assert(
        fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
          const spoilt = edits.reduce((all, { at, cut, put }) => all.slice(0, at) + put + all.slice(at + cut), text);
          try {
            read(spoilt);
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
            expect((error as Error).message).not.toContain('\n');
          }
        }),
        { numRuns: 400 },
      );
    });
  }

  it.each<[string, () => unknown, string]>([
    ['a node before it is defined', () => readPsdd('psdd 1\nD 0 2 1 1 2 0\n', 'f'), 'f: line 2 names node 1'],
    [
      'weights',
      () => readPsdd(psdd.replace('-1.2039728043259361', '-0.2'), 'f'),
      'line 6 has weights that sum to 1.51',
    ],
    ['a cut line', () => readPsdd(psdd.slice(0, -6), 'f'), 'line 8 should have 1 elements'],
    [
      'another vtree',
      () => readPsdd(psdd, 'f', readVtree('vtree 3\nL 0 2\nL 1 1\nI 2 0 1\n', 'v')),
      'is it the vtree of this circuit?',
    ],
    ['no header', () => readSdd('hello\n', 'f'), 'f is not an SDD'],
    ['an open clause', () => readCnf('p cnf 2 1\n1 2\n', 'f'), 'last clause is not ended by 0'],
    ['a weight', () => readCnf('c p weight 3 0.5 0\np cnf 2 0\n', 'f'), 'f: line 1 should be "c p weight'],
    ['a weight that is cut', () => readCnf('c p weight 2 0.5\np cnf 2 0\n', 'f'), 'line 1 is not ended by 0'],
    ['two roots', () => readVtree('vtree 2\nL 0 1\nL 1 2\n', 'f'), 'several roots'],
    ['a circle', () => readNnf('o 1 0\no 2 0\n1 2 0\n2 1 0\n', 'f'), 'closes a circle'],
    ['a cell', () => readTable('0,1\n0,x\n', 'f'), 'f: row 2, column 2: "x" is not a number'],
    ['a short row', () => readTable('0,1\n0\n', 'f'), 'f: row 2 has 1 cells'],
    ['nothing', () => readTable('\n', 'f'), 'f has no rows'],
  ])('%s: said with the line', (_, read, message) => {
    expect(read).toThrow(message);
    expect(read).toThrow(InputError);
  });
});

it('weights of a DIMACS file make models count by their literals', () => {
  // x1 or x2, as a circuit and as clauses.
  const circuit = readNnf('nnf 5 4 2\nL 1\nL -1\nL 2\nA 2 1 2\nO 1 2 0 3\n', 'f');
  const cnf = readCnf('c p weight 1 0.25 0\nc p weight -1 0.75 0\nc p weight 2 3 0\np cnf 2 1\n1 2 0\n', 'f');
  const count = Math.exp(logProbability(weighted(circuit, cnf.weights), new Map()));
  expect(count).toBeCloseTo(0.25 * (3 + 1) + 0.75 * 3, 12);
  expect([...readCnf('p cnf 2 1\n1 2 0\n', 'f').weights]).toEqual([]);
});

describe('tables', () => {
  it('have names, missing cells, and either separator', () => {
    const table = readTable('a, b\r\n1,?\r\n,0.5\r\n', 'f');
    expect(table).toEqual({
      ...tableOf([
        [1, Number.NaN],
        [Number.NaN, 0.5],
      ]),
      names: ['a', 'b'],
    });
    expect(readTable('0 1\n1 1\n', 'f', 1)).toEqual(tableOf([[0, 1]]));
  });
});

const zoo = existsSync(sharedPath('data/zoo'));
if (!zoo) console.warn(`skipped: there is no ${sharedPath('data/zoo')}`);

describe.skipIf(!zoo)('files of others', () => {
  const text = (name: string): string => readFileSync(sharedPath(`data/zoo/${name}`), 'utf8');

  it('small PSDDs are distributions', async () => {
    for (const [circuit, tree] of [
      ['little_4var', 'little_4var'],
      ['simple2.1', 'simple2'],
    ]) {
      const read = readPsdd(text(`${circuit}.psdd`), circuit, readVtree(text(`${tree}.vtree`), tree));
      const logs = await logLikelihood(read, allStates(read));
      expect(logs.reduce((sum, log) => sum + Math.exp(log), 0)).toBeCloseTo(1, 9);
    }
  });

  it('an SDD is smooth, decomposable and deterministic, and its models are counted alike from both of its halves', () => {
    const circuit = readSdd(text('random.sdd'), 'random.sdd', readVtree(text('random.vtree'), 'random.vtree'));
    expect(checkProperties(circuit).why).toEqual([]);
    const all = logProbability(circuit, new Map());
    const halves = [0, 1].map((x) => Math.exp(logProbability(circuit, new Map([[0, x]])) - all));
    expect(halves[0] + halves[1]).toBeCloseTo(1, 12);
    expect(Math.abs(Math.exp(all) - Math.round(Math.exp(all)))).toBeLessThan(1e-9 * Math.exp(all));
  });

  it('CNFs have the clauses that their headers say', () => {
    const sizes = ['C17_mince', 'majority_mince', 's298.scan'].map((name) => {
      const { variables, clauses } = readCnf(text(`${name}.cnf`), name);
      return [variables, clauses.length];
    });
    expect(sizes).toEqual([
      [17, 30],
      [14, 35],
      [136, 363],
    ]);
  });
});
