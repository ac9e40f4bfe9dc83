import { type Evaluation, evaluateNodeScores, evaluateScores } from 'filigree';
import type { Ask, CurveData } from './protocol.js';
import { ablationOf, metricOf, pairsOf, usedOf } from './used.js';
import type { Working } from './worker.js';

/** Faithfulness of the first units of the ranking, for sizes over the whole range. */
export async function curve({ circuit, question, ranking }: Ask<'curve'>, working: Working): Promise<CurveData> {
  const used = usedOf(circuit);
  const { model, graph } = used.loaded;
  const { level, scores } = used;
  const pairs = await pairsOf(used, question);
  const ablation = await ablationOf(used, question.ablation, await pairsOf(used, question, 'discovery'), working);
  const options = {
    ...working,
    metric: metricOf(question.metric),
    ablation,
    ranking,
    sizes: curveSizes(used.total),
    randomCircuits: 3,
    seed: question.seed,
  };
  return curveData(
    level === 'edge'
      ? await evaluateScores(model, graph, scores, pairs, options)
      : await evaluateNodeScores(model, { graph, level, scores }, pairs, options),
  );
}

/** About twelve sizes, evenly spread on a logarithmic axis. */
function curveSizes(total: number): number[] {
  const sizes = Array.from({ length: 12 }, (_, i) => Math.round(total ** (i / 11)));
  return [...new Set(sizes)];
}

export function curveData(evaluation: Pick<Evaluation, 'sizes' | 'faithfulness' | 'interval' | 'random'>): CurveData {
  const { sizes, faithfulness, interval, random } = evaluation;
  const finite = (values: readonly number[]): (number | null)[] => values.map((x) => (Number.isFinite(x) ? x : null));
  return {
    sizes: [...sizes],
    faithfulness: finite(faithfulness),
    low: finite(interval.low),
    high: finite(interval.high),
    ...(random ? { random: finite(random.mean), randomLow: finite(random.low), randomHigh: finite(random.high) } : {}),
  };
}
