import { useRef } from 'react';
import { bytes, count, decimal, when } from '../parts/figures.js';
import { here, type Item } from '../state/items.js';
import { drop } from '../state/keep.js';
import { useStore } from '../state/store.js';
import { takeFiles } from '../state/take.js';
import { circuitHash, placeHash } from '../state/url.js';

const tour: readonly {
  readonly title: string;
  readonly text: string;
  readonly href: string;
  readonly action: string;
  readonly picture: React.JSX.Element;
}[] = [
  {
    title: 'Who is she?',
    text: 'A small language model goes on with \u201cShe\u201d after Lily and with \u201cHe\u201d after Tim. Fifteen of its 479 edges do almost all of that. Move the slider, switch one off, type your own sentence.',
    href: circuitHash('examples/pronoun.circuit.json'),
    action: 'Open the circuit',
    picture: <TourPicture kind="circuit" />,
  },
  {
    title: 'Two behaviours, one model',
    text: 'The same model also closes the quotations that it opens. Which edges do both jobs share, and which are their own?',
    href: placeHash({
      view: 'compare',
      ids: ['examples/pronoun.circuit.json', 'examples/quote.circuit.json'],
      params: {},
    }),
    action: 'Put them side by side',
    picture: <TourPicture kind="compare" />,
  },
  {
    title: 'A distribution that answers',
    text: 'A circuit can also be a probability distribution. Say what you know of a garden in the morning; all else follows exactly, at once.',
    href: placeHash({ view: 'distribution', ids: ['examples/garden.jpc'], params: { e: '5=1' } }),
    action: 'Ask it',
    picture: <TourPicture kind="distribution" />,
  },
];

/** What is here, and where to begin. */
export function HomeView(): React.JSX.Element {
  const items = useStore((state) => state.items);
  const listed = useStore((state) => state.listed);
  const of = (kind: Item['kind']): Item[] => items.filter((item) => item.kind === kind);
  return (
    <main className="home">
      <header className="title hero">
        <h1>See the circuit. Ask it. Change it.</h1>
        <p className="lede">
          Everything is computed in this page, on this machine. Drop a circuit, a distribution or the folder of a model
          anywhere, or <OpenButton />.
        </p>
      </header>
      <section aria-labelledby="tour-title">
        <h2 id="tour-title">A tour</h2>
        <ol className="tour">
          {tour.map(({ title, text, href, action, picture }) => (
            <li key={title} className="panel">
              {picture}
              <h3>{title}</h3>
              <p>{text}</p>
              <a className="button" href={href}>
                {action}
              </a>
            </li>
          ))}
        </ol>
      </section>
      <List
        title="Circuits"
        items={of('circuit')}
        empty={listed ? 'None yet: filigree discover makes one.' : 'Looking\u2026'}
      />
      <List title="Distributions" items={of('distribution')} empty="" />
      <List title="Models" items={of('model')} empty="" />
      <List title="Runs" items={of('run')} empty="" />
    </main>
  );
}

