import type { Circuit } from 'filigree';
import { useEffect, useMemo, useState } from 'react';
import { desk } from '../engine/client.js';
import type { DistributionAnswer, DistributionFacts, Placed } from '../engine/protocol.js';
import { count, decimal, figure, percent } from '../parts/figures.js';
import { Graph } from '../parts/graph.js';
import { frameAspect, mostPlaced } from '../state/open.js';
import { messageOf, nameOf, readItem, waitForItems } from '../state/read.js';
import { changeParams, seenTheme, setState, useStore } from '../state/store.js';
import { type Place, placeHash } from '../state/url.js';

/** Variables whose bars are shown, and samples that are drawn. */
const shownVariables = 200;
const sampleCount = 12;

interface Ready {
  readonly id: string;
  readonly facts: DistributionFacts;
  readonly circuit: Circuit | null;
  readonly placed: Placed | null;
}

/** A distribution: its structure, and what it says once some values are known. */
export function DistributionView({ place }: { readonly place: Place }): React.JSX.Element {
  const theme = seenTheme(useStore((state) => state.theme));
  const [id] = place.ids;
  const [ready, setReady] = useState<Ready | null>(null);
  const [answer, setAnswer] = useState<DistributionAnswer | null>(null);
  const [error, setError] = useState('');
  const { params } = place;
  const node = params.node ? Number(params.node) : null;
  const [share, setShare] = useState(params.n ? Math.max(0, Math.min(1000, Number(params.n) || 0)) : 1000);
  useEffect(() => {
    const timer = window.setTimeout(() => changeParams({ n: share === 1000 ? '' : String(share) }), 400);
    return () => window.clearTimeout(timer);
  }, [share]);
  const evidenceText = params.e ?? '';
  const seed = Number(params.seed) || 0;
  const evidence = useMemo(() => parseEvidence(evidenceText), [evidenceText]);
  useEffect(() => {
    let stale = false;
    setReady(null);
    setAnswer(null);
    const open = async (): Promise<void> => {
      await waitForItems();
      const file = await readItem(id);
      if (file.what !== 'distribution') {
        window.location.replace(placeHash({ view: 'circuit', ids: [id], params: {} }));
        return;
      }
      const { circuit, facts } = file;
      if (!stale) setReady({ id, facts, circuit, placed: null });
      const placed =
        circuit &&
        (await desk.call('place', { circuit, most: mostPlaced, byPosition: false, aspect: 1.5 * frameAspect() }));
      if (!stale) setReady({ id, facts, circuit, placed });
    };
    open().catch((reason) => !stale && setState({ problem: messageOf(reason) }));
    return () => {
      stale = true;
    };
  }, [id]);
  const known = ready?.facts.key;
  useEffect(() => {
    if (known === undefined) return;
    const controller = new AbortController();
    desk
      .call(
        'askDistribution',
        { key: known, evidence: [...evidence], samples: sampleCount, seed },
        { signal: controller.signal },
      )
      .then((got) => {
        setAnswer(got);
        setError('');
      })
      .catch((reason) => {
        if (!controller.signal.aborted) setError(messageOf(reason));
      });
    return () => controller.abort();
  }, [known, evidence, seed]);

  // With flows as scores, the line widths show which parts are used under the evidence.
  const drawn = useMemo(() => {
    if (!ready?.circuit) return null;
    const { circuit } = ready;
    if (!answer?.flows) return circuit;
    return { ...circuit, edges: { ...circuit.edges, score: answer.flows } };
  }, [ready, answer]);
  const kept = useMemo(() => {
    if (!drawn) return null;
    const size = drawn.edges.score.map((score) => Math.abs(score ?? 0));
    const total = drawn.edges.source.length;
    const wanted = Math.round(total ** (share / 1000));
    const result = new Uint8Array(total);
    const order = size.map((_, e) => e).sort((a, b) => size[b] - size[a] || a - b);
    for (const e of order.slice(0, wanted)) if (share === 1000 ? size[e] > 1e-9 || !answer?.flows : true) result[e] = 1;
    return result;
  }, [drawn, share, answer]);
  if (!ready)
    return (
      <p className="waiting">
        Opening {id}
        {'\u2026'}
      </p>
    );
  const { facts, placed } = ready;
  const name = nameOf(id);
  const set = (next: ReadonlyMap<number, number>): void => changeParams({ e: packEvidence(next) });
  const toggle = (variable: number, value: number): void => {
    const next = new Map(evidence);
    if (next.get(variable) === value) next.delete(variable);
    else next.set(variable, value);
    set(next);
  };
  // Of many variables a state is a strip of squares, without numbers.
  const many = facts.states.length > 60;
  const possible = answer ? answer.logEvidence > Number.NEGATIVE_INFINITY : true;
  return (
    <main className="distribution-view">
      <header className="title">
        <p className="eyebrow">
          {name}: {count(facts.states.length)} variables, {count(facts.units)} units, {count(facts.edges)} edges
        </p>
        <h1>
          {evidence.size === 0 ? (
            'Nothing is known yet. Choose values to see what follows.'
          ) : answer && possible ? (
            <>
              What is known has probability <em>{figure(Math.exp(answer.logEvidence))}</em>.
            </>
          ) : answer ? (
            'What is known cannot be.'
          ) : (
            '\u2026'
          )}
        </h1>
        <p className="row">
          {facts.properties.map(({ name: property, value, why }) => (
            <span key={property} className={`tag ${value}`} title={why}>
              {value === 'no' ? 'not ' : value === 'unknown' ? 'perhaps ' : ''}
              {property}
            </span>
          ))}
        </p>
      </header>
      {error ? <p className="warn">{error}</p> : null}
      <div className="stage">
        <section className="panel" aria-labelledby="marginals-title">
          <header>
            <h2 id="marginals-title">Marginals</h2>
            <span className="note">{answer ? `${figure(answer.milliseconds, 2)} ms` : ''}</span>
            <button type="button" disabled={evidence.size === 0} onClick={() => set(new Map())}>
              Forget all
            </button>
          </header>
          <p className="note">Each row is a variable; click a value to say that it is known, again to take it back.</p>
          <div className={facts.names ? 'marginals named' : 'marginals'}>
            {facts.states.slice(0, shownVariables).map((states, v) => (
              <Variable
                key={v}
                name={facts.names?.[v] ?? `x${v + 1}`}
                states={states}
                words={facts.words?.[v] ?? null}
                values={answer?.marginals[v] ?? null}
                known={evidence.get(v)}
                likely={answer?.map?.state[v]}
                onChoose={(value) => toggle(v, value)}
              />
            ))}
          </div>
          {facts.states.length > shownVariables ? (
            <p className="note">
              The first {shownVariables} of {count(facts.states.length)} variables.
            </p>
          ) : null}
        </section>
        <aside>
          <section className="panel">
            <h2>Most probable state</h2>
            {answer?.map ? (
              <>
                <p className={many ? 'state many' : 'state'}>
                  {answer.map.state.map((x, v) => (
                    <Cell key={`${v}-${x}`} x={x} known={evidence.has(v)} />
                  ))}
                </p>
                <p className="note">
                  log p {decimal(answer.map.log)}
                  {answer.map.exact ? ', exact' : ', a lower bound: the circuit is not known to be deterministic'}
                </p>
              </>
            ) : (
              <p className="note">{'\u2013'}</p>
            )}
          </section>
          <section className="panel">
            <header>
              <h2>Samples</h2>
              <button type="button" onClick={() => changeParams({ seed: String(seed + 1) })}>
                Draw others
              </button>
            </header>
            <div className={many ? 'states many' : 'states'}>
              {answer?.samples.map((row, i) => (
                <p className="state" key={i}>
                  {row.map((x, v) => (
                    <Cell key={v} x={x} known={evidence.has(v)} />
                  ))}
                </p>
              ))}
            </div>
          </section>
        </aside>
      </div>
      <section className="panel drawing-panel" aria-label="Structure">
        <header>
          <h2>Structure</h2>
          <span className="note">The wider a line, the more it is used by what is known.</span>
        </header>
        {drawn && placed && kept ? (
          <>
            <label className="sliders">
              <span className="what">
                The most used <b>{count(kept.reduce((a, b) => a + b, 0))}</b> edges
              </span>
              <input
                type="range"
                min={0}
                max={1000}
                value={share}
                onChange={(event) => setShare(Number(event.target.value))}
              />
            </label>
            <Graph
              circuit={drawn}
              placed={placed}
              kept={kept}
              rankOf={Int32Array.from(kept, (_, e) => e)}
              node={node}
              onNode={(next) => changeParams({ node: next === null ? '' : String(next) })}
              camera={params.view}
              onCamera={(view) => changeParams({ view })}
              tell={(e) =>
                `${drawn.nodes.label[drawn.edges.source[e]]} \u2192 ${drawn.nodes.label[drawn.edges.target[e]]}: used with probability ${figure(Math.abs(drawn.edges.score[e] ?? 0))}`
              }
              label="Structure of the distribution"
              theme={theme}
            />
          </>
        ) : (
          <p className="note">{ready.circuit ? 'Drawing\u2026' : 'It is too large to be drawn.'}</p>
        )}
      </section>
    </main>
  );
}

