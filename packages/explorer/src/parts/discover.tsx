import { memo } from 'react';
import { engine } from '../engine/client.js';
import {
  type Discovery,
  type DiscoveryMethod,
  discoveryMethods,
  nodeDiscoveryMethods,
  unitLevels,
} from '../engine/protocol.js';
import { questionOf } from '../state/live.js';
import { taskNames, taskOf } from '../state/model.js';
import { ablationNames } from '../state/params.js';
import { addCircuit, messageOf } from '../state/read.js';
import { type Open, sameFields, setOpen, setState, useStore } from '../state/store.js';
import { unitWord } from '../state/units.js';
import { circuitHash, placeHash } from '../state/url.js';

/** Runs something long in the worker, with progress that is seen and can be cancelled. */
export async function runJob<T>(
  what: string,
  work: (options: {
    signal: AbortSignal;
    onProgress: (state: { done: number; total: number; unit: string }) => void;
  }) => Promise<T>,
): Promise<T | undefined> {
  const controller = new AbortController();
  setState({ job: { what, state: null, cancel: () => controller.abort() }, problem: '', notice: '' });
  try {
    return await work({
      signal: controller.signal,
      onProgress: (state) => setState(({ job }) => ({ job: job && { ...job, state } })),
    });
  } catch (error) {
    if (controller.signal.aborted) setState({ notice: `Cancelled: ${what}.` });
    else setState({ problem: messageOf(error) });
    return undefined;
  } finally {
    setState({ job: null });
  }
}

const words: Readonly<Record<DiscoveryMethod, string>> = {
  'eap-ig': 'EAP-IG on inputs',
  eap: 'EAP',
  relp: 'relevance patching (RelP)',
  'eap-ig-activations': 'EAP-IG on activations',
  'clean-corrupted': 'clean and corrupted gradients',
  exact: 'exact patching, edge by edge',
  acdc: 'ACDC',
  'edge-pruning': 'edge pruning (trained mask)',
  random: 'random scores (control)',
};

/** How a circuit is to be found, as the panel and the address have it. */
interface Recipe {
  readonly level: Discovery['level'];
  readonly method: DiscoveryMethod;
  readonly task: string;
  readonly pairs: number;
  readonly size: number;
  readonly ablation: Open['ablation'];
}

const usual = ({ units, circuit }: Pick<Open, 'units' | 'circuit'>): Recipe => ({
  level: units.level,
  method: 'relp',
  task: taskOf({ circuit }) ?? 'pronoun',
  pairs: 20,
  size: 0,
  ablation: 'patch',
});

const recipeText = ({ level, method, task, pairs, size, ablation }: Recipe): string =>
  [level, method, task, pairs, size, ablation].join('.');

function recipeOf(open: Pick<Open, 'units' | 'circuit' | 'find'>): Recipe {
  const [level, method, task, pairs, size, ablation] = open.find.split('.');
  const base = usual(open);
  const number = (text: string | undefined, other: number): number =>
    text !== undefined && /^\d{1,7}$/.test(text) ? Number(text) : other;
  return {
    level: unitLevels.find((known) => known === level) ?? base.level,
    method: discoveryMethods.find((known) => known === method) ?? base.method,
    task: taskNames.find((known) => known === task) ?? base.task,
    pairs: Math.max(1, Math.min(400, number(pairs, base.pairs))),
    size: number(size, base.size),
    ablation: ablationNames.find((known) => known === ablation) ?? base.ablation,
  };
}

