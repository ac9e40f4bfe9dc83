// Finds the edges of a model that choose the pronoun, and says how much of the behaviour they carry.
// After npm run build: node examples/dist/discover.js [model]
import { eapIg, evaluateScores, findTask, taskPairs } from 'filigree';
import { openModel } from 'filigree/node';

const { model, tokenizer } = await openModel(process.argv[2] ?? 'models/mix4');
const task = findTask('pronoun');
const { pairs } = taskPairs(task, tokenizer, { count: 20 });
const { graph, scores } = await eapIg(model, pairs);

const others = taskPairs(task, tokenizer, { count: 20, part: 'evaluation' }).pairs;
const { sizes, faithfulness } = await evaluateScores(model, graph, scores, others, { sizes: [10, 20, 50] });
for (const [i, size] of sizes.entries())
  console.log(`${size} of ${graph.edges} edges: ${faithfulness[i].toFixed(2)} faithful`);
