import { memo, useState } from 'react';
import { engine } from '../engine/client.js';
import { type Discovery, type DiscoveryMethod, discoveryMethods } from '../engine/protocol.js';
import { questionOf } from '../state/live.js';
import { ablationNames, addCircuit, messageOf, taskNames, taskOf } from '../state/open.js';
import { type Open, sameFields, setOpen, setState, useStore } from '../state/store.js';
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

/** Finds the circuit anew with another method, in the page. */
export const DiscoverPanel = memo(
  function DiscoverPanel({ open }: { readonly open: Open }): React.JSX.Element | null {
    const job = useStore((state) => state.job);
    const [method, setMethod] = useState<DiscoveryMethod>('relp');
    const [task, setTask] = useState<string>(taskOf(open) ?? 'pronoun');
    const [pairs, setPairs] = useState(20);
    const [size, setSize] = useState(0);
    const [ablation, setAblation] = useState<Open['ablation']>('patch');
    const { model } = open;
    if (!model?.hasTokenizer) return null;
    const find = async (): Promise<void> => {
      const discovery: Discovery = {
        method,
        task,
        pairs,
        metric: 'logit-diff',
        ablation,
        steps: 5,
        rule: 'right',
        size,
        tau: 0.01,
        seed: 0,
      };
      const circuit = await runJob(`finding ${task} by ${words[method]}`, (options) =>
        engine.call('discover', { model: model.key, discovery }, options),
      );
      if (!circuit) return;
      const id = addCircuit(circuit, `${task} by ${method}`);
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
            <span>Method</span>
            <select value={method} onChange={(event) => setMethod(event.target.value as DiscoveryMethod)}>
              {discoveryMethods.map((name) => (
                <option key={name} value={name}>
                  {words[name]}
                </option>
              ))}
            </select>
          </label>
          <label>
            <span>Task</span>
            <select value={task} onChange={(event) => setTask(event.target.value)}>
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
              onChange={(event) => setPairs(Math.max(1, Math.min(400, Number(event.target.value) || 1)))}
            />
          </label>
          <label>
            <span>Edges (0: fewest that are 0.85 faithful)</span>
            <input
              type="number"
              min={0}
              max={model.edges}
              value={size}
              onChange={(event) => setSize(Math.max(0, Math.min(model.edges, Number(event.target.value) || 0)))}
            />
          </label>
          <label>
            <span>Cut edges carry</span>
            <select value={ablation} onChange={(event) => setAblation(event.target.value as Open['ablation'])}>
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
  sameFields('id', 'model', 'metric', 'ablation', 'pairs', 'pair'),
);
