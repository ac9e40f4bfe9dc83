/** Lines of a table whose columns are as wide as their widest cell; numbers stand on the right. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = heads.map((head, c) => Math.max(head.length, ...rows.map((row) => row[c].length)));
  const line = (cells: readonly string[]): string => `  ${cells.map((cell, c) => cell.padStart(widths[c])).join('  ')}`;
  return [line(heads), ...rows.map(line)];
}

/** A measured number for people: `digits` after the point, and a dash where it is not a number. */
export function figure(value: number | null, digits = 2): string {
  if (value === null || !Number.isFinite(value)) return '-';
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace('-', '') : text;
}

/** A whole number with its thousands parted. */
export const count = (value: number): string => value.toLocaleString('en-US');
