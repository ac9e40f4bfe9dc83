import { type Command, Option } from 'commander';
import { compareCircuits, type EdgeOverlap, type Overlap, type Ranking } from 'filigree';
import { addSignOption, openCircuit, type SignOptions } from '../circuit-files.js';
import { addTalkOptions, choice, type TalkOptions } from '../options.js';
import type { Run, Session } from '../session.js';
import { count, figure, table } from '../table.js';

interface CompareOptions extends TalkOptions, SignOptions {
  ranking: Ranking;
}

export function addCompare(program: Command, run: Run): void {
  const command = program
    .command('compare')
    .description('compare the edges of two circuits, the second taken as the truth')
    .argument('<a>', 'a circuit or scores, in any format that convert reads')
    .argument('<b>', 'the circuit to compare it with')
    .summary('compare two circuits')
    .addOption(
      new Option('--ranking <how>', 'what the scores of <a> guess by: abs: |score|; signed: the most helpful first')
        .argParser(choice('--ranking', ['abs', 'signed']))
        .default('abs'),
    );
  addTalkOptions(addSignOption(command))
    .addHelpText(
      'after',
      `
Examples:
  filigree compare mine.circuit.json theirs.mib.json
  filigree compare scores.json truth.circuit.json --json

Precision is the share of A's edges that B has, recall the share of B's that A has, IoU what both have of what either has.
ROC-AUC judges the scores of A as a guess at B's edges (0.5 is chance), where A scores all of these.`,
    )
    .action((a: string, b: string, options: CompareOptions) =>
      run((session) => compare(a, b, options, session), options),
    );
}

async function compare(a: string, b: string, options: CompareOptions, session: Session): Promise<void> {
  const [first, second] = [await openCircuit(a, options.sign), await openCircuit(b, options.sign)];
  const result = compareCircuits(first.circuit, second.circuit, options.ranking);
  if (session.json) {
    session.print({ first: a, second: b, ...result });
    return;
  }
  const auc = (value: number | null): string => figure(value, 3);
  const row = (name: string, of: Overlap, rocAuc: string): string[] => [
    name,
    ...[of.first, of.second, of.both].map(count),
    ...[of.iou, of.precision, of.recall].map((share) => figure(share)),
    rocAuc,
  ];
  const edges = (name: string, of: EdgeOverlap): string[] => row(name, of, auc(of.rocAuc));
  const heads = ['', 'A', 'B', 'both', 'IoU', 'precision', 'recall', 'ROC-AUC'];
  const rows = [
    edges('edges', result.edges),
    edges('nodes', result.nodes),
    ...result.layers.map(({ layer, ...of }) => edges(layer === 'logits' ? 'into logits' : `into layer ${layer}`, of)),
    ...result.kinds.map(({ kind, ...of }) => edges(kind, of)),
  ];
  if (result.edges.first === 0) {
    // Scores without a circuit: overlaps would all be 0, and say nothing.
    const judged = [heads, ...rows].filter((_, i) => i !== 2).map((cells) => [cells[0], cells[2], cells[7]]);
    const note = 'A has no circuit, only scores, which are judged as a guess at the edges of B.';
    session.say([`A  ${a}`, `B  ${b}`, '', note, '', ...table(judged[0], judged.slice(1))].join('\n'));
    return;
  }
  session.say([`A  ${a}`, `B  ${b}`, '', ...table(heads, rows)].join('\n'));
}
