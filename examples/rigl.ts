import { batchesOf, classAccuracy, cosine, fit, glyphs, Mlp, randomTopologies, rigl, splitAt } from 'filigree';
import 'filigree/node';

// Trains a network at 95 % sparsity from scratch, its topology changing as it learns. No dense weight is ever made.
const { train, test } = splitAt(glyphs({ samples: 10_000, seed: 1 }), 8_000);
const sizes = [train.features, 300, 100, train.classes];
const model = new Mlp({ sizes, seed: 1, topologies: randomTopologies(sizes, 0.05, { seed: 1 }) });

const { history, rewirings } = await fit(model, batchesOf(train), {
  optimiser: { kind: 'sgd', momentum: 0.9 },
  lr: 0.05,
  schedule: cosine(),
  rewirer: rigl({ every: 40 }),
  epochs: 10,
  seed: 1,
  evaluate: async () => ({ accuracy: await classAccuracy(model, test) }),
  onEpoch: ({ epoch, loss, figures }) =>
    console.log(
      `epoch ${epoch}: loss ${loss.toFixed(3)}, ${(100 * figures.accuracy).toFixed(1)} % of unseen glyphs right`,
    ),
});
console.log(`${rewirings.length} rewirings, ${history.length} epochs`);
