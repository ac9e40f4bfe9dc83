export { type MixedOptions, type MixedTable, readMixedTable } from './csv.js';
export { type IdxTable, isIdx, readIdx } from './idx.js';
export { type Strokes, type StrokesOptions, strokes } from './strokes.js';
export { firstRows, readTable, type Table, tableOf } from './table.js';
