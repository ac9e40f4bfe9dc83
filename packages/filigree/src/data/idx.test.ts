import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Random } from '../tensor/index.js';
import { batchesOf, splitAt } from './dataset.js';
import { glyphs } from './glyphs.js';
import { idxDataset, idxTable, isIdx, readIdx } from './idx.js';
import { labelledTable } from './labelled-table.js';
import { readTable } from './table.js';

const file = (shape: number[], data: number[], type = 8): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  bytes.set([0, 0, type, shape.length]);
  shape.forEach((n, d) => {
    new DataView(bytes.buffer).setUint32(4 + 4 * d, n);
  });
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
};

describe('IDX', () => {
  const images = file([2, 2, 3], [0, 51, 102, 153, 204, 255, 5, 4, 3, 2, 1, 0]);

  it('is read packed or not', async () => {
    for (const bytes of [images, new Uint8Array(gzipSync(images))]) {
      const { shape, data } = await readIdx(bytes, 'images');
      expect(shape).toEqual([2, 2, 3]);
      expect([...data.slice(0, 6)]).toEqual([0, 51, 102, 153, 204, 255]);
    }
    const data = idxDataset(await readIdx(images, 'images'), await readIdx(file([2], [7, 3]), 'labels'), 'digits');
    expect(data).toMatchObject({ samples: 2, features: 6, classes: 8 });
    expect(data.inputs[1]).toBeCloseTo(0.2, 6);
    expect([...data.labels]).toEqual([7, 3]);
  });

  it('is a table whose rows are its first axis', async () => {
    expect(isIdx(images)).toBe(true);
    const array = await readIdx(images, 'x');
    expect(idxTable(array, 'x')).toEqual({
      rows: 2,
      columns: 6,
      shape: [2, 3],
      values: Float64Array.of(0, 51, 102, 153, 204, 255, 5, 4, 3, 2, 1, 0),
    });
    expect(idxTable(array, 'x', 1).rows).toBe(1);
    expect(idxTable(await readIdx(file([2], [7, 9]), 'l'), 'l')).toMatchObject({ rows: 2, columns: 1, shape: [] });
    const empty = await readIdx(file([0], []), 'x');
    expect(() => idxTable(empty, 'x')).toThrow('x has no rows');
  });

  it.each([
    ['has elements of type 0x9', file([2], [1, 2], 9)],
    ['is not an IDX file', new Uint8Array([1, 2, 3])],
    ['has 0 axes', file([], [])],
    ['cut short in its header', images.slice(0, 9)],
    ['x is cut short: its header says 2 x 2 x 3 bytes, but 11 follow', images.slice(0, -1)],
    ['x is damaged', Uint8Array.of(...images, 0)],
    ['its header says 4294967295 x 4294967295 bytes', file([0xffffffff, 0xffffffff], [1])],
    ['a damaged gzip file', new Uint8Array(gzipSync(images)).slice(0, 20)],
  ])('is refused when it %s', async (message, bytes) => {
    await expect(readIdx(bytes, 'x')).rejects.toThrow(message);
  });

  it('needs as many labels as pictures', async () => {
    const [a, b] = [await readIdx(images, 'a'), await readIdx(file([3], [1, 2, 3]), 'b')];
    expect(() => idxDataset(a, b, 'digits')).toThrow('digits: 2 pictures, but labels of shape [3]');
  });
});

describe('tables with labels', () => {
  it('take the last column or the named one', () => {
    const table = readTable('a,class,b\n1,0,2\n3,2,4\n', 't.csv');
    expect(labelledTable(table, 't.csv')).toMatchObject({ features: 2, classes: 3 });
    expect([...labelledTable(table, 't.csv').inputs]).toEqual([1, 2, 3, 4]);
    expect([...labelledTable(readTable('1,5\n2,6\n', 't'), 't').labels]).toEqual([5, 6]);
    expect(() => labelledTable(table, 't.csv', 'z')).toThrow("t.csv has no column 'z'; it has a, class, b");
    expect(() => labelledTable(readTable('1,0.5\n', 't'), 't')).toThrow('the label of row 1 is 0.5');
    expect(() => labelledTable(readTable(',1\n', 't'), 't')).toThrow('row 1, column 1 is empty');
  });
});

describe('data sets', () => {
  const data = glyphs({ samples: 200, side: 16, seed: 4 });

  it('are the same for the same seed, and of the same task for others', () => {
    expect(glyphs({ samples: 200, side: 16, seed: 4 })).toEqual(data);
    const other = glyphs({ samples: 200, side: 16, seed: 5 });
    expect(other.inputs).not.toEqual(data.inputs);
    // The nearest mean of the other set's classes tells the first set's apart far more often than chance, 1 in 20.
    const means = Array.from({ length: 20 }, (_, c) => {
      const rows = [...other.labels.keys()].filter((s) => other.labels[s] === c);
      return Float64Array.from(
        { length: 256 },
        (_, p) => rows.reduce((sum, s) => sum + other.inputs[s * 256 + p], 0) / rows.length,
      );
    });
    let right = 0;
    for (let s = 0; s < 200; s++) {
      const distances = means.map((m) => m.reduce((sum, x, p) => sum + (x - data.inputs[s * 256 + p]) ** 2, 0));
      if (distances.indexOf(Math.min(...distances)) === data.labels[s]) right++;
    }
    expect(right).toBeGreaterThan(30);
  });

  it('are split, and dealt out whole in every epoch in an order of its own', () => {
    const { train, test } = splitAt(data, 150);
    expect([train.samples, test.samples, test.labels.length]).toEqual([150, 50, 50]);
    const source = batchesOf(train);
    expect(source.batches(40)).toBe(3);
    const orders = [0, 1].map((epoch) =>
      [...source.epoch({ epoch, size: 50, random: new Random(epoch) })].flatMap((b) => [
        ...b.inputs.filter((_, k) => k % 256 === 0),
      ]),
    );
    expect(orders[0]).not.toEqual(orders[1]);
    expect([...orders[0]].sort()).toEqual([...orders[1]].sort());
    expect(() => splitAt(data, 200)).toThrow('200 cannot be taken');
  });
});
