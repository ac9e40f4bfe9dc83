import type { Claim } from './claim.js';
import { causalHeadGatingClaim } from './discovery/causal-head-gating.js';
import { clusteringHeadsClaim } from './discovery/clustering-heads.js';
import { eapIgClaim } from './discovery/eap-ig.js';
import { relpClaim } from './discovery/relp.js';
import { weightSparseTransformersClaim } from './discovery/weight-sparse-transformers.js';
import { atlasClaim } from './probabilistic/atlas.js';
import { compressionClaim } from './probabilistic/compression.js';
import { sparsePcClaim } from './probabilistic/sparse-pc.js';
import { tdiClaim } from './probabilistic/tdi.js';
import { nervaClaim } from './sparse/nerva.js';
import { pixelflyClaim } from './sparse/pixelfly.js';
import { sparsepropClaim } from './sparse/sparseprop.js';
import { stenClaim } from './sparse/sten.js';
import { bdwpClaim } from './training/bdwp.js';
import { dstEeClaim } from './training/dst-ee.js';
import { quickSelectionClaim } from './training/quickselection.js';
import { randStartSparseClaim } from './training/rand-start-sparse.js';
import { randomPruningClaim } from './training/random-pruning.js';
import { setClaim } from './training/set.js';
import { sketchingPaiClaim } from './training/sketching-pai.js';
import { srSteClaim } from './training/sr-ste.js';
import { sriglClaim } from './training/srigl.js';

/** Every claim, in the order in which they are listed. */
export const claims: readonly Claim[] = [
  eapIgClaim,
  relpClaim,
  causalHeadGatingClaim,
  clusteringHeadsClaim,
  weightSparseTransformersClaim,
  stenClaim,
  sparsepropClaim,
  nervaClaim,
  pixelflyClaim,
  randomPruningClaim,
  randStartSparseClaim,
  setClaim,
  sriglClaim,
  dstEeClaim,
  srSteClaim,
  bdwpClaim,
  sketchingPaiClaim,
  quickSelectionClaim,
  sparsePcClaim,
  atlasClaim,
  tdiClaim,
  compressionClaim,
];
