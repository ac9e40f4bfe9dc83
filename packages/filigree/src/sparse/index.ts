export { type ButterflyWeights, butterflyBudget, butterflyLinear, butterflyWeights } from './butterfly.js';
export { loadSparse, type StoredSparse, storeSparse } from './files.js';
export { Layout, type LayoutStatistics } from './layout.js';
export { sparseLinear } from './linear.js';
export { groupedNmMask, type NmgSpec, nmPatterns } from './nmg.js';
export { type LayoutSpec, layoutName, parseLayout } from './packing.js';
export { type NmSpec, nmMask, Projection, type ProjectOptions, project, projectedLinear } from './project.js';
export { SparseTensor } from './sparse-tensor.js';
export { type Columns, Topology } from './topology.js';
