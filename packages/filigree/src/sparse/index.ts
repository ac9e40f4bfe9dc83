export { absTopK } from './abs-top-k.js';
export {
  type Allocator,
  type AllocatorName,
  allocators,
  type LayerShape,
  ratiosOf,
  setCounts,
} from './allocate.js';
export { autoLayout } from './auto-layout.js';
export { type ButterflyWeights, butterflyBudget, butterflyLinear, butterflyWeights } from './butterfly.js';
export { anySupport, type Constraint, fanInSupport, nmGroups, sameFanIn, within } from './constraint.js';
export { type ConvOptions, convColumns, sparseConv2d } from './conv.js';
export { denseGradientLinear } from './dense-gradient-linear.js';
export { loadSparse, type StoredSparse, storeDense, storeSparse } from './files.js';
export { keepLargest, leastOfRow } from './keep-largest.js';
export { Layout, type LayoutStatistics } from './layout.js';
export { sparseLinear, sparseLinearTransposed } from './linear.js';
export { groupedNmMask, type NmgSpec, nmPatterns } from './nmg.js';
export { type LayoutSpec, layoutName, parseLayout } from './packing.js';
export {
  NmProjection,
  type NmSpec,
  nmMask,
  type Projection,
  type ProjectionSpec,
  type ProjectOptions,
  project,
  projectedLinear,
} from './project.js';
export { type SupportSpec, selectSupport } from './project-support.js';
export { randomFanIn, randomTopology } from './random-topology.js';
export {
  type DispatchReport,
  type LayoutEntry,
  layoutOf,
  magnitudeFraction,
  type OperandTensor,
  type OperatorEntry,
  type OutputFormat,
  type Packed,
  SparseRegistry,
  type Sparsifier,
  scalarThreshold,
  scatterValues,
} from './registry.js';
export {
  coverage,
  type DenseGradient,
  type DropAndGrowOptions,
  dropAndGrow,
  dropSmallest,
  dropTwoSided,
  type Edit,
  type RewireContext,
  type Rewirer,
  type RewirerMemory,
} from './rewire.js';
export { cosine, cubic, rewiringCosine, type Schedule, stepDecay } from './schedule.js';
export { explore, gradientSize, magnitude, type Place, type Score } from './score.js';
export { drawKey, Largest, largest } from './select.js';
export { SparseTensor } from './sparse-tensor.js';
export { type Columns, Topology } from './topology.js';
