export {
  type Claim,
  type ClaimSize,
  claimSizes,
  type MeasureOptions,
  type Paper,
  type Row,
  type Verdict,
} from './claim.js';
export { claims } from './registry.js';
export { type ClaimResult, type ClaimStore, claimsPage, findClaim, readResult, runAll, runClaim } from './run.js';
export { textTable } from './table.js';
export {
  findings,
  runTable,
  tableBudget,
  tableSection,
  tableSeeds,
  tableSpecs,
  tunedAblation,
} from './training/table.js';
