import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tableOf } from '../../data/index.js';
import { InputError } from '../../errors.js';
import { Random } from '../../tensor/index.js';
import { CircuitBuilder, type ProbabilisticCircuit } from '../circuit.js';
import { logLikelihood } from '../evaluate.js';
import { hclt } from '../hclt.js';
import { bernoulli, categorical, gaussian, logistic } from '../inputs.js';
import { randomCircuit } from '../random.testing.js';
import { compress, compressedHeader, decompress } from './compress.js';
import { RansCoder, RansDecoder, toFrequencies } from './rans.js';
import { StreamModel } from './stream-model.js';

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A chain of pixels of 256 levels. */
function pixels(count: number): ProbabilisticCircuit {
  const build = new CircuitBuilder(new Array<number>(count).fill(256));
  const part = (mean: number) =>
    build.product(Array.from({ length: count }, (_, v) => build.input(logistic(v, mean, 6 + v))));
  return build.finish(build.sum([part(20), part(120), part(230)], [0.2, 0.5, 0.3]));
}

async function roundTrip(file: Uint8Array, circuit: ProbabilisticCircuit) {
  const packed = await compress(file, circuit);
  const back = await decompress(packed.bytes, circuit, 'x.fz');
  expect(Buffer.compare(Buffer.from(back), Buffer.from(file))).toBe(0);
  return packed;
}

describe('whole-number frequencies', () => {
  it('sum to 2^24, none is 0, and they follow the shares', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ min: 0, max: 1e300, noNaN: true }), fc.constant(0)), {
          minLength: 1,
          maxLength: 300,
        }),
        (raw) => {
          const shares = Float64Array.from(raw);
          toFrequencies(shares, raw.length);
          expect(shares.reduce((a, b) => a + b, 0)).toBe(2 ** 24);
          expect(Math.min(...shares)).toBeGreaterThanOrEqual(1);
          expect(shares.every(Number.isInteger)).toBe(true);
        },
      ),
    );
    const even = Float64Array.of(0, 0, 0, 0);
    toFrequencies(even, 4);
    expect([...even]).toEqual([2 ** 22, 2 ** 22, 2 ** 22, 2 ** 22]);
  });
});

describe('the entropy coder', () => {
  it('gives any symbols back, of any frequencies', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 2 ** 24 }), fc.nat())), (symbols) => {
        const placed = symbols.map(([size, at]): [number, number] => [at % (2 ** 24 - size + 1), size]);
        const coder = new RansCoder();
        for (const [start, size] of placed) coder.put(start, size);
        const bytes = coder.finish();
        const decoder = new RansDecoder(bytes, 'x');
        for (const [start, size] of placed) {
          expect(decoder.peek() - start).toBeGreaterThanOrEqual(0);
          expect(decoder.peek() - start).toBeLessThan(size);
          decoder.take(start, size);
        }
        decoder.end();
        const bits = placed.reduce((sum, [, size]) => sum + 24 - Math.log2(size), 0);
        expect(8 * bytes.length).toBeLessThan(bits * 1.001 + 64);
      }),
    );
  });
});

describe('the stream model', () => {
  it('gives the conditionals of the circuit, whole or by the short way with the same bits', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const random = new Random(seed);
      const states = Array.from({ length: 1 + random.integer(6) }, () => 1 + random.integer(4));
      const circuit = randomCircuit({ states, deterministic: seed % 3 === 0, varied: true }, random);
      const [fast, whole] = [new StreamModel(circuit), new StreamModel(circuit, { whole: true })];
      const [a, b] = [new Float64Array(4), new Float64Array(4)];
      const row = new Array<number>(states.length).fill(Number.NaN);
      for (const model of [fast, whole]) model.reset();
      for (let v = 0; v < states.length; v++) {
        fast.shares(v, a);
        whole.shares(v, b);
        expect(a).toEqual(b);
        const rows = Array.from({ length: states[v] }, (_, x) => row.map((y, w) => (w === v ? x : y)));
        const p = (await logLikelihood(circuit, tableOf(rows))).map(Math.exp);
        const [total, mass] = [p, a.subarray(0, states[v])].map((s) => s.reduce((x, y) => x + y, 0));
        for (let x = 0; x < states[v]; x++) expect(a[x] / mass).toBeCloseTo(p[x] / total, 10);
        const possible = [...p.keys()].filter((x) => p[x] > 0);
        row[v] = random.pick(possible);
        fast.tell(v, row[v]);
        whole.tell(v, row[v]);
      }
    }
  });
});

