import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '../errors.js';
import { readMixedTable } from './csv.js';
import { readTable } from './table.js';

const nan = Number.NaN;

describe('CSV of mixed types', () => {
  it('numbers words in alphabetical order and keeps numbers, names and gaps', () => {
    const table = readMixedTable('size,colour,n\n1.5,red,0\n,"blue, dark",?\r\n-2,red,3\n', 'a.csv');
    expect(table).toEqual({
      rows: 3,
      columns: 3,
      values: Float64Array.of(1.5, 1, 0, nan, 0, nan, -2, 1, 3),
      names: ['size', 'colour', 'n'],
      categories: [undefined, ['blue, dark', 'red'], undefined],
    });
    const again = readMixedTable('1,red,2\n', 'b.csv', { categories: table.categories, header: false });
    expect([...again.values]).toEqual([1, 1, 2]);
    expect(() => readMixedTable('1,green,2\n', 'b.csv', { categories: table.categories, header: false })).toThrow(
      'b.csv: row 1, column 2: "green" is none of "blue, dark", "red"',
    );
  });

  it('finds names only where the first line has none of the words of its columns', () => {
    expect(readMixedTable('a,b\nb,a\na,a\n', 'x').rows).toBe(3);
    expect(readMixedTable('x,y\nb,a\na,a\n', 'x')).toMatchObject({ rows: 2, names: ['x', 'y'] });
    expect(readMixedTable('1,2\n3,4', 'x').rows).toBe(2);
    expect(readMixedTable('a,b\nc,d\n', 'x', { header: false }).rows).toBe(2);
    expect(readMixedTable('a,b\n1,\n2,\n', 'x')).toMatchObject({ rows: 2, columns: 2 });
    expect(readMixedTable('"a ""1""","b\nc"\n1,2\n', 'x').names).toEqual(['a "1"', 'b\nc']);
    expect([...readMixedTable('1,2\n3,', 'x').values]).toEqual([1, 2, 3, nan]);
  });

  it.each([
    ['', 'x has no rows'],
    ['a,b\n', 'rows'],
    ['1,2\n3\n', 'line 2 has 1 cells, but the first has 2'],
    ['1,"2\n3', 'a quote in line 1 is not closed'],
    ['1,"2"3\n', 'line 1 goes on after a closed quote'],
  ])('refuses %j', (text, message) => {
    expect(() => readMixedTable(text, 'x', { header: text.startsWith('a') })).toThrow(message);
  });

  it('gives any cells back that were written by the rules', () => {
    const cell = fc
      .string({ unit: fc.constantFrom('a', 'b', ',', '"', '\n', 'é', '7') })
      .filter((x) => x !== '' && !Number.isFinite(Number(x)));
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 6 }), (rows) => {
        const text = rows.map((row) => row.map((x) => `"${x.replaceAll('"', '""')}"`).join(',')).join('\n');
        const { values, categories } = readMixedTable(text, 'x', { header: false });
        expect(rows.flat()).toEqual([...values].map((value, i) => categories[i % 2]![value]));
      }),
    );
  });
});

it('readers of tables end in words on any text', () => {
  const text = fc.string({
    unit: fc.constantFrom('0', '1', '9', ',', ' ', '\n', '\r', '"', 'x', '.', '-', 'e', '?', '\uFEFF', '\t'),
  });
  fc.assert(
    fc.property(text, (source) => {
      for (const read of [readTable, readMixedTable]) {
        try {
          const { rows, columns, values } = read(source, 'x');
          expect(values.length).toBe(rows * columns);
        } catch (error) {
          expect(error).toBeInstanceOf(InputError);
          expect((error as Error).message).not.toContain('\n');
        }
      }
    }),
    { numRuns: 500 },
  );
});