/** Finds the circuit anew with another method, in the page. */
export const DiscoverPanel = memo(
  function DiscoverPanel({ open }: { readonly open: Open }): React.JSX.Element | null {
    const job = useStore((state) => state.job);
    const { model } = open;
    if (!model?.hasTokenizer) return null;
    const recipe = recipeOf(open);
    const { level, method, task, pairs, size, ablation } = recipe;
    const methods = level === 'edge' ? discoveryMethods : nodeDiscoveryMethods;
    const most = { edge: model.edges, node: model.nodes, neuron: model.nodes * model.width }[level];
    const change = (to: Partial<Recipe>): void => {
      const next = { ...recipe, ...to };
      const known = next.level === 'edge' || nodeDiscoveryMethods.includes(next.method);
      const text = recipeText(known ? next : { ...next, method: 'relp' });
      setOpen({ find: text === recipeText(usual(open)) ? '' : text }, open.id);
    };
    const find = async (): Promise<void> => {
      const discovery: Discovery = {
        ...recipe,
        size: Math.min(size, most),
        metric: 'logit-diff',
        steps: 5,
        rule: 'right',
        tau: 0.01,
        seed: 0,
      };
      const circuit = await runJob(`finding the ${level}s of ${task} by ${words[method]}`, (options) =>
        engine.call('discover', { model: model.key, discovery }, options),
      );
      if (!circuit) return;
      const id = addCircuit(circuit, `${task} by ${method}${level === 'edge' ? '' : `, ${level}s`}`);
      setState({ notice: `Found: ${id.slice(5)}. It is in the list of circuits, and open beside this one.` });
      const same = task === open.circuit.provenance.task;
      window.location.hash = same ? placeHash({ view: 'compare', ids: [open.id, id], params: {} }) : circuitHash(id);
    };
    const curve = async (): Promise<void> => {
      const data = await runJob('measuring the curve', (options) =>
        engine.call('curve', { circuit: open.id, question: questionOf(open), ranking: 'abs' }, options),
      );
      if (!data) return;
      const name = `here: ${open.metric}, ${open.ablation}`;
      setOpen((now) => ({ curves: [...now.curves.filter((c) => c.name !== name), { name, data }] }), open.id);
    };
    return (
      <section className="panel discover" aria-labelledby="discover-title">
        <h2 id="discover-title">Find again</h2>
        <p className="note">
          With another method or task, on the model in this page. The result opens beside this circuit.
        </p>
        <div className="settings">
          <label>
            <span>Circuit of</span>
            <select value={level} onChange={(event) => change({ level: event.target.value as Recipe['level'] })}>
              {unitLevels.map((name) => (
                <option key={name} value={name}>
                  {unitWord({ level: name })}
                </option>
              ))}
            </select>
          </label>
          <label>
            <span>Method</span>
            <select value={method} onChange={(event) => change({ method: event.target.value as DiscoveryMethod })}>
              {methods.map((name) => (
                <option key={name} value={name}>
                  {words[name]}
                </option>
              ))}
            </select>
          </label>
          <label>
            <span>Task</span>
            <select value={task} onChange={(event) => change({ task: event.target.value })}>
              {taskNames.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
          <label>
            <span>Pairs</span>
            <input
              type="number"
              min={1}
              max={400}
              value={pairs}
              onChange={(event) =>
                change({ pairs: Math.max(1, Math.min(400, Math.round(Number(event.target.value)) || 1)) })
              }
            />
          </label>
          <label>
            <span>Size (0: fewest that are 0.85 faithful)</span>
            <input
              type="number"
              min={0}
              max={most}
              value={size}
              onChange={(event) =>
                change({ size: Math.max(0, Math.min(most, Math.round(Number(event.target.value)) || 0)) })
              }
            />
          </label>
          <label>
            <span>What is cut carries</span>
            <select value={ablation} onChange={(event) => change({ ablation: event.target.value as Open['ablation'] })}>
              {ablationNames.map((name) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        </div>
        <div className="row">
          <button type="button" className="primary" disabled={job !== null} onClick={() => void find()}>
            Find the circuit
          </button>
          <button type="button" disabled={job !== null} onClick={() => void curve()}>
            Measure the curve here
          </button>
        </div>
      </section>
    );
  },
  sameFields('id', 'model', 'metric', 'ablation', 'pairs', 'pair', 'find'),
);
