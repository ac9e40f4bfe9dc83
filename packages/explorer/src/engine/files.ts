import {
  attributionGraphText,
  circuitDot,
  circuitText,
  compareCircuits,
  InputError,
  mibGraphText,
  readCircuitFile,
} from 'filigree';
import { isDistribution, readDistribution } from './distribution.js';
import type { Ask, Got, OpenedFile } from './protocol.js';

/** Reads any file that the page can show; what it is is told from its name, then from what it holds. */
export async function readFile(ask: Ask<'readFile'>): Promise<OpenedFile> {
  const { name, content } = ask;
  if (isDistribution(name)) return readDistribution(ask);
  if (/\.(vtree|html?|jsonl|safetensors|md|txt|csv|data)$/i.test(name)) {
    throw new InputError(
      `${name} is not something that this page shows: give a circuit (.json, .psdd, .jpc, .sdd, .nnf, .fpc) or the folder of a model.`,
    );
  }
  const { circuit, kind } = readCircuitFile(await content.text(), name);
  return { what: 'circuit', circuit, format: kind };
}

export function write({ circuit, format, ...options }: Ask<'write'>): Got<'write'> {
  if (format === 'graph') return attributionGraphText(circuit, options);
  if (format === 'mib') return mibGraphText(circuit);
  return format === 'dot' ? circuitDot(circuit) : circuitText(circuit);
}

export function compare({ first, second }: Ask<'compare'>): Got<'compare'> {
  return compareCircuits(first, second);
}
