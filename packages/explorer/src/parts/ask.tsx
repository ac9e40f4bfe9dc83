import { memo } from 'react';
import type { Answer, Said } from '../engine/protocol.js';
import { taskOf } from '../state/model.js';
import { ablationNames, metricNames, setPair } from '../state/params.js';
import { type Open, sameFields, setOpen } from '../state/store.js';
import { unitWord } from '../state/units.js';
import { count, decimal, figure, percent, visible } from './figures.js';

/** Ask again: prompts, ablation and metric; what the model says whole, as the circuit, and on the other prompt. */
export const AskPanel = memo(
  function AskPanel({ open }: { readonly open: Open }): React.JSX.Element {
    const { pair, answers, model } = open;
    if (!model) {
      return (
        <section className="panel ask">
          <h2>Ask again</h2>
          <p className="note">{open.modelNote || 'Looking for the model\u2026'}</p>
        </section>
      );
    }
    const first = (words: string | string[]): string => [words].flat()[0] ?? '';
    const field = (name: 'clean' | 'corrupt', label: string): React.JSX.Element => (
      <label>
        <span>{label}</span>
        <textarea
          rows={2}
          value={pair[name]}
          spellCheck={false}
          onChange={(event) => setPair({ [name]: event.target.value })}
        />
      </label>
    );
    const word = (name: 'answer' | 'wrong', label: string): React.JSX.Element => (
      <label>
        <span>{label}</span>
        <input
          value={first(pair[name])}
          spellCheck={false}
          onChange={(event) => setPair({ [name]: event.target.value })}
        />
      </label>
    );
    return (
      <section className="panel ask" aria-labelledby="ask-title">
        <header>
          <h2 id="ask-title">Ask again</h2>
          <span className="note">
            {model.name} computes in this page{model.threads > 1 ? ` on ${model.threads} threads` : ' on one thread'}
            {answers ? `, ${figure(answers.milliseconds, 2)} ms` : ''}
          </span>
        </header>
        {open.modelNote ? <p className="warn">{open.modelNote}</p> : null}
        <div className="prompts">
          {field('clean', 'Clean prompt')}
          {field('corrupt', 'Corrupted prompt')}
          {word('answer', 'Right after the clean one')}
          {word('wrong', 'Right after the corrupted one')}
        </div>
        {open.answersError ? <p className="warn">{open.answersError}</p> : null}
        {answers?.reason ? <p className="warn">The circuit cannot be run on these: {answers.reason}.</p> : null}
        {answers ? (
          <div className="answers">
            <Column title="Whole model, clean prompt" of={answers.clean} />
            <Column title="This circuit, clean prompt" of={answers.circuit} strong />
            <Column title="Whole model, corrupted prompt" of={answers.corrupt} />
          </div>
        ) : null}
      </section>
    );
  },
  sameFields('id', 'pair', 'answers', 'answersError', 'model', 'modelNote'),
);

function Column({
  title,
  of,
  strong = false,
}: {
  readonly title: string;
  readonly of: Answer | null;
  readonly strong?: boolean;
}): React.JSX.Element {
  const difference = of ? mean(of.right) - mean(of.wrong) : Number.NaN;
  const marked = new Map<number, string>();
  for (const { id } of of?.right ?? []) marked.set(id, 'right');
  for (const { id } of of?.wrong ?? []) marked.set(id, 'wrong');
  const rows = of
    ? [
        ...of.top.slice(0, 5),
        ...[...of.right, ...of.wrong].filter(({ id }) => !of.top.slice(0, 5).some((t) => t.id === id)),
      ]
    : [];
  return (
    <div className={strong ? 'answer strong' : 'answer'}>
      <h3>{title}</h3>
      {of ? (
        <>
          <p className="difference">
            <b>{decimal(difference)}</b> logit difference
          </p>
          <table>
            <tbody>
              {rows.map(({ token, id, logit, probability }) => (
                <tr key={id} className={marked.get(id) ?? ''}>
                  <td className="token">{visible(token)}</td>
                  <td className="bar">
                    <i style={{ width: `${Math.max(1, probability * 100)}%` }} />
                  </td>
                  <td className="number">{percent(probability)}</td>
                  <td className="number logit">{decimal(logit)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      ) : (
        <p className="note">{'\u2013'}</p>
      )}
    </div>
  );
}

const mean = (list: readonly Said[]): number =>
  list.reduce((sum, { logit }) => sum + logit, 0) / Math.max(1, list.length);

/** How faithful the circuit is now, measured in the page. */
export function Verdict({ open }: { readonly open: Open }): React.JSX.Element | null {
  const { judged, model } = open;
  if (!model) return null;
  const task = taskOf(open);
  return (
    <div className="verdict">
      <div className="settings">
        <label>
          <span>What is cut carries</span>
          <select
            value={open.ablation}
            onChange={(event) => setOpen({ ablation: event.target.value as Open['ablation'] })}
          >
            {ablationNames.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Metric</span>
          <select value={open.metric} onChange={(event) => setOpen({ metric: event.target.value as Open['metric'] })}>
            {metricNames.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        {task ? (
          <label>
            <span>Pairs of {task}</span>
            <select value={open.pairs} onChange={(event) => setOpen({ pairs: Number(event.target.value) })}>
              {[...new Set([10, 20, 40, 100, open.pairs])]
                .sort((a, b) => a - b)
                .map((n) => (
                  <option key={n}>{n}</option>
                ))}
            </select>
          </label>
        ) : null}
      </div>
      {open.judgedError ? <p className="warn">{open.judgedError}</p> : null}
      {judged ? (
        <>
          <Scale low={judged.empty} high={judged.clean} at={judged.circuit} />
          <p className="note">
            {figure(judged.circuit)} as this circuit, {figure(judged.clean)} whole, {figure(judged.empty)} with all{' '}
            {unitWord(open.units)} cut; {count(judged.pairs)} {judged.pairs === 1 ? 'pair' : 'pairs'},{' '}
            {figure(judged.milliseconds, 2)} ms
          </p>
        </>
      ) : null}
    </div>
  );
}

/** Where the circuit lies between nothing and the whole model. */
function Scale({
  low,
  high,
  at,
}: {
  readonly low: number;
  readonly high: number;
  readonly at: number;
}): React.JSX.Element {
  const share = (at - low) / (high - low);
  return (
    <div className="scale" role="img" aria-label={`faithfulness ${decimal(share)}`}>
      <i style={{ width: `${Math.min(1, Math.max(0, share)) * 100}%` }} />
      <b style={{ left: `${Math.min(1, Math.max(0, share)) * 100}%` }}>{decimal(share)}</b>
    </div>
  );
}
