export { type MixedOptions, type MixedTable, readMixedTable } from './csv.js';
export { batchesOf, type Dataset, inOrder, type Split, splitAt, subset } from './dataset.js';
export { type GlyphOptions, glyphs } from './glyphs.js';
export { unpacked } from './gzip.js';
export { type IdxArray, type IdxTable, idxDataset, idxTable, isIdx, readIdx } from './idx.js';
export { labelledTable } from './labelled-table.js';
export { type Strokes, type StrokesOptions, strokes } from './strokes.js';
export { firstRows, inQuantiles, readTable, type Table, tableOf } from './table.js';
export {
  type MadelonOptions,
  madelonLike,
  type SparseTeacher,
  sampleVariances,
  sparseTeacher,
  standardised,
  type TeacherOptions,
} from './teachers.js';
export { type TurntableOptions, turntable } from './turntable.js';
