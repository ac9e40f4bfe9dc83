import { InputError } from '../errors.js';
import {
  add,
  contiguous,
  div,
  minimum,
  mul,
  Random,
  scope,
  sqrt,
  square,
  sum,
  type Tensor,
  valueAndGrad,
} from '../tensor/index.js';
import type { EpochRecord, FitOptions, FitResult, Trainable, TrainingData } from './fit-options.js';
import { weightTag } from './linear.js';
import { Optimiser, type Parameter, valuesOf } from './optimiser.js';
import { rewireWeights } from './rewire-weights.js';
import { loadState, saveState, type TrainingIdentity, type TrainingState } from './training-state.js';
import { WeightFlows } from './weight-flows.js';

/**
 * Trains a model in place: for every batch the gradients of its loss, clipped, then one update of the optimiser, or where a rewirer
 * that follows gradients is due, a rewiring in its place. The same seed gives the same result to the bit, also when the training was
 * interrupted and began again from its checkpoint.
 *
 * @throws InputError for settings that make no sense, for a checkpoint of another training, and, naming parameter and step, when the loss is not finite; the update of that step is not done, and the checkpoint is
 * the last good one
 */
export async function fit<B>(model: Trainable<B>, data: TrainingData<B>, options: FitOptions): Promise<FitResult> {
  const { epochs = 1, batch = 100, seed = 0, checkpoint } = options;
  for (const [name, value] of Object.entries({ epochs, batch })) {
    if (!(Number.isInteger(value) && value > 0))
      throw new InputError(`${name} must be a whole number from 1, not ${value}`);
  }
  if (!(Number.isFinite(options.lr) && options.lr > 0)) {
    throw new InputError(`the learning rate must be a positive number, not ${options.lr}`);
  }
  const perEpoch = data.batches(batch);
  if (perEpoch === 0) throw new InputError(`there are too few samples for one batch of ${batch}`);
  const run = new FitRun(model, options, perEpoch * epochs, perEpoch);
  try {
    const saved = await checkpoint?.store.read();
    if (saved) await run.resume(saved);
    return await run.all(data, { epochs, batch, seed });
  } finally {
    run.optimiser.dispose();
  }
}

/** Lowers a loss that is not over data: `loss(step)` builds it, a scalar, for each of `steps` updates. */
export function minimise(
  parameters: ReadonlyMap<string, Parameter>,
  loss: (step: number) => Tensor,
  options: Omit<FitOptions, 'epochs' | 'batch'> & { steps: number },
): Promise<FitResult> {
  const { steps } = options;
  const data: TrainingData<number> = { batches: () => steps, epoch: () => Array.from({ length: steps }, (_, i) => i) };
  return fit({ parameters, loss }, data, options);
}

class FitRun<B> {
  readonly optimiser: Optimiser;
  private state: TrainingState = { step: 0, lossSum: 0, history: [], rewirings: [], round: 0, memory: new Map() };
  private last = Number.NaN;
  private saved = -1;
  private readonly identity: TrainingIdentity;

  constructor(
    private readonly model: Trainable<B>,
    private readonly options: FitOptions,
    private readonly total: number,
    private readonly perEpoch: number,
  ) {
    const { optimiser = { kind: 'adamw' }, seed = 0, batch = 100, rewirer } = options;
    this.optimiser = new Optimiser(optimiser);
    const [first] = model.parameters.values();
    if (!first) throw new InputError('there is nothing to train: the model has no parameters');
    const { numerics } = valuesOf(first).device;
    this.identity = { seed, batch, steps: total, optimiser, rewirer: rewirer?.name, numerics };
  }

  async resume(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    this.state = await loadState(bytes, this.model, this.optimiser, this.identity);
    this.saved = this.state.step;
    this.last = this.state.history.at(-1)?.loss ?? Number.NaN;
  }

  async all(data: TrainingData<B>, o: { epochs: number; batch: number; seed: number }): Promise<FitResult> {
    const { state, options, perEpoch } = this;
    let stopped = this.exhausted();
    await options.constrain?.({ step: state.step, steps: this.total });
    while (state.step < this.total && !stopped) {
      const epoch = Math.floor(state.step / perEpoch);
      let skip = state.step % perEpoch;
      let left = perEpoch - skip;
      const random = new Random(o.seed).fork(`epoch ${epoch}`);
      for (const batch of data.epoch({ epoch, size: o.batch, random })) {
        if (skip-- > 0) continue;
        if (left-- === 0) break;
        await this.checkSignal();
        await this.update(batch, epoch);
        const every = options.checkpoint?.every;
        if (every !== undefined && state.step % every === 0 && left > 0) await this.save();
      }
      if (left > 0) throw new Error(`epoch ${epoch + 1} ended ${left} batches early`);
      await this.endEpoch(epoch + 1);
      stopped = this.exhausted();
      await this.save();
    }
    const { history, rewirings } = state;
    return { loss: this.last, steps: state.step, history, rewirings, stopped: stopped && state.step < this.total };
  }

