export { backward, type Rule, type Rules, valueAndGrad } from './autograd.js';
export { full, ones, tensor, zeros } from './create.js';
export { defaultDevice, setDefaultDevice } from './default-device.js';
export * from './ops/index.js';
export { Random } from './random.js';
export { freeze, half, ratio, ratioRule } from './rules.js';
export { Scope, scope } from './scope.js';
export { custom, type Gradients, type GradNode, noGrad, record, tagged, track } from './tape.js';
export { reportLeaks, Tensor } from './tensor.js';
