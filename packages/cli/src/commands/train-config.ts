import {
  type Dataset,
  glyphs,
  InputError,
  loadMlp,
  readTrainingConfig,
  type Split,
  saveMlp,
  splitAt,
  startModel,
  type TrainingConfig,
  trainClassifier,
  trainingCost,
} from 'filigree';
import { openDataset, openFile, startEngine } from 'filigree/node';
import { allowRelaxedSimd } from '../engine.js';
import { readJsonFile } from '../open.js';
import type { Session } from '../session.js';
import { count } from '../table.js';
import { TrainingFolder } from '../training-folder.js';

export interface ConfigTraining {
  readonly config: string;
  readonly out: string;
  readonly resume?: boolean;
  readonly threads?: number;
  readonly seed?: number;
}

/** Trains what a configuration file describes. */
export async function trainFromConfig(options: ConfigTraining, session: Session): Promise<void> {
  const read = readTrainingConfig(await readJsonFile(options.config), options.config);
  const config: TrainingConfig = options.seed === undefined ? read : { ...read, seed: options.seed };
  const split = await openSplit(config);
  allowRelaxedSimd();
  startEngine({ threads: options.threads });
  const start = config.start === undefined ? undefined : await loadMlp(await openFile(config.start), config.start);
  const model = await startModel(config, split, start);
  const folder = await TrainingFolder.open(options.out, options.resume === true);
  const result = await session.during(`training ${config.method.kind}`, ({ signal, onProgress }) =>
    trainClassifier(config, model, split, {
      signal,
      onProgress: ({ step, steps }) => onProgress({ done: step, total: steps, unit: 'steps' }),
      onEpoch: ({ epoch, step, loss, figures }) => folder.record({ step, epoch, loss, ...figures }),
      checkpoint: { store: folder },
    }),
  );
  const { history, rewirings, stopped } = result;
  const { accuracy } = history[history.length - 1].figures;
  const cost = trainingCost(model, config.optimiser.kind === 'sgd' ? 1 : 2);
  const record = {
    config,
    accuracy,
    loss: result.loss,
    steps: result.steps,
    stopped,
    rewirings: rewirings.length,
    cost,
    history,
  };
  const provenance = { config, accuracy, steps: result.steps };
  await folder.finish(new Map([['model.safetensors', await saveMlp(model, provenance)]]), record);
  if (session.json) return session.print(record);
  session.say(
    `${count(history.length)} epochs${stopped ? ' (nothing got better)' : ''}, loss ${history[history.length - 1].loss.toFixed(4)}, ` +
      `${(100 * accuracy).toFixed(2)} % of ${count(split.test.samples)} unseen samples right`,
  );
  session.say(
    `${count(cost.size)} of ${count(cost.dense)} weights compute (${((100 * cost.size) / cost.dense).toFixed(1)} %); ` +
      `${count(cost.forward)} multiply-adds a sample forward, ${count(cost.inputs + cost.weights)} backward`,
  );
  session.say(`wrote ${options.out}: model.safetensors, training.json, metrics.jsonl`);
}

async function openSplit({ data, train }: TrainingConfig): Promise<Split> {
  const all: Dataset =
    'path' in data
      ? await openDataset(data.path, { label: data.label })
      : glyphs({ ...data, easy: data.kind === 'glyphs-easy' });
  if (all.samples < 2) throw new InputError(`${all.name} has too few samples to train and test on`);
  return splitAt(all, train ?? Math.max(1, Math.floor(0.8 * all.samples)));
}