  private async update(batch: B, epoch: number): Promise<void> {
    const { model, state, options, optimiser, total } = this;
    const { rewirer, clip, gradientRms, schedule = () => 1, reportEvery = 1 } = options;
    const due = rewirer !== undefined && this.due(state.step + 1);
    const flows = due && rewirer.gradient ? new WeightFlows() : undefined;
    const { value, gradients } = scope(() => {
      const list = [...model.parameters.values()].map(valuesOf);
      const rules = flows && { [weightTag]: flows.rule };
      const { value, gradients } = valueAndGrad(() => model.loss(batch), list, { rules });
      const packed = gradients.map((g) => g && contiguous(g));
      if (gradientRms) return { value, gradients: withRms(packed, gradientRms) };
      return { value, gradients: clip === undefined ? packed : clipped(packed, clip) };
    });
    try {
      const [loss] = await value.data();
      if (!Number.isFinite(loss)) await this.refuse(loss, gradients);
      this.last = loss;
      state.step++;
      state.lossSum += loss;
      if (!flows) {
        scope(() => optimiser.step(model.parameters, gradients, options.lr * schedule(state.step / total)));
      }
      await options.constrain?.({ step: state.step, steps: total });
      if (due) await this.rewire(flows);
    } finally {
      value.dispose();
      for (const g of gradients) g?.dispose();
      flows?.dispose();
    }
    const { step } = state;
    if (step % reportEvery === 0 || step === total) {
      options.onProgress?.({ step, steps: total, epoch: epoch + 1, loss: this.last });
    }
  }

  /** Whether the rewirer acts at the end of update `step` (from 1). */
  private due(step: number): boolean {
    const { rewirer } = this.options;
    if (!rewirer || step >= rewirer.until * this.total) return false;
    return step % (rewirer.every === 'epoch' ? this.perEpoch : rewirer.every) === 0;
  }

  private async rewire(flows: WeightFlows | undefined): Promise<void> {
    const { model, optimiser, state, total } = this;
    const { rewirer, rewires = () => true, seed = 0 } = this.options;
    if (!rewirer) return;
    const t = state.step / total;
    await rewireWeights(model, optimiser, rewirer, state, { t, seed, flows, chosen: rewires });
  }

  private async endEpoch(epoch: number): Promise<void> {
    const { state, options, perEpoch } = this;
    const figures = (await options.evaluate?.(epoch)) ?? {};
    const record: EpochRecord = { epoch, step: state.step, loss: state.lossSum / perEpoch, figures };
    state.history.push(record);
    state.lossSum = 0;
    await options.onEpoch?.(record);
  }

  /** Whether the watched figure has not become better for too long. */
  private exhausted(): boolean {
    const { stop } = this.options;
    if (!stop) return false;
    const figures = this.state.history.map(({ loss, figures }) =>
      stop.figure === 'loss' ? -loss : figures[stop.figure],
    );
    if (figures.some((figure) => figure === undefined)) {
      throw new InputError(`early stopping watches '${stop.figure}', which 'evaluate' does not give`);
    }
    const best = figures.indexOf(Math.max(...figures));
    return figures.length - 1 - best >= stop.patience;
  }

  /** Ends where the user wants it, but keeps what was done. */
  private async checkSignal(): Promise<void> {
    const { signal } = this.options;
    if (!signal?.aborted) return;
    if (this.state.step > this.saved) await this.save();
    signal.throwIfAborted();
  }

  private async save(): Promise<void> {
    const { checkpoint } = this.options;
    if (!checkpoint) return;
    const { model, optimiser, state, identity } = this;
    await checkpoint.store.write(await saveState(model.parameters, optimiser, state, identity));
    this.saved = state.step;
  }

  /** Says which parameter is to blame: the first that is not finite, else the one with such a gradient, else the largest. */
  private async refuse(loss: number, gradients: readonly (Tensor | null)[]): Promise<never> {
    const names = [...this.model.parameters.keys()];
    const lists: [string, readonly (Tensor | null)[]][] = [
      ['', [...this.model.parameters.values()].map(valuesOf)],
      ['the gradient of ', gradients],
    ];
    let largest = { name: names[0], size: 0 };
    const found = async (): Promise<string> => {
      for (const [what, list] of lists) {
        for (let i = 0; i < names.length; i++) {
          const values = (await list[i]?.data()) ?? [];
          for (const value of values) {
            if (!Number.isFinite(value)) return `${what}${names[i]} is not finite`;
            if (what === '' && Math.abs(value) > largest.size) largest = { name: names[i], size: Math.abs(value) };
          }
        }
      }
      return `the largest parameter is ${largest.name}, with ${largest.size.toPrecision(3)}`;
    };
    const kept = this.saved >= 0 ? `; the checkpoint of step ${this.saved} is kept` : '';
    throw new InputError(
      `the loss is ${loss} at step ${this.state.step + 1}: ${await found()}; lower the learning rate, or clip gradients${kept}`,
    );
  }
}

/** Gradients scaled so that their joint norm is at most `limit`; no value leaves the device. */
function clipped(gradients: readonly (Tensor | null)[], limit: number): (Tensor | null)[] {
  const factor = minimum(div(limit, normOf(gradients)), 1);
  return gradients.map((g) => g && mul(g, factor));
}

function withRms(
  gradients: readonly (Tensor | null)[],
  { limit, rescale = false }: { limit: number; rescale?: boolean },
): (Tensor | null)[] {
  const count = gradients.reduce((all, g) => all + (g?.size ?? 0), 0);
  const factor = div(limit * Math.sqrt(count), normOf(gradients));
  return gradients.map((g) => g && mul(g, rescale ? factor : minimum(factor, 1)));
}

/** The joint norm; a tiny addition keeps quotients by it finite where all gradients are zero. */
function normOf(gradients: readonly (Tensor | null)[]): Tensor {
  const squares = gradients.filter((g) => g !== null).map((g) => sum(square(g)));
  return add(sqrt(squares.reduce((a, b) => add(a, b))), 1e-12);
}
