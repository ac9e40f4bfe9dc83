export { labelledTable } from './csv.js';
export { batchesOf, type Dataset, inOrder, type Split, splitAt, subset } from './dataset.js';
export { type GlyphOptions, glyphs } from './glyphs.js';
export { type IdxArray, idxDataset, readIdx } from './idx.js';
export { firstRows, readTable, type Table, tableOf } from './table.js';
export {
  type MadelonOptions,
  madelonLike,
  type SparseTeacher,
  sampleVariances,
  sparseTeacher,
  standardised,
  type TeacherOptions,
} from './teachers.js';