describe('files', () => {
  it('come back byte by byte: text tables, with names, other separators and line ends, with and without a last line end', async () => {
    const circuit = randomCircuit({ states: [2, 3, 2] }, new Random(4));
    const cases: [text: string, layout: string][] = [
      ['1,2,0\n0,0,1\n'.repeat(9), 'table'],
      [`${'1,2,0\n'.repeat(9)}0,0,1`, 'table'],
      ['1 2 0\r\n0 0 1\r\n'.repeat(9), 'table'],
      [`a,b,c\n${'1,2,0\n'.repeat(20)}`, 'table'],
      [Array(20).fill('1\t2\t0').join('\n'), 'table'],
      ['1,2,0\n0,0\n', 'stored'],
      ['1,3,0\n', 'stored'],
      ['1,02,0\n', 'stored'],
      ['1,2,0\n\n', 'stored'],
      ['1,2,0\n0;0;1\n', 'stored'],
      ['1,,0\n', 'stored'],
      ['a,b,c\n', 'stored'],
      ['', 'stored'],
    ];
    for (const [text, layout] of cases)
      expect([text, (await roundTrip(bytesOf(text), circuit)).layout]).toEqual([text, layout]);
  });

  it('come back byte by byte: random, constant and adversarial bytes, of any length', async () => {
    const random = new Random(9);
    const binary = randomCircuit({ states: new Array<number>(7).fill(2) }, random);
    for (const circuit of [pixels(5), binary, randomCircuit({ states: [2, 3] }, random)]) {
      for (const length of [0, 1, 4, 5, 6, 33, 1000]) {
        const fill = (next: (i: number) => number): Uint8Array => Uint8Array.from({ length }, (_, i) => next(i));
        for (const next of [
          () => random.integer(256),
          () => 0,
          () => 255,
          (i: number) => (i % 2) * 255,
          (i: number) => i,
        ]) {
          await roundTrip(fill(next), circuit);
        }
      }
    }
    expect((await roundTrip(new Uint8Array(1000).fill(20), pixels(5))).layout).toBe('bytes');
  });

  it('come back even when the circuit calls them impossible', async () => {
    const build = new CircuitBuilder([2, 2, 2]);
    const never = build.finish(
      build.product([0, 1, 2].map((v) => build.input(v === 1 ? categorical(v, [1, 0]) : bernoulli(v, 0.9)))),
    );
    const { codeBits } = await roundTrip(bytesOf('1,1,1\n'.repeat(50)), never);
    // The value without any chance costs 24 bits, the others what they should.
    expect(codeBits).toBeLessThan(50 * (24 + 2 * 0.16) + 64);
  });

  it('of several blocks come back', async () => {
    const build = new CircuitBuilder(new Array<number>(40).fill(2));
    const circuit = build.finish(
      build.product(Array.from({ length: 40 }, (_, v) => build.input(bernoulli(v, 0.02 + 0.01 * (v % 2))))),
    );
    const random = new Random(2);
    const file = Uint8Array.from({ length: 33_001 }, () => (random.uniform() < 0.2 ? 2 ** random.integer(8) : 0));
    const { bytes, layout } = await roundTrip(file, circuit);
    expect(layout).toBe('bits');
    expect(bytes.length).toBeLessThan(0.25 * file.length);
  });

  it('take about -log2 p bits, and the same bytes whichever way they are computed', async () => {
    const random = new Random(1);
    const rows = Array.from({ length: 400 }, () => {
      const z = random.integer(2);
      return Array.from({ length: 12 }, () => (random.uniform() < 0.15 ? 1 - z : z));
    });
    const table = tableOf(rows);
    const circuit = hclt(table, new Array<number>(12).fill(2), { latents: 4, seed: 1 });
    const bits = (await logLikelihood(circuit, table)).reduce((a, b) => a - b, 0) / Math.LN2;
    const file = bytesOf(rows.map((row) => row.join(',')).join('\n'));
    const { codeBits, bytes } = await roundTrip(file, circuit);
    expect(codeBits).toBeLessThan(1.001 * bits + 64);
    expect(codeBits).toBeGreaterThan(bits - 1);
    expect((await compress(file, circuit, { whole: true })).bytes).toEqual(bytes);
  });
});

describe('what is wrong with a compressed file', () => {
  const circuit = randomCircuit({ states: [2, 3, 2, 2, 4], normalised: true }, new Random(3));
  const file = bytesOf('0,1,1,0,2\n1,2,0,1,3\n'.repeat(60));

  it('is told: cut short anywhere, any byte changed, bytes added', async () => {
    const { bytes } = await compress(file, circuit);
    for (let length = 0; length < bytes.length; length++) {
      await expect(decompress(bytes.slice(0, length), circuit, 'x.fz')).rejects.toThrow(InputError);
    }
    for (let at = 0; at < bytes.length; at++) {
      for (const change of [1, 128, 255]) {
        const damaged = bytes.slice();
        damaged[at] ^= change;
        await expect(decompress(damaged, circuit, 'x.fz')).rejects.toThrow(InputError);
      }
    }
    await expect(decompress(Uint8Array.of(...bytes, 0), circuit, 'x.fz')).rejects.toThrow('after its end');
  });

  it('is told in words', async () => {
    const { bytes } = await compress(file, circuit);
    await expect(decompress(bytesOf('hello'), circuit, 'x.fz')).rejects.toThrow(
      'x.fz is not a file that filigree compress wrote',
    );
    await expect(decompress(bytes.slice(0, -5), circuit, 'x.fz')).rejects.toThrow('x.fz is cut short');
    await expect(decompress(bytes, undefined, 'x.fz')).rejects.toThrow('x.fz does not carry its circuit; give the one');
    const other = randomCircuit({ states: [2, 3, 2, 2, 4], normalised: true }, new Random(5));
    await expect(decompress(bytes, other, 'x.fz')).rejects.toThrow('x.fz was compressed with another circuit');
    expect(compressedHeader(bytes, 'x.fz')).toMatchObject({
      layout: 'table',
      rows: 120,
      columns: 5,
      size: file.length,
    });
    const build = new CircuitBuilder([0]);
    await expect(compress(file, build.finish(build.input(gaussian(0, 0, 1))))).rejects.toThrow('variable 1 is real');
  });
});
