import type { Edit, Rewirer } from '../sparse/index.js';
import { SparseTensor } from '../sparse/index.js';
import { Layout } from '../sparse/layout.js';
import { Random, tensor } from '../tensor/index.js';
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
  const { next, from } = layout.support.edit(edit.drop, edit.add);
  const after = new Layout(next, layout.spec);
  const carry = async (packed: ArrayLike<number>, fresh: () => number) => {
    const carried = new Float64Array(after.size);
    for (let slot = 0; slot < from.length; slot++) {
      carried[after.places[slot]] = from[slot] < 0 ? fresh() : packed[layout.places[from[slot]]];
    }
    return unscoped(() => tensor(carried, [after.size], undefined, values.device));
  };
  const slots = [];
  for (const slot of optimiser.state(name, weight)) slots.push(await carry(await slot.data(), () => 0));
  const { start } = edit;
  const moved = await carry(await values.data(), start ? () => start(random) : () => 0);
  const replacement = unscoped(() => new SparseTensor(moved, after));
  optimiser.setState(name, slots);
  replaceWeight(model, name, replacement);
  return { name, dropped: edit.drop.length, grown: edit.add.length, size: next.size };
}
