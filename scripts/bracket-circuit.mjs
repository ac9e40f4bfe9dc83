/**
 * node scripts/bracket-circuit.mjs [MODEL] [CIRCUIT]
 *
 * Prints the tables of docs/weight-sparse-bracket.md: what the channels of the circuit for bracket_counting carry along two prompts, and
 * what the whole model and the circuit answer to prompts that the circuit's mechanism should get wrong.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';

if (Number(process.versions.node.split('.')[0]) < 21) setFlagsFromString('--experimental-wasm-relaxed-simd');
const lib = await import('../packages/filigree/dist/index.js');
const { openModelFiles, startEngine } = await import('../packages/filigree/dist/node/index.js');

const [
  path = fileURLToPath(new URL('../models/weight-sparse', import.meta.url)),
  file = fileURLToPath(new URL('../models/weight-sparse/circuits/bracket_counting.circuit.json', import.meta.url)),
] = process.argv.slice(2);
startEngine({ threads: 1 });
const checkpoint = await lib.openCheckpoint(await openModelFiles(path));
const [model, tokenizer] = [await lib.loadTransformer(checkpoint), await checkpoint.tokenizer()];
const { nodes } = lib.readCircuit(JSON.parse(readFileSync(file, 'utf8')), file);

const source = lib.corpus({ seed: 1_000_003, ingredients: lib.ingredientsOf({ programs: 1 }) });
const texts = Array.from({ length: 300 }, () => tokenizer.encode(source.next().value).slice(0, model.config.context));
const own = await lib.channelModel(model, texts);
const { space } = own;
const kept = Uint8Array.from({ length: space.size }, (_, channel) => Number(nodes.id.includes(space.name(channel))));
const all = new Uint8Array(space.size).fill(1);
const token = (text) => tokenizer.encode(text, { bos: false })[0];
const [both, single] = [token(']]'), token(']')];

/** What a channel carries in the circuit at every position of a prompt. */
function carried(tokens) {
  const values = new Map();
  lib.scope(() =>
    lib.noGrad(() =>
      model.run([tokens], {
        edit(site, value) {
          const group = space.at(site);
          if (!group) return value;
          const part = Array.from({ length: group.size }, (_, i) => kept[group.first + i]);
          const rest = part.map((k, i) => (1 - k) * own.means[group.first + i]);
          const changed = lib.add(lib.mul(value, lib.tensor(part, group.shape)), lib.tensor(rest, group.shape));
          values.set(group, Array.from(changed.dataSync()));
          return changed;
        },
      }),
    ),
  );
  return (channel, position) => {
    const group = space.groupOf(channel);
    return values.get(group)[position * group.size + channel - group.first];
  };
}

for (const text of ['key = [[word, ring', 'key = [-word, ring']) {
  const tokens = tokenizer.encode(text);
  const value = carried(tokens);
  const heads = tokens.map((id) => `\`${tokenizer.token(id)}\``);
  console.log(`| channel | mean | ${heads.join(' | ')} |\n|---|---|${'---|'.repeat(tokens.length)}`);
  for (let channel = 0; channel < space.size; channel++) {
    if (!kept[channel]) continue;
    const along = tokens.map((_, t) => value(channel, t).toFixed(2));
    console.log(`| ${space.name(channel)} | ${own.means[channel].toFixed(2)} | ${along.join(' | ')} |`);
  }
  console.log();
}

const random = new lib.Random(1);
const words = 'box lamp ring hat cup key map item name data word line node tree size color row step part rate'.split(
  ' ',
);
const word = () => random.pick(words);
const list = (n) => Array.from({ length: n }, word).join(', ');
const times = (n, make) => Array.from({ length: n }, make).join('');
/** Prompts by what they try: the beginning before the bracket in question, and the items after it. */
const trials = [
  ...[2, 4, 8, 12, 16, 20, 24].map((n) => [`${n} items`, () => [`${word()} = [`, list(n)]]),
  ...[1, 2, 3].map((n) => [
    `${n} closed inner before`,
    () => [`${word()} = [${times(n, () => `[${list(2)}], `)}`, list(2)],
  ]),
  ...[1, 2, 3].map((n) => [
    `${n} lines with a list before`,
    () => [`${times(n, () => `${word()} = [${list(2)}]\n`)}${word()} = [`, list(2)],
  ]),
  ...[1, 2].map((n) => [
    `${n} lines with a nested list before`,
    () => [`${times(n, () => `${word()} = [${word()}, [${list(2)}]]\n`)}${word()} = [`, list(2)],
  ]),
];
console.log('| prompt | model, deep | model, flat | circuit, deep | circuit, flat |\n|---|---|---|---|---|');
for (const [what, make] of trials) {
  const cells = [];
  for (const mask of [all, kept]) {
    for (const deep of [true, false]) {
      const questions = Array.from({ length: 40 }, () => {
        const [before, inside] = make();
        const tokens = tokenizer.encode(`${before}${deep ? '[' : ''}${inside}`);
        return deep ? { tokens, right: both, wrong: single } : { tokens, right: single, wrong: both };
      });
      cells.push(`${Math.round(100 * lib.shareRight(await lib.maskedMargins(own, questions, mask), questions))} %`);
    }
  }
  console.log(`| ${what} | ${cells.join(' | ')} |`);
}
