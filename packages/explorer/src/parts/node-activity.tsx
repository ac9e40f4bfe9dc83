import { attentionSvg } from '@filigree/view';
import type { Open } from '../state/store.js';
import { decimal, figure, visible } from './figures.js';

/** What the model in the page knows of the node. */
export function Activity({ open, node }: { readonly open: Open; readonly node: number }): React.JSX.Element | null {
  const facts = open.facts?.node === node ? open.facts : null;
  if (!open.model?.hasTokenizer) return null;
  if (!facts) return <p className="note">Looking at the model{'\u2026'}</p>;
  if (!facts.data) return <p className="warn">{facts.error}</p>;
  const { texts, largest, pattern, neurons, direct, whole, without } = facts.data;
  const first = texts[0]?.tokens ?? [];
  const kind = open.circuit.nodes.kind[node];
  return (
    <>
      {kind === 'logits' ? null : (
        <p className="effect">
          Ablated alone, it takes the metric from <b>{figure(whole)}</b> to <b>{figure(without)}</b>
          {direct === undefined ? '' : `; what it writes adds ${decimal(direct)} to the logit difference directly`}.
        </p>
      )}
      {pattern ? (
        <>
          <h3>Attention</h3>
          <div
            className="drawing"
            dangerouslySetInnerHTML={{
              __html: attentionSvg(first.map(visible), [{ label: open.circuit.nodes.label[node], pattern }], {
                styled: false,
              }),
            }}
          />
        </>
      ) : null}
      {neurons ? (
        <>
          <h3>Top neurons</h3>
          <ul className="neurons">
            {neurons.map(({ neuron, value, activation }) => (
              <li key={neuron}>
                <span className="name">n{neuron}</span>
                <span className={`number ${value >= 0 ? 'negative' : 'positive'}`}>
                  {value >= 0 ? '+' : ''}
                  {decimal(value)}
                </span>
                <Coloured tokens={first} values={activation} largest={Math.max(...activation.map(Math.abs), 1e-9)} />
              </li>
            ))}
          </ul>
        </>
      ) : null}
      {texts.length > 0 ? (
        <>
          <h3>Writes most at</h3>
          <div className="texts">
            {texts.map(({ tokens, values }, i) => (
              <Coloured key={i} tokens={tokens} values={values} largest={largest} />
            ))}
          </div>
        </>
      ) : null}
    </>
  );
}

/** Tokens, the more coloured the larger their value. */
function Coloured({
  tokens,
  values,
  largest,
}: {
  readonly tokens: readonly string[];
  readonly values: readonly number[];
  readonly largest: number;
}): React.JSX.Element {
  return (
    <p className="coloured">
      {tokens.map((token, i) => {
        const share = Math.min(1, Math.abs(values[i]) / (largest || 1));
        return (
          <span
            key={i}
            title={`${visible(token)}: ${figure(values[i])}`}
            style={{
              backgroundColor: `color-mix(in srgb, var(${values[i] < 0 ? '--score-positive' : '--score-negative'}) ${Math.round(55 * share ** 1.5)}%, transparent)`,
            }}
          >
            {token.replaceAll('\n', '\u23ce')}
          </span>
        );
      })}
    </p>
  );
}
