export {
  CircuitBuilder,
  inputKind,
  type ProbabilisticCircuit,
  productKind,
  sumKind,
  unitCount,
} from './circuit.js';
export { type Flows, flows, logLikelihood, type RowOptions } from './evaluate.js';
export { bernoulli, categorical, type InputUnit, indicator } from './inputs.js';
export { checkProperties, type Properties, type PropertyName, type Violation } from './properties.js';
export { readPsdd } from './psdd.js';
export { smooth } from './smooth.js';
export { readVtree, type Vtree } from './vtree.js';
