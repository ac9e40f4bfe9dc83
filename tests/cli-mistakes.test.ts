import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { filigree, root } from './command.js';

const folder = mkdtempSync(join(tmpdir(), 'filigree-'));
const at = (name: string): string => join(folder, name);
const model = 'fixtures/tiny-llama';
const pairs = 'fixtures/expected/tiny-llama-pairs.jsonl';
const scores = 'fixtures/expected/tiny-llama-scores.json';
const on = (...more: string[]): string[] => ['discover', model, '--task', pairs, ...more];

/** A copy of the model with one file changed. */
function spoilt(name: string, file: string, change: (path: string) => void, from = model): void {
  cpSync(join(root, from), at(name), { recursive: true });
  change(join(at(name), file));
}

/** Changes the text of a file. */
const edit =
  (change: (text: string) => string) =>
  (path: string): void =>
    writeFileSync(path, change(readFileSync(path, 'utf8')));

/** Changes the JSON header of a safetensors file, its length kept. */
const header =
  (change: (text: string) => string) =>
  (path: string): void => {
    const data = readFileSync(path);
    const length = Number(data.readBigUInt64LE(0));
    data.write(change(data.toString('utf8', 8, 8 + length)).padEnd(length), 8);
    writeFileSync(path, data);
  };

const pair = { clean_ids: [1, 2], corrupt_ids: [1, 3], answer_id: 4, wrong_id: 5 };
const line = (change: object): string => JSON.stringify({ ...pair, ...change });

