// A network with a million hidden neurons, four inputs each, learns glyphs: time of a step, and memory.
// After npm run build: node examples/dist/million-neurons.js [steps]
import { batchesOf, fit, glyphs, Mlp, Random, randomFanIn, trainingCost } from 'filigree';
import { startEngine } from 'filigree/node';

startEngine();
const steps = Number(process.argv[2] ?? 20);
const batch = 10;
const data = glyphs({ samples: steps * batch, seed: 1 });
const sizes = [data.features, 500_000, 500_000, data.classes];
const random = new Random(1);
const topologies = [
  randomFanIn(sizes[1], sizes[0], 4, random),
  randomFanIn(sizes[2], sizes[1], 4, random),
  randomFanIn(sizes[3], sizes[2], 100_000, random),
];
const model = new Mlp({ sizes, seed: 1, topologies });
const { size, bytes, dense } = trainingCost(model);
console.log(
  `${(size / 1e6).toFixed(1)} million weights of ${(dense / 1e9).toFixed(0)} billion, ${(bytes / 2 ** 20).toFixed(0)} MiB with gradients, momentum and indices`,
);

const times: number[] = [];
let last = performance.now();
const { loss } = await fit(model, batchesOf(data), {
  optimiser: { kind: 'sgd', momentum: 0.9 },
  lr: 0.01,
  batch,
  seed: 1,
  onProgress() {
    times.push(performance.now() - last);
    last = performance.now();
  },
});
const median = times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
const { rss } = process.memoryUsage();
console.log(
  `${median.toFixed(0)} ms per step of ${batch} samples, loss ${loss.toFixed(3)}, ${(rss / 2 ** 20).toFixed(0)} MiB in all`,
);
