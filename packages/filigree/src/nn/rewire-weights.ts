import type { Edit, Rewirer } from '../sparse/index.js';
import { SparseTensor } from '../sparse/index.js';
import { Layout } from '../sparse/layout.js';
import { Random, type Tensor, tensor } from '../tensor/index.js';
import { unscoped } from '../tensor/scope.js';
import type { RewireRecord, Trainable } from './fit-options.js';
import type { Optimiser } from './optimiser.js';
import { replaceWeight, type TrainingState } from './training-state.js';
import type { WeightFlows } from './weight-flows.js';

/** Lets a rewirer change the topology of every sparse weight that `chosen` names; the optimiser's state moves along. */
export async function rewireWeights<B>(
  model: Trainable<B>,
  optimiser: Optimiser,
  rewirer: Rewirer,
  state: TrainingState,
  options: { t: number; seed: number; flows?: WeightFlows; chosen: (name: string) => boolean },
): Promise<void> {
  state.round++;
  const weights = [...model.parameters].filter(([, p]) => p instanceof SparseTensor || p.shape.length > 1);
  const last = weights.at(-1)?.[0];
  for (const [name, weight] of weights) {
    if (!(weight instanceof SparseTensor) || !options.chosen(name)) continue;
    const random = new Random(options.seed).fork(`rewire ${state.round} ${name}`);
    const { layout } = weight;
    const packed = await weight.values.data();
    const memory = state.memory.get(name) ?? {};
    state.memory.set(name, memory);
    const edit = await rewirer.rewire({
      name,
      topology: layout.support,
      values: Float64Array.from(layout.places, (place) => packed[place]),
      t: options.t,
      round: state.round,
      last: name === last,
      random,
      memory,
      gradient: options.flows?.gradient(weight),
    });
    const record = await applyEdit(model, optimiser, name, weight, edit, random);
    state.rewirings.push({ step: state.step, ...record });
  }
}

async function applyEdit<B>(
  model: Trainable<B>,
  optimiser: Optimiser,
  name: string,
  weight: SparseTensor,
  edit: Edit,
  random: Random,
): Promise<Omit<RewireRecord, 'step'>> {
  const { layout, values } = weight;
  const moved = layout.support.edit(edit.drop, edit.add);
  const after = new Layout(moved.next, layout.spec);
  const carried = async (packed: Tensor) => after.carry(layout, await packed.data(), 0, moved);
  const onDevice = (data: ArrayLike<number>) => unscoped(() => tensor(data, [after.size], undefined, values.device));
  const slots = [];
  for (const slot of optimiser.state(name, weight)) slots.push(onDevice(await carried(slot)));
  const numbers = await carried(values);
  const { start } = edit;
  if (start) {
    for (const key of edit.add) {
      const slot = after.support.slotOf(Math.floor(key / after.cols), key % after.cols);
      numbers[after.places[slot]] = start(random);
    }
  }
  const replacement = unscoped(() => new SparseTensor(onDevice(numbers), after));
  optimiser.setState(name, slots);
  replaceWeight(model, name, replacement);
  return { name, dropped: edit.drop.length, grown: edit.add.length, size: moved.next.size };
}
