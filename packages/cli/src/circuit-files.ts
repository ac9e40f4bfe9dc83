import { circuitSvg, type Theme } from '@filigree/view';
import { type Command, Option } from 'commander';
import {
  acdcEdgesText,
  attributionGraphText,
  type Circuit,
  circuitDot,
  circuitText,
  InputError,
  mibGraphText,
  readCircuitFile,
  type Sign,
} from 'filigree';
import { readTextFile } from './open.js';
import { choice } from './options.js';

/** How circuits can be written, with the ends of names that stand for each. */
const endings = {
  circuit: ['.circuit.json'],
  mib: ['.mib.json', '.eap.json'],
  acdc: ['.acdc.json'],
  graph: ['.graph.json', '.neuronpedia.json'],
  dot: ['.dot', '.gv'],
  svg: ['.svg'],
  png: ['.png'],
} as const;

export type WrittenFormat = keyof typeof endings;

export const writtenFormats = Object.keys(endings) as WrittenFormat[];

export interface SignOptions {
  sign: Sign;
}

/** The option that says what the scores in files of others are of. */
export function addSignOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--sign <of>',
      'scores in files of EAP-IG, MIB and ACDC are of a loss, and change sign; as-is: leave them',
    )
      .argParser(choice('--sign', ['loss', 'as-is']))
      .default('loss'),
  );
}

/** Reads any file that holds a circuit or scores. */
export async function openCircuit(path: string, sign: Sign): Promise<ReturnType<typeof readCircuitFile>> {
  return readCircuitFile(await readTextFile(path), path, { sign });
}

/** The format that a file's name asks for. Throws InputError where it could be several. */
export function formatOf(path: string): WrittenFormat {
  const found = writtenFormats.find((format) => endings[format].some((end) => path.toLowerCase().endsWith(end)));
  if (found) return found;
  const known = writtenFormats.flatMap((format) => endings[format]).join(', ');
  throw new InputError(`What ${path} should be is not clear from its name; end it in ${known}, or say it with --to.`);
}

/** A circuit in a format, as text or as an image of a theme's colours. Throws InputError where there is nothing to draw. */
export async function circuitIn(
  format: WrittenFormat,
  circuit: Circuit,
  sign: Sign,
  theme: Theme,
): Promise<string | Uint8Array> {
  if (format === 'circuit') return circuitText(circuit);
  if (format === 'mib') return mibGraphText(circuit, { sign });
  if (format === 'graph') return attributionGraphText(circuit);
  if (format === 'acdc') return acdcEdgesText(circuit, { sign });
  if (!circuit.edges.kept.includes(true))
    throw new InputError('The circuit keeps no edges, so there is nothing to draw.');
  if (format === 'dot') return circuitDot(circuit);
  const drawing = circuitSvg(circuit);
  if (format === 'svg') return `${drawing}\n`;
  // The renderer is a library of several megabytes, which only pictures need.
  const { svgToPng } = await import('./png.js');
  return svgToPng(drawing, { theme });
}