function parseEvidence(text: string): Map<number, number> {
  const found = new Map<number, number>();
  for (const part of text.split(',')) {
    const [, variable, value] = /^(\d+)=(-?[\d.]+)$/.exec(part) ?? [];
    if (variable !== undefined && Number(variable) > 0) found.set(Number(variable) - 1, Number(value));
  }
  return found;
}

const packEvidence = (evidence: ReadonlyMap<number, number>): string =>
  [...evidence]
    .sort(([a], [b]) => a - b)
    .map(([v, x]) => `${v + 1}=${x}`)
    .join(',');

function Cell({ x, known }: { readonly x: number; readonly known: boolean }): React.JSX.Element {
  const text = Number.isInteger(x) ? String(x) : figure(x, 2);
  return (
    <span title={text} className={`cell${x === 0 ? ' zero' : ''}${known ? ' known' : ''}`}>
      {text}
    </span>
  );
}

interface VariableProps {
  readonly name: string;
  readonly states: number;
  readonly words: readonly string[] | null;
  readonly values: readonly number[] | null;
  readonly known: number | undefined;
  readonly likely: number | undefined;
  readonly onChoose: (value: number) => void;
}

const shownValues = 12;

function Variable({ name, states, words, values, known, likely, onChoose }: VariableProps): React.JSX.Element {
  return (
    <div className={`variable${known === undefined ? '' : ' known'}`}>
      <span className="name">{name}</span>
      {states === 0 ? (
        <span className="note">real{likely === undefined ? '' : `, near ${figure(likely)}`}</span>
      ) : (
        <span className="values">
          {Array.from({ length: Math.min(states, shownValues) }, (_, x) => {
            const p = values?.[x];
            return (
              <button
                key={x}
                type="button"
                aria-pressed={known === x}
                className={likely === x ? 'likely' : ''}
                style={{ flexGrow: 1, '--share': p ?? 0 } as React.CSSProperties}
                onClick={() => onChoose(x)}
                aria-label={`${name} is ${words?.[x] ?? x}${p === undefined ? '' : `, probability ${percent(p)}`}`}
              >
                <i />
                <b>{words?.[x] ?? x}</b>
                <span>{p === undefined ? '' : percent(p)}</span>
              </button>
            );
          })}
        </span>
      )}
    </div>
  );
}