function List({
  title,
  items,
  empty,
}: {
  readonly title: string;
  readonly items: readonly Item[];
  readonly empty: string;
}): React.JSX.Element | null {
  if (items.length === 0 && empty === '') return null;
  return (
    <section aria-label={title}>
      <h2>
        {title} {items.length > 0 ? <span className="note">{count(items.length)}</span> : null}
      </h2>
      {items.length === 0 ? <p className="note">{empty}</p> : null}
      <ul className="items">
        {items.map((item) => (
          <li key={item.id}>
            <Row item={item} />
            {item.id.startsWith(here) ? (
              <button
                type="button"
                className="forget"
                onClick={() => void drop(item.id)}
                aria-label={`Forget ${item.name}`}
              >
                {'\u00d7'}
              </button>
            ) : null}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Row({ item }: { readonly item: Item }): React.JSX.Element {
  const { kind, id, facts } = item;
  const inner = (
    <>
      <span className="name">{item.name}</span>
      <span className="about">{about(item)}</span>
      <span className="aside number">
        {typeof facts.faithfulness === 'number'
          ? decimal(facts.faithfulness)
          : kind === 'circuit'
            ? ''
            : bytes(item.size)}
      </span>
      <span className="aside">{when(item.made)}</span>
    </>
  );
  if (kind === 'circuit') return <a href={circuitHash(id)}>{inner}</a>;
  if (kind === 'distribution') return <a href={placeHash({ view: 'distribution', ids: [id], params: {} })}>{inner}</a>;
  if (kind === 'run') return <a href={placeHash({ view: 'run', ids: [id], params: {} })}>{inner}</a>;
  return <div>{inner}</div>;
}

function about({ kind, facts, id }: Item): string {
  const number = (value: unknown): string => (typeof value === 'number' ? count(value) : '?');
  if (kind === 'circuit') {
    const where = facts.model ? ` in ${facts.model}` : '';
    return `${facts.task ?? ''}${where} by ${facts.method ?? '?'}, ${number(facts.kept)} of ${number(facts.total)} ${facts.level}s`;
  }
  if (kind === 'model') {
    return facts.layers
      ? `${facts.architecture ?? 'model'}, ${number(facts.layers)} layers of ${number(facts.heads)} heads, ${number(facts.width)} wide`
      : id;
  }
  if (kind === 'run')
    return `${facts.recipe ?? 'training'}, ${number(facts.steps)} steps, loss ${typeof facts.loss === 'number' ? decimal(facts.loss) : '?'}`;
  return facts.format ? `probabilistic circuit, .${facts.format}` : 'probabilistic circuit';
}

/** A way to open files for those who do not drop them. */
export function OpenButton(): React.JSX.Element {
  const files = useRef<HTMLInputElement>(null);
  const take = (list: FileList | null): void => {
    if (!list) return;
    void takeFiles(new Map(Array.from(list, (file) => [file.webkitRelativePath || file.name, file])));
  };
  return (
    <>
      <button type="button" className="quiet link" onClick={() => files.current?.click()}>
        choose files
      </button>
      <input ref={files} type="file" multiple hidden onChange={(event) => take(event.target.files)} />
    </>
  );
}

/** Small drawings of the three examples. */
function TourPicture({ kind }: { readonly kind: 'circuit' | 'compare' | 'distribution' }): React.JSX.Element {
  if (kind === 'distribution') {
    return (
      <svg viewBox="0 0 220 96" className="tour-picture" aria-hidden="true">
        {[0.82, 0.34, 0.61, 0.17].map((share, i) => (
          <g key={share} transform={`translate(20 ${14 + i * 19})`}>
            <rect className="track" width={180} height={11} rx={3} />
            <rect className={i === 2 ? 'bar positive' : 'bar negative'} width={180 * share} height={11} rx={3} />
          </g>
        ))}
      </svg>
    );
  }
  const two = kind === 'compare';
  const lines: [string, string, number][] = two
    ? [
        ['M110,84C110,70 60,66 60,52', 'negative', 3],
        ['M110,84C110,70 160,66 160,52', 'positive', 3],
        ['M60,52C60,34 110,30 110,12', 'negative', 2],
        ['M160,52C160,34 110,30 110,12', 'positive', 2],
        ['M110,84V12', '', 3],
      ]
    : [
        ['M110,84C110,70 60,66 60,52', 'negative', 4],
        ['M60,52C60,34 110,30 110,12', 'negative', 3],
        ['M110,84C110,66 150,70 150,52', 'negative', 1.5],
        ['M60,52C90,40 130,64 150,52', 'negative', 2],
        ['M150,52C150,34 110,30 110,12', 'negative', 3],
        ['M110,84V12', 'positive', 1.2],
      ];
  return (
    <svg viewBox="0 0 220 96" className="tour-picture" aria-hidden="true">
      {lines.map(([d, name, width]) => (
        <path key={d} className={`edge ${name}`} d={d} strokeWidth={width} />
      ))}
      {[
        [110, 86],
        [60, 52],
        [two ? 160 : 150, 52],
        [110, 10],
      ].map(([x, y]) => (
        <circle key={`${x} ${y}`} className="dot" cx={x} cy={y} r={7} />
      ))}
    </svg>
  );
}
