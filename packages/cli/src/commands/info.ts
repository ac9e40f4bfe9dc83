import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { type Circuit, EdgeGraph, InputError, loadMlp, readCircuit } from 'filigree';
import { openFile } from 'filigree/node';
import { countParameters } from '../engine.js';
import { strongestUnits, unitLines } from '../measured.js';
import { matrixLines, sparseMatrices } from '../model-storage.js';
import { openModel, readTextFile } from '../open.js';
import { addTalkOptions, type TalkOptions } from '../options.js';
import { probabilisticFormat } from '../pc-files.js';
import type { Run, Session } from '../session.js';
import { networkFacts, sayLayers } from '../sparse-facts.js';
import { count } from '../table.js';
import { probabilisticInfo } from './pc.js';

export function addInfo(program: Command, run: Run): void {
  const command = program
    .command('info')
    .description('say what a model, a circuit file or a sparse network is')
    .argument(
      '<model-or-circuit>',
      "a model's folder, a Hub id, a circuit file (also a probabilistic one), or a network of train or prune (.safetensors)",
    )
    .summary('what a model or a circuit is');
  addTalkOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  filigree info models/mix4
  filigree info pronoun.circuit.json --json
  filigree info sparse.safetensors`,
    )
    .action((path: string, options: TalkOptions) =>
      run(async (session) => {
        const isFile = (await stat(path).catch(() => undefined))?.isFile();
        if (isFile && path.endsWith('.safetensors')) return networkInfo(path, session);
        if (isFile && probabilisticFormat(path)) return probabilisticInfo(path, {}, session);
        await (isFile ? circuitInfo(path, session) : modelInfo(path, session));
      }, options),
    );
}

async function modelInfo(path: string, session: Session): Promise<void> {
  const { checkpoint, label } = await openModel(path, session);
  const { config } = checkpoint;
  const graph = new EdgeGraph(config);
  const facts = {
    name: label,
    architecture: config.architecture,
    parameters: countParameters(checkpoint),
    layers: config.layers,
    heads: config.heads,
    kvHeads: config.kvHeads,
    width: config.width,
    headWidth: config.headWidth,
    mlpWidth: config.mlpWidth,
    vocabulary: config.vocabulary,
    context: config.context,
    tied: config.tied,
    edges: graph.edges,
    hash: await checkpoint.hash(),
  };
  const matrices = sparseMatrices(checkpoint);
  if (session.json) return session.print(matrices.length > 0 ? { ...facts, matrices } : facts);
  sayFacts(facts, session);
  if (matrices.length > 0) session.say(['', ...matrixLines(matrices)].join('\n'));
}

async function networkInfo(path: string, session: Session): Promise<void> {
  const facts = networkFacts(await loadMlp(await openFile(path), path));
  if (session.json) session.print(facts);
  else sayLayers(facts, session);
}

async function circuitInfo(path: string, session: Session): Promise<void> {
  const text = await readTextFile(path);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new InputError(`${path} is not a circuit file; to look at a model, give the folder that it is in.`);
  }
  const circuit = readCircuit(json, path);
  const { provenance } = circuit;
  const facts = {
    kind: circuit.kind,
    level: circuit.level,
    nodes: circuit.nodes.id.length,
    edges: circuit.edges.source.length,
    kept: circuit.edges.kept.filter(Boolean).length,
    ...keptUnits(circuit),
    ...provenance,
  };
  const best = strongestUnits(circuit, 10);
  if (session.json) {
    session.print({ ...facts, strongest: best });
    return;
  }
  // The curve is a table of its own, for programs.
  const { curve: _, ...metrics } = provenance.metrics;
  sayFacts({ ...facts, metrics }, session);
  const what = `strongest ${circuit.level}s, and how the metric changes when each is cut:`;
  session.say(['', what, ...unitLines(best)].join('\n'));
}

/** How many nodes or neurons a circuit of those keeps; nothing for one of edges. */
function keptUnits({ level, nodes }: Circuit): Record<string, number> {
  const sources = nodes.kind.map((kind) => kind !== 'logits');
  const keptNodes = nodes.kept?.filter((kept, i) => kept && sources[i]).length ?? 0;
  if (level === 'node') return { keptNodes };
  const features = nodes.neurons?.reduce((sum, own) => sum + (own?.filter(Boolean).length ?? 0), 0) ?? 0;
  return level === 'neuron' ? { keptNodes, keptNeurons: features } : {};
}

/** One fact a line. */
function sayFacts(facts: Readonly<Record<string, unknown>>, session: Session): void {
  const width = Math.max(...Object.keys(facts).map((key) => key.length));
  for (const [key, value] of Object.entries(facts)) session.say(`${key.padEnd(width)}  ${plain(value)}`);
}

function plain(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? count(value) : value.toPrecision(4);
  if (Array.isArray(value)) return value.map(plain).join(' to ');
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value)
      .map(([key, item]) => `${key} ${plain(item)}`)
      .join(', ');
  }
  return String(value);
}
