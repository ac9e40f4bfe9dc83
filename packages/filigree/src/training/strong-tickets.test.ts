import { afterAll, expect, it } from 'vitest';
import { createReferenceDevice } from '../kernels/reference.js';
import { fit } from '../nn/fit.js';
import { randomTopology } from '../sparse/index.js';
import { Random, setDefaultDevice, type Tensor, valueAndGrad } from '../tensor/index.js';
import { StrongTicket } from './strong-tickets.js';

const before = setDefaultDevice(createReferenceDevice());
afterAll(() => {
  setDefaultDevice(before);
});

it('finds a ticket inside of a mask by scores alone, with gradients straight through', async () => {
  const random = new Random(1);
  const sizes = [6, 20, 3];
  const within = [randomTopology(20, 6, 90, random), randomTopology(3, 20, 45, random)];
  const ticket = new StrongTicket({ sizes, density: 0.3, within });
  await ticket.choose();
  const inputs = Float32Array.from(random.normals(60 * 6));
  const labels = Int32Array.from({ length: 60 }, (_, s) =>
    [0, 1, 2].reduce((a, b) => (inputs[6 * s + b] > inputs[6 * s + a] ? b : a)),
  );
  const batch = { inputs, samples: 60, labels };
  const scores = [0, 1].map((l) => ticket.parameters.get(`layers.${l}.scores`) as Tensor);
  const { gradients } = valueAndGrad(() => ticket.loss(batch), scores);
  const outside = within.map((t) => t.toMask());
  gradients.forEach((g, l) => {
    const slopes = g!.dataSync();
    expect(outside[l].every((on, k) => on === 1 || slopes[k] === 0)).toBe(true);
    expect(slopes.some((s) => s !== 0)).toBe(true);
  });
  const first = ticket.loss(batch).dataSync()[0];
  await fit(
    ticket,
    { batches: () => 10, epoch: () => Array(10).fill(batch) },
    {
      ...{ optimiser: { kind: 'sgd', momentum: 0.9 }, lr: 0.05, epochs: 15, onEpoch: () => ticket.choose() },
    },
  );
  expect(ticket.loss(batch).dataSync()[0]).toBeLessThan(0.8 * first);
  expect(() => new StrongTicket({ sizes, density: 0.9, within })).toThrow(
    'layer 0 may have 90 weights, but should keep 108',
  );
  ticket.dispose();
});
