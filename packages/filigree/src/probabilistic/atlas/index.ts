export {
  type AlgebraicCircuit,
  type AlgebraicInput,
  type AlgebraicProperties,
  type AlgebraicUnit,
  algebraic,
  algebraicProperties,
  deterministicIn,
  isFirst,
  sizeOf,
  valueAt,
} from './algebraic.js';
export { Expression, explanation, logOf, of, ofAlgebraic, type Step } from './expression.js';
export {
  aggregate,
  type Condition,
  condition,
  type ElementMap,
  logCircuit,
  mapElements,
  multiply,
  multiplyAligned,
  type OperatorOptions,
  weigh,
} from './operators.js';
export * from './queries.js';
export type { Semiring } from './semiring.js';
export * as semirings from './semiring.js';
