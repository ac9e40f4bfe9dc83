import { stat } from 'node:fs/promises';
import type { Theme } from '@filigree/view';
import { type Command, Option } from 'commander';
import { type Circuit, EdgeGraph, fromCircuit, InputError } from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import {
  addSignOption,
  circuitIn,
  formatOf,
  openCircuit,
  type SignOptions,
  type WrittenFormat,
  writtenFormats,
} from '../circuit-files.js';
import { storeModel } from '../model-storage.js';
import { openModel } from '../open.js';
import { addTalkOptions, choice, type TalkOptions } from '../options.js';
import { checkOutputs } from '../outputs.js';
import { probabilisticFormat } from '../pc-files.js';
import { themeOption } from '../pictures.js';
import type { Run, Session } from '../session.js';
import { count } from '../table.js';
import { drawProbabilistic } from './pc-draw.js';

interface ConvertOptions extends TalkOptions, SignOptions {
  to?: WrittenFormat | Storage;
  model?: string;
  theme?: Theme;
}

/** How a model's matrices may be stored: all values, or the nonzero ones. */
const storages = ['dense', 'sparse'] as const;
type Storage = (typeof storages)[number];

export function addConvert(program: Command, run: Run): void {
  const command = program
    .command('convert')
    .description('write a circuit file in another format, or a model with its zeros or without')
    .argument(
      '<in>',
      "a circuit or scores of filigree, a graph of EAP-IG, MIB or Neuronpedia, edges of ACDC, a probabilistic circuit, or a model's folder",
    )
    .argument('<out>', 'what to write; its ending says the format')
    .summary('write a circuit file in another format')
    .addOption(
      new Option(
        '--to <format>',
        `${writtenFormats.join(', ')} (default: by the ending of <out>); of a model ${storages.join(', ')}`,
      ).argParser(choice('--to', [...writtenFormats, ...storages])),
    )
    .option('--model <model>', 'the model that the circuit is a part of, for what the file does not say of it')
    .addOption(themeOption('colours of a PNG: light or dark (default: light)'));
  addTalkOptions(addSignOption(command))
    .addHelpText(
      'after',
      `
Examples:
  filigree convert pronoun.circuit.json pronoun.mib.json
  filigree convert graph.json theirs.circuit.json --model models/mix4
  filigree convert pronoun.circuit.json pronoun.svg
  filigree convert pronoun.circuit.json pronoun.png --theme dark
  filigree convert my-sparse-model whole-model --to dense

Endings: .circuit.json, .mib.json or .eap.json (graph of EAP-IG and MIB), .acdc.json (edges that ACDC kept), .graph.json or
.neuronpedia.json (attribution graph of circuit-tracer and Neuronpedia), .dot or .gv (Graphviz), .svg, .png. ACDC pickles its edges;
this writes them as JSON in Python:
  json.dump([[[c, i.hashable_tuple, p, j.hashable_tuple], e] for (c, i, p, j), e in pickle.load(f)], out)`,
    )
    .action((from: string, to: string, options: ConvertOptions) =>
      run((session) => convert(from, to, options, session), options),
    );
}

async function convert(from: string, to: string, options: ConvertOptions, session: Session): Promise<void> {
  const folder = (await stat(from).catch(() => undefined))?.isDirectory() ?? false;
  if (isStorage(options.to) !== folder) {
    throw new InputError(
      folder
        ? `${from} is a model; say --to dense or --to sparse.`
        : `--to ${options.to} goes with a model's folder, which ${from} is not.`,
    );
  }
  if (isStorage(options.to)) {
    const bytes = await storeModel(from, to, options.to === 'sparse');
    if (session.json) session.print({ from: { folder: from }, to: { folder: to, storage: options.to, bytes } });
    else session.say(`wrote ${to}: parameters of ${count(bytes)} bytes`);
    return;
  }
  if (probabilisticFormat(from)) return drawProbabilistic(from, to, {}, session);
  const format = options.to ?? formatOf(to);
  if (options.theme !== undefined && format !== 'png') {
    throw new InputError(
      `--theme goes with PNG; ${format === 'svg' ? 'an SVG follows its reader' : `${format} has no colours to choose`}.`,
    );
  }
  await checkOutputs({ out: to });
  const { circuit: read, kind } = await openCircuit(from, options.sign);
  const circuit = options.model === undefined ? read : await placed(read, from, options.model, session);
  const { shape } = circuit.provenance;
  if ((format === 'mib' && shape?.width === undefined) || (format === 'acdc' && !shape)) {
    throw new InputError(
      `${from} does not say the shape of its model, which ${to} has to; give the model with --model.`,
    );
  }
  await writeFileAtomic(to, await circuitIn(format, circuit, options.sign, options.theme ?? 'light'));
  const kept = circuit.edges.kept.filter(Boolean).length;
  const facts = { nodes: circuit.nodes.id.length, edges: circuit.edges.source.length, kept };
  if (session.json) session.print({ from: { file: from, kind }, to: { file: to, kind: format }, ...facts });
  else session.say(`wrote ${to} (${format}): ${count(kept)} of ${count(facts.edges)} edges kept`);
}

const isStorage = (to: string | undefined): to is Storage => to === 'dense' || to === 'sparse';

/** The circuit with what its model says of it. Throws InputError where it does not fit the model. */
async function placed(circuit: Circuit, file: string, name: string, session: Session): Promise<Circuit> {
  const { checkpoint, label } = await openModel(name, session);
  const { layers, heads, width, parallel = false } = checkpoint.config;
  fromCircuit(circuit, new EdgeGraph(checkpoint.config), file);
  const hash = await checkpoint.hash();
  const { modelHash } = circuit.provenance;
  if (modelHash !== '' && modelHash !== hash) {
    throw new InputError(`${file} was found in another model than ${label}, whose weights differ.`);
  }
  const shape = { layers, heads, width, parallel };
  return { ...circuit, provenance: { ...circuit.provenance, model: label, modelHash: hash, shape } };
}
