import {
  type EdgeScores,
  eap,
  eapIg,
  exactPatching,
  measureCircuits,
  pearson,
  plantedInduction,
  rank,
  rocAuc,
} from 'filigree';
import type { Row, Stages } from '../claim.js';

/** Stages of `plantedRows`. */
export const plantedStages = 5;

/** Pairs that scores are averaged over. */
const pairCount = 64;

/** The sheet's double-precision prototype of the same circuit. */
const prototype: Readonly<Record<string, Row['prototype']>> = {
  'EAP, beta 3': { 'true of 5': 5 },
  'EAP-IG (5), beta 3': { 'true of 5': 5 },
  'EAP, beta 12': { 'true of 5': 2, AUC: 0.84, Pearson: 0.81, 'sum of input': -4.29 },
  'EAP-IG (5), beta 12': { 'true of 5': 5, AUC: 1, Pearson: 0.97 },
  'EAP-IG (20), beta 12': { 'sum of input': -7.588 },
  'EAP, beta 24': { AUC: 0.78 },
  'EAP-IG (5), beta 24': { AUC: 1 },
};

/**
 * How well scores find the planted induction circuit: true edges among the five largest, area under the ROC of |score|, correlation
 * of all 52 signed scores with exact patching, and how far the scores of the input's edges are from the metric's change.
 */
export async function plantedRows(beta: number, seed: number, stages: Stages): Promise<Row[]> {
  const setting = `planted, beta ${beta}`;
  const { model, truth, pairs } = plantedInduction({ beta, seed });
  try {
    const data = pairs(pairCount, seed);
    const exact = await stages.run((o) => exactPatching(model, data, o));
    const { graph } = exact;
    const places = [...graph.places()];
    const isTrue = (place: number): boolean => truth.has(graph.edgeName(place));
    const change = exact.metric.corrupt - exact.metric.clean;
    const judge = ({ scores }: EdgeScores): Row['figures'] => {
      const fromInput = places.filter((p) => graph.ends(p).source === 0).reduce((sum, p) => sum + scores[p], 0);
      return {
        'true of 5': rank(graph, scores, 'abs').slice(0, 5).filter(isTrue).length,
        AUC: rocAuc(
          places.map((p) => Math.abs(scores[p])),
          places.map(isTrue),
        ),
        Pearson: pearson(
          places.map((p) => scores[p]),
          places.map((p) => exact.scores[p]),
        ),
        'sum of input': fromInput,
        'metric change': change,
        'axiom error': Math.abs(fromInput / change - 1),
      };
    };
    const rows: Row[] = [];
    const add = (method: string, scores: EdgeScores, baseline?: boolean): void => {
      rows.push({
        setting,
        method,
        baseline,
        figures: judge(scores),
        seed,
        prototype: prototype[`${method}, beta ${beta}`],
      });
    };
    add('exact', exact);
    add('EAP', await stages.run((o) => eap(model, data, o)), true);
    for (const steps of [5, 20]) {
      const scores = await stages.run((o) => eapIg(model, data, { ...o, rule: 'mid', steps }));
      add(`EAP-IG (${steps})`, scores);
    }
    const nothing = new Uint8Array(graph.tableSize);
    const { corrupt, circuits } = await stages.run((o) => measureCircuits(model, graph, data, [nothing], o));
    const error = Math.max(...corrupt.map((value, i) => Math.abs(value - circuits[0][i])));
    rows.push({ setting, method: 'all edges cut', figures: { error }, seed });
    return rows;
  } finally {
    model.dispose();
  }
}
