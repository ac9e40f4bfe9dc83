export { Layout, type LayoutSpec, type LayoutStatistics, layoutName, parseLayout } from './layout.js';
export { sparseLinear } from './linear.js';
export { SparseTensor } from './sparse-tensor.js';
export { type Columns, Topology } from './topology.js';