beforeAll(async () => {
  const weights = 'model.safetensors';
  spoilt('truncated', weights, (path) => truncateSync(path, 30_000));
  spoilt('stub', weights, (path) => truncateSync(path, 5));
  spoilt('no-weights', weights, (path) => rmSync(path));
  spoilt('no-config', 'config.json', (path) => rmSync(path));
  spoilt('lying', weights, (path) => {
    const data = readFileSync(path);
    data.writeBigUInt64LE(2n ** 62n, 0);
    writeFileSync(path, data);
  });
  spoilt(
    'overlong',
    weights,
    header((text) => text.replace(/\[32\]/, '[99]')),
  );
  spoilt(
    'integers',
    weights,
    header((text) => text.replace('"F32"', '"I32"')),
  );
  spoilt(
    'garbled',
    weights,
    header((text) => text.replace('{', '[')),
  );
  spoilt(
    'stranger',
    'config.json',
    edit((text) => text.replace('LlamaForCausalLM', 'MambaForCausalLM')),
  );
  spoilt(
    'scaled',
    'config.json',
    edit((text) => text.replace('"rope_scaling": null', '"rope_scaling": {"type": "yarn"}')),
  );
  spoilt(
    'wider',
    'config.json',
    edit((text) => text.replace('"hidden_size": 32', '"hidden_size": 64')),
  );
  spoilt(
    'badly-read',
    'tokenizer.json',
    edit((text) => text.slice(0, 50)),
    'fixtures/tiny-gpt2',
  );
  spoilt('misfit', 'tokenizer.json', (path) => cpSync(join(root, 'fixtures/tiny-gpt2/tokenizer.json'), path));
  const files = {
    'bad-json.jsonl': `${line({})}\nnonsense`,
    'lacks.jsonl': '{"clean_ids":[1],"corrupt_ids":[2],"answer_id":3}',
    'unequal.jsonl': line({ corrupt_ids: [1] }),
    'outside.jsonl': line({ answer_id: 72 }),
    'long.jsonl': line({ clean_ids: Array(65).fill(1), corrupt_ids: Array(65).fill(2) }),
    'wide.jsonl': line({ clean_ids: Array(64).fill(1), corrupt_ids: Array(64).fill(2) }),
    'empty.jsonl': '\n',
    'text.jsonl': '{"clean":"a","corrupt":"b","answer":" c","wrong":" d"}',
    'several.jsonl': '{"clean":"the","corrupt":"the","answer":" zzzzqqqq","wrong":" a"}',
    'not.circuit.json': '{"format":"something"}',
    'cut.circuit.json': '{"format":"filigree-circuit","version":1',
    'few-scores.json': '{"sources":["input"],"destinations":["logits"],"scores":[[1]]}',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text);
  mkdirSync(at('outputs'));
  const made = await filigree('discover', 'fixtures/tiny-mistral', '--task', pairs, '--out', at('other.circuit.json'));
  expect(made.code, made.stderr).toBe(0);
}, 300_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const other = 'fixtures/tiny-gpt2';
const cases: [what: string, args: string[], says: RegExp][] = [
  ['an unknown command', ['discovr', model], /unknown command.*discover/],
  ['an unknown option', on('--siez', '3'), /unknown option.*--size/],
  ['help on no command', ['help', 'nothing'], /command/],
  ['no model', ['discover', '--task', pairs], /model/],
  ['no task', ['discover', model], /--task/],
  ['two models', on('twice'), /too many arguments/],
  ['an unknown task', ['discover', model, '--task', 'pronuon'], /pronoun/],
  ['an unknown method', on('--method', 'eap-gi'), /eap-ig/],
  ['an unknown metric', on('--metric', 'logits-diff'), /logit-diff/],
  ['an unknown rule', on('--rule', 'write'), /right/],
  ['an unknown selection', on('--select', 'tops'), /top/],
  ['a negative size', on('--size', '-3'), /--size/],
  ['a broken size', on('--size', '2.5'), /--size/],
  ['a size beyond all edges', on('--size', '111'), /110 edges/],
  ['negative sizes', ['evaluate', model, '--task', pairs, '--scores', scores, '--sizes', '10,-2'], /--sizes/],
  ['sizes beyond all edges', ['evaluate', model, '--task', pairs, '--scores', scores, '--sizes', '500'], /110 edges/],
  ['no steps', on('--steps', '0'), /--steps/],
  ['steps for eap', on('--method', 'eap', '--steps', '3'), /eap-ig/],
  ['a gradient that is zero', on('--method', 'eap', '--metric', 'kl'), /kl/],
  ['a negative threshold', on('--tau', '-1'), /--tau/],
  ['a threshold beyond all scores', on('--tau', '1000'), /strongest/],
  ['no threshold', on('--select', 'threshold'), /--tau/],
  ['a threshold and a size', on('--tau', '0.1', '--size', '3'), /--size/],
  ['no pairs', on('--limit', '0'), /--limit/],
  ['no threads', on('--threads', '0'), /--threads/],
  ['strange memory', on('--memory', 'lots'), /512M/],
  ['too little memory', ['discover', model, '--task', at('wide.jsonl'), '--memory', '1M'], /--memory/],
  ['a missing folder', ['discover', at('nowhere'), '--task', pairs], /nowhere/],
  ['a file for a model', ['discover', `${model}/config.json`, '--task', pairs], /folder/],
  ['truncated weights', ['discover', at('truncated'), '--task', pairs], /truncated/],
  ['weights of no length', ['discover', at('stub'), '--task', pairs], /model\.safetensors/],
  ['no weights', ['discover', at('no-weights'), '--task', pairs], /safetensors/],
  ['no config', ['discover', at('no-config'), '--task', pairs], /config\.json/],
  ['a header that lies about its length', ['discover', at('lying'), '--task', pairs], /model\.safetensors/],
  ['a header that lies about a shape', ['discover', at('overlong'), '--task', pairs], /safetensors|tensor/],
  ['a garbled header', ['discover', at('garbled'), '--task', pairs], /model\.safetensors/],
  ['whole numbers for weights', ['discover', at('integers'), '--task', pairs], /I32/],
  ['an unsupported architecture', ['discover', at('stranger'), '--task', pairs], /MambaForCausalLM/],
  ['an unsupported config', ['discover', at('scaled'), '--task', pairs], /rope|yarn/],
  ['a config of another width', ['discover', at('wider'), '--task', pairs], /shape/],
  ['a damaged tokenizer', ['generate', at('badly-read'), '--prompt', 'the'], /tokenizer\.json/],
  ['a tokenizer that does not fit', ['discover', at('misfit'), '--task', pairs], /tokenizer/],
  ['text without a tokenizer', ['discover', model, '--task', 'pronoun'], /tokenizer/],
  ['rows of text without a tokenizer', ['discover', model, '--task', at('text.jsonl')], /line 1.*tokenizer/],
  ['a prompt without a tokenizer', ['generate', model, '--prompt', 'the'], /tokenizer/],
  ['a missing file of pairs', ['discover', model, '--task', 'none.jsonl'], /none\.jsonl/],
  ['a folder for pairs', ['discover', model, '--task', './fixtures'], /folder/],
  ['a bad row', ['discover', model, '--task', at('bad-json.jsonl')], /line 2/],
  ['a row that lacks a field', ['discover', model, '--task', at('lacks.jsonl')], /line 1.*wrong_id/],
  ['prompts of unequal length', ['discover', model, '--task', at('unequal.jsonl')], /line 1.*equally long/],
  ['ids outside the vocabulary', ['discover', model, '--task', at('outside.jsonl')], /line 1.*72/],
  ['prompts longer than the context', ['discover', model, '--task', at('long.jsonl')], /line 1.*context is 64/],
  ['no rows', ['discover', model, '--task', at('empty.jsonl')], /no rows/],
  ['an answer of several tokens', ['discover', other, '--task', at('several.jsonl')], /line 1.*zzzzqqqq.*tokens/],
  ['other pairs that are the same', on('--evaluate-on', pairs), /--evaluate-on/],
  ['an output in no folder', on('--out', at('none/a.json')), /no folder/],
  ['an output that is a folder', on('--report', at('outputs')), /folder/],
  ['one file for two outputs', on('--out', at('outputs/x'), '--scores', at('outputs/x')), /--scores/],
  ['nothing to evaluate', ['evaluate', model, '--task', pairs], /--circuit FILE or --scores FILE/],
  ['a missing circuit', ['evaluate', model, '--task', pairs, '--circuit', at('none.json')], /none\.json/],
  ['a file that is no circuit', ['evaluate', model, '--task', pairs, '--circuit', at('not.circuit.json')], /circuit/],
  ['a circuit cut short', ['evaluate', model, '--task', pairs, '--circuit', at('cut.circuit.json')], /JSON/],
  [
    "another model's circuit",
    ['evaluate', model, '--task', pairs, '--circuit', at('other.circuit.json')],
    /another model/,
  ],
  ["another model's scores", ['evaluate', model, '--task', pairs, '--scores', at('few-scores.json')], /lacks/],
  ['info on a file of pairs', ['info', pairs], /not a circuit/],
  ['ids that are none', ['logits', model, '--ids', '1,two'], /--ids/],
  ['an id that is too large', ['logits', model, '--ids', '1,72'], /72/],
  ['too many ids', ['logits', model, '--ids', Array(65).fill(1).join(',')], /context is 64/],
  ['a negative temperature', ['generate', other, '--prompt', 'the', '--temperature', '-1'], /--temperature/],
  ['a prompt longer than the context', ['generate', other, '--prompt', 'the '.repeat(500)], /context/],
];

describe('a mistake gets one line, code 2, and no file', () => {
  it.each(cases)('%s', async (_, args, says) => {
    const own = mkdtempSync(at('outputs/'));
    const outputs = args.includes('--out') || args[0] !== 'discover' ? [] : ['--out', join(own, 'out.json')];
    const { code, stdout, stderr } = await filigree(...args, ...outputs);
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n').length, stderr).toBe(1);
    expect(stderr).toMatch(/^filigree: /);
    expect(stderr).toMatch(says);
    expect(stderr).not.toMatch(/\bat .*:\d+:\d+|internal error/);
    expect(readdirSync(own)).toEqual([]);
  });
});
