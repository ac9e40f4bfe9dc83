import {
  type Checkpoint,
  EdgeGraph,
  findTask,
  InputError,
  loadTransformer,
  openCheckpoint,
  type Pair,
  type TextPair,
  type Tokenizer,
  type Transformer,
  taskPairs,
} from 'filigree';
import { blobFiles, servedFiles, startEngine } from 'filigree/browser';
import type { Ask, Got, ModelFacts } from './protocol.js';

/** A model that is loaded, with what is told of it. */
export interface Loaded {
  readonly model: Transformer;
  readonly tokenizer: Tokenizer | undefined;
  readonly graph: EdgeGraph;
  readonly facts: ModelFacts;
}

const loaded = new Map<string, Promise<Loaded>>();
let threads = 0;

/** Starts the engine at the first model, so that a page that only shows takes no threads. */
function start(): void {
  if (threads > 0) return;
  // One core is left for the page itself, which would stutter without.
  threads = self.crossOriginIsolated ? Math.max(1, Math.min(8, navigator.hardwareConcurrency - 1)) : 1;
  startEngine({ threads });
}

export async function openModel({ key, name, source }: Ask<'openModel'>): Promise<ModelFacts> {
  const found = loaded.get(key) ?? load(key, name, source);
  loaded.set(key, found);
  try {
    return (await found).facts;
  } catch (error) {
    loaded.delete(key);
    throw error;
  }
}

async function load(key: string, name: string, source: Ask<'openModel'>['source']): Promise<Loaded> {
  start();
  const files = source.kind === 'served' ? servedFiles(source.base, source.files, name) : blobFiles(name, source.files);
  const checkpoint: Checkpoint = await openCheckpoint(files);
  const tokenizer = (await files.has('tokenizer.json')) ? await checkpoint.tokenizer() : undefined;
  const model = await loadTransformer(checkpoint);
  const { config } = checkpoint;
  const graph = new EdgeGraph(config);
  let parameters = 0;
  for (const { shape } of model.parameters.values()) parameters += shape.reduce((a, b) => a * b, 1);
  const { architecture, layers, heads, width, mlpWidth, vocabulary, context } = config;
  const facts: ModelFacts = {
    key,
    name,
    hash: await checkpoint.hash(),
    architecture,
    layers,
    heads,
    width,
    mlpWidth,
    vocabulary,
    context,
    parameters,
    edges: graph.edges,
    nodes: graph.sources.length,
    hasTokenizer: tokenizer !== undefined,
    threads,
  };
  return { model, tokenizer, graph, facts };
}

/** A model that `openModel` has opened. */
export async function modelOf(key: string): Promise<Loaded> {
  const found = loaded.get(key);
  if (!found) throw new Error(`the model ${key} is not open`);
  return found;
}

export async function logits({ model: key, ids, text }: Ask<'logits'>): Promise<Got<'logits'>> {
  const { model, tokenizer } = await modelOf(key);
  const tokens = ids ?? needTokenizer(tokenizer).encode(text ?? '');
  const run = model.run([tokens], { at: [tokens.length - 1] });
  const data = Float32Array.from(await run.logits.data());
  run.logits.dispose();
  return { ids: tokens, logits: data };
}

export async function texts({ model, task, count, part, seed }: Ask<'texts'>): Promise<TextPair[]> {
  return (await pairsOfTask(model, task, count, part, seed)).map((pair) => pair.text as TextPair);
}

export async function pairsOfTask(
  key: string,
  task: string,
  count: number,
  part: 'discovery' | 'evaluation',
  seed: number,
): Promise<Pair[]> {
  const { model, tokenizer } = await modelOf(key);
  return taskPairs(findTask(task), tokenizer, { count, part, seed, context: model.config.context }).pairs;
}

export function needTokenizer(tokenizer: Tokenizer | undefined): Tokenizer {
  if (!tokenizer) throw new InputError('The model has no tokenizer.json, so text cannot be turned into tokens.');
  return tokenizer;
}
