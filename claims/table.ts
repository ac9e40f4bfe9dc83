import type { Row } from './claim.js';

/** Lines of one setting, figures by column. */
interface Section {
  readonly title: string;
  readonly header: readonly string[];
  readonly lines: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

/** Mean of a figure over seeds, with the least and the greatest where they differ as shown. */
function spread(values: readonly number[]): string {
  const form = (x: number): string => {
    if (Number.isInteger(x)) return String(x);
    return Math.abs(x) < 1e-3 ? x.toExponential(1) : x.toFixed(3);
  };
  const [mean, least, most] = [
    values.reduce((a, b) => a + b, 0) / values.length,
    Math.min(...values),
    Math.max(...values),
  ];
  return form(least) === form(most) ? form(least) : `${form(mean)} (${form(least)}..${form(most)})`;
}

/** One section per setting; a method's line is followed by the prototype's and the paper's own figures, where there are any. */
function sections(rows: readonly Row[]): Section[] {
  return [...new Set(rows.map((r) => r.setting))].map((title) => {
    const own = rows.filter((r) => r.setting === title);
    const others = (r: Row): readonly string[] => Object.keys({ ...r.prototype, ...r.paper });
    const columns = [...new Set(own.flatMap((r) => [...Object.keys(r.figures), ...others(r)]))];
    const lines = [...new Set(own.filter((r) => columns.some((c) => c in r.figures)).map((r) => r.method))].flatMap(
      (method) => {
        const same = own.filter((r) => r.method === method);
        const name = same[0].baseline ? `${method} (baseline)` : method;
        const ours = columns.map((c) => {
          const values = same.filter((r) => c in r.figures).map((r) => r.figures[c]);
          return values.length > 0 ? spread(values) : '';
        });
        const theirs = (['prototype', 'paper'] as const).flatMap((who) => {
          const figures = same[0][who];
          return figures ? [[`  ${who}`, ...columns.map((c) => String(figures[c] ?? ''))]] : [];
        });
        return [[name, ...ours], ...theirs];
      },
    );
    const seeds = [...new Set(own.map((r) => r.seed))];
    const heading = `${title} (${seeds.length === 1 ? `seed ${seeds[0]}` : `seeds ${seeds.join(', ')}`})`;
    const noted = (r: Row): string => (seeds.length === 1 ? `${r.note}` : `seed ${r.seed}: ${r.note}`);
    const notes = [...new Set(own.filter((r) => r.note).map(noted))];
    return { title: heading, header: ['method', ...columns], lines, notes };
  });
}

/** Rows as text for a terminal: our figures (mean, least and greatest over seeds) above the prototype's and the paper's. */
export function textTable(rows: readonly Row[]): string {
  const blocks = sections(rows).map(({ title, header, lines, notes }) => {
    const all = lines.length > 0 ? [header, ...lines] : [];
    const widths = header.map((_, c) => Math.max(0, ...all.map((line) => line[c].length)));
    const print = (line: readonly string[]): string =>
      line
        .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]) : cell.padStart(widths[c])))
        .join('  ')
        .trimEnd();
    return [title, ...all.map(print), ...notes].join('\n');
  });
  return blocks.join('\n\n');
}

/** The same as Markdown. */
export function markdownTable(rows: readonly Row[]): string {
  const cellText = (cell: string): string => cell.trim().replaceAll('|', '\\|');
  const blocks = sections(rows).map(({ title, header, lines, notes }) => {
    const print = (line: readonly string[]): string => `| ${line.map(cellText).join(' | ')} |`;
    const rule = header.map((_, c) => (c === 0 ? '---' : '---:'));
    const table = lines.length > 0 ? [print(header), print(rule), ...lines.map(print)].join('\n') : '';
    return [`**${cellText(title)}**`, table, ...notes].filter((part) => part !== '').join('\n\n');
  });
  return blocks.join('\n\n');
}
