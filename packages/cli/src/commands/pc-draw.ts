import { circuitSvg } from '@filigree/view';
import { type Command, Option } from 'commander';
import {
  type Circuit,
  type CircuitNotes,
  circuitDot,
  circuitText,
  edgeUse,
  InputError,
  keepMostUsed,
  modelHash,
  type ProbabilisticCircuit,
  probabilisticGraph,
} from 'filigree';
import { writeFileAtomic } from 'filigree/node';
import { choice, type TalkOptions, wholeNumber } from '../options.js';
import { checkOutputs } from '../outputs.js';
import { checkCircuitName, notesOf, openCircuit, saveCircuit } from '../pc-files.js';
import { circuitCommand } from '../pc-options.js';
import type { Run, Session } from '../session.js';
import { count } from '../table.js';

interface DrawOptions extends TalkOptions {
  vtree?: string;
  edges: number;
  theme: 'light' | 'dark';
}

const pictures = ['.svg', '.png', '.dot', '.gv', '.circuit.json'] as const;

const endingOf = (path: string): string | undefined => pictures.find((end) => path.toLowerCase().endsWith(end));

export function addPcDraw(group: Command, run: Run): void {
  circuitCommand(group, 'draw', 'draw a circuit, or write it as the shared graph that all circuits have')
    .argument('<out>', `what to write; its ending says the format: ${pictures.join(', ')}`)
    .addOption(
      new Option('--edges <n>', 'how many edges to keep, the most used ones that hang together')
        .argParser(wholeNumber('--edges', 1, 100_000))
        .default(150),
    )
    .addOption(
      new Option('--theme <name>', 'colours of a PNG: light or dark')
        .argParser(choice('--theme', ['light', 'dark']))
        .default('light'),
    )
    .action((path: string, out: string, options: DrawOptions) =>
      run((session) => draw(path, out, options, session), options),
    );
  circuitCommand(group, 'convert', "write a circuit as Juice's text (.jpc) or in filigree's own format (.fpc)")
    .argument('<out>', 'a name that ends in .jpc or .fpc')
    .action((path: string, out: string, options: TalkOptions & { vtree?: string }) =>
      run(async (session) => {
        checkCircuitName('<out>', out);
        await checkOutputs({ '<out>': out });
        const circuit = await openCircuit(path, options.vtree);
        const notes = { ...notesOf(circuit), provenance: { from: path, ...circuit.provenance } };
        await saveCircuit(out, circuit, notes, (text) => session.warn(text));
        if (session.json) session.print({ from: path, out, units: circuit.kind.length, edges: circuit.child.length });
        else session.say(`wrote ${out}: ${count(circuit.kind.length)} units, ${count(circuit.child.length)} edges`);
      }, options),
    );
}

async function draw(path: string, out: string, options: DrawOptions, session: Session): Promise<void> {
  await drawProbabilistic(path, out, options, session);
}

/** Writes a probabilistic circuit as a picture or as the shared graph. */
export async function drawProbabilistic(
  path: string,
  out: string,
  options: Partial<DrawOptions>,
  session: Session,
): Promise<void> {
  const ending = endingOf(out);
  if (!ending)
    throw new InputError(`What ${out} should be is not clear from its name; end it in ${pictures.join(', ')}.`);
  await checkOutputs({ '<out>': out });
  const circuit = await openCircuit(path, options.vtree);
  const whole = await graphOf(circuit, path);
  const graph = keepMostUsed(whole, options.edges ?? 150);
  await writeFileAtomic(out, await drawing(graph, ending, path, options.theme ?? 'light'));
  const kept = graph.edges.kept.filter(Boolean).length;
  const facts = { nodes: graph.nodes.id.length, edges: graph.edges.kept.length, kept };
  if (session.json) session.print({ from: path, out, ...facts });
  else session.say(`wrote ${out}: ${count(kept)} of ${count(facts.edges)} edges`);
}

async function graphOf(circuit: ProbabilisticCircuit & CircuitNotes, path: string): Promise<Circuit> {
  const provenance = {
    model: path,
    modelHash: await modelHash(circuit),
    task: '',
    method: 'probabilistic circuit',
    options: {},
    seed: 0,
    metrics: { units: circuit.kind.length, edges: circuit.child.length, variables: circuit.variables },
    made: new Date().toISOString(),
  };
  return probabilisticGraph(circuit, provenance, edgeUse(circuit), circuit.names);
}

async function drawing(
  graph: Circuit,
  ending: string,
  path: string,
  theme: 'light' | 'dark',
): Promise<string | Uint8Array> {
  if (ending === '.circuit.json') return circuitText(graph);
  if (!graph.edges.kept.includes(true)) throw new InputError(`${path} has no edges, so there is nothing to draw.`);
  if (ending === '.dot' || ending === '.gv') return circuitDot(graph);
  // The legend tells of helping and hurting, which edges of a distribution do not do.
  const svg = circuitSvg(graph, { legend: false, title: `Probabilistic circuit ${path}` });
  if (ending === '.svg') return `${svg}\n`;
  const { svgToPng } = await import('../png.js');
  return svgToPng(svg, { theme });
}
