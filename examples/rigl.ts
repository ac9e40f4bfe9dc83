// Trains a network at 95 % sparsity from scratch, its topology changing as it learns. No dense weight is ever made.
// After npm run build: node examples/dist/rigl.js [samples] [epochs]
import { batchesOf, classAccuracy, cosine, fit, glyphs, Mlp, randomTopologies, rigl, splitAt } from 'filigree';
import 'filigree/node';

const [samples, epochs] = [Number(process.argv[2] ?? 10_000), Number(process.argv[3] ?? 10)];
const { train, test } = splitAt(glyphs({ samples, seed: 1 }), 0.8 * samples);
const sizes = [train.features, 300, 100, train.classes];
const model = new Mlp({ sizes, seed: 1, topologies: randomTopologies(sizes, 0.05, { seed: 1 }) });

const { history, rewirings } = await fit(model, batchesOf(train), {
  optimiser: { kind: 'sgd', momentum: 0.9 },
  batch: samples < 5000 ? 20 : 100,
  lr: 0.2,
  schedule: cosine(),
  rewirer: rigl({ every: Math.ceil(samples / 250) }),
  epochs,
  seed: 1,
  evaluate: async () => ({ accuracy: await classAccuracy(model, test) }),
  onEpoch: ({ epoch, loss, figures }) =>
    console.log(
      `epoch ${epoch}: loss ${loss.toFixed(3)}, ${(100 * figures.accuracy).toFixed(1)} % of unseen glyphs right`,
    ),
});
console.log(`${rewirings.length} rewirings, ${history.length} epochs`);
