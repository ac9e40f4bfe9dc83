import {
  type Ablation,
  at,
  type Batch,
  type MetricName,
  makeBatch,
  metric,
  noGrad,
  type Pair,
  runSources,
  Scope,
  scope,
  type Tensor,
} from 'filigree';
import type { Ask, Judged, Question } from './protocol.js';
import { ablationOf, mean, metricOf, pairsOf, type Used, usedOf } from './used.js';
import type { Working } from './worker.js';

/** What a question needs that does not depend on the circuit, kept while the reader changes the circuit. */
interface Prepared {
  readonly state: Scope;
  readonly batch: Batch;
  readonly cut: Tensor;
  readonly cleanLogits: Tensor;
  readonly clean: number;
  readonly corrupt: number;
  readonly empty: number;
}

const prepared = new Map<string, Promise<Prepared>>();
/** Questions that are kept, and most bytes that one may keep. */
const mostPrepared = 3;
const preparedBytes = 256 * 2 ** 20;

/** The runs of a question on both prompts; undefined where they would take too much memory to be kept. */
function prepare(
  used: Used,
  question: Question,
  pairs: readonly Pair[],
  ablation: Ablation,
): Promise<Prepared> | undefined {
  const { model, graph } = used.loaded;
  const length = Math.max(...pairs.map(({ clean }) => clean.length));
  if (3 * graph.sources.length * pairs.length * length * model.config.width * 4 > preparedBytes) return undefined;
  const key = JSON.stringify([used.modelKey, used.level, question, pairs.map(({ clean }) => clean)]);
  const found = prepared.get(key) ?? runBoth(used, metricOf(question.metric), pairs, ablation);
  prepared.delete(key);
  prepared.set(key, found);
  found.catch(() => prepared.delete(key));
  for (const [oldest, old] of prepared) {
    if (prepared.size <= mostPrepared) break;
    prepared.delete(oldest);
    void old.then(({ state }) => state.dispose());
  }
  return found;
}

async function runBoth(used: Used, name: MetricName, pairs: readonly Pair[], ablation: Ablation): Promise<Prepared> {
  const { model, graph } = used.loaded;
  const state = new Scope();
  const batch = makeBatch(pairs);
  const runs = state.run(() => ({
    batch,
    clean: runSources(model, graph, batch.clean, batch.last),
    corrupt: runSources(model, graph, batch.corrupt, batch.last),
  }));
  const cut = state.run(() => noGrad(() => ablation.values(runs)));
  const cleanLogits = runs.clean.logits;
  const of = async (logits: Tensor): Promise<number> => {
    const values = scope(() => noGrad(() => metric(name, logits, pairs, cleanLogits)));
    const result = mean(Float64Array.from(await values.data()));
    values.dispose();
    return result;
  };
  const empty = scope(() => at(used.run(batch, cut, new Uint8Array(used.total)), 0, 0));
  const result = {
    clean: await of(cleanLogits),
    corrupt: await of(runs.corrupt.logits),
    empty: await of(empty),
  };
  empty.dispose();
  return { state, batch, cut, cleanLogits, ...result };
}

export async function judge({ circuit, kept, question }: Ask<'judge'>, working: Working): Promise<Judged> {
  const start = performance.now();
  const used = usedOf(circuit);
  const pairs = await pairsOf(used, question);
  const ablation = await ablationOf(used, question.ablation, await pairsOf(used, question, 'discovery'), working);
  const name = metricOf(question.metric);
  const ready = await prepare(used, question, pairs, ablation);
  working.signal.throwIfAborted();
  let figures: Pick<Judged, 'clean' | 'corrupt' | 'empty' | 'circuit'>;
  if (ready) {
    const values = scope(() =>
      noGrad(() => {
        return metric(name, at(used.run(ready.batch, ready.cut, kept), 0, 0), pairs, ready.cleanLogits);
      }),
    );
    const own = mean(Float64Array.from(await values.data()));
    values.dispose();
    const { clean, corrupt, empty } = ready;
    figures = { clean, corrupt, empty, circuit: own };
  } else {
    const sets = [kept, new Uint8Array(used.total)];
    const measured = await used.measure(pairs, sets, { ...working, metric: name, ablation });
    const [own, empty] = measured.circuits.map(mean);
    figures = { clean: mean(measured.clean), corrupt: mean(measured.corrupt), empty, circuit: own };
  }
  return {
    pairs: pairs.length,
    ...figures,
    faithfulness: (figures.circuit - figures.empty) / (figures.clean - figures.empty),
    milliseconds: performance.now() - start,
  };
}
