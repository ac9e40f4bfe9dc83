import { useMemo, useRef } from 'react';
import { edit, keptUnits, redo, undo } from '../state/edits.js';
import { placeOpen } from '../state/open.js';
import { type Open, setOpen } from '../state/store.js';
import { countOnes, topSize, unitWord } from '../state/units.js';
import { count, figure } from './figures.js';

/** A slider's place 0..1000 for a size, logarithmic, so that small circuits have room. */
const toSlide = (size: number, most: number): number =>
  size <= 0 ? 0 : 1 + (999 * Math.log(size)) / Math.log(Math.max(2, most));
const fromSlide = (slide: number, most: number): number =>
  slide <= 0 ? 0 : Math.min(most, Math.round(Math.max(2, most) ** ((slide - 1) / 999)));

export function setSize(size: number | null, merge = false): void {
  edit((edits) => (edits.size === size ? edits : { ...edits, size }), merge);
}

/** Size and threshold, which move together, since units come in rank order. */
export function Sliders({ open }: { readonly open: Open }): React.JSX.Element {
  const { circuit, units, edits } = open;
  const { ranked, scores } = units;
  const most = ranked.length;
  const kept = useMemo(() => countOnes(keptUnits({ circuit, units, edits })), [circuit, units, edits]);
  const size = edits.size ?? kept;
  const sizes = useMemo(() => Float64Array.from(ranked, (unit) => Math.abs(scores[unit]) || 0), [ranked, scores]);
  const threshold = size > 0 ? sizes[Math.min(size, most) - 1] : sizes[0];
  const sliding = useRef(false);
  const move = (next: number): void => {
    setSize(Math.max(0, Math.min(most, next)), sliding.current);
    sliding.current = true;
  };
  const rest = (): void => {
    sliding.current = false;
  };
  // The weakest positive score and the strongest are the ends of the threshold.
  const [low, high] = useMemo(() => {
    const positive = sizes.filter((s) => s > 0);
    return [positive.at(-1) ?? 1e-6, Math.max(positive[0] ?? 1, 1e-6)];
  }, [sizes]);
  const span = Math.log(high / low) || 1;
  const thresholdSlide = threshold > 0 ? Math.round((1000 * Math.log(threshold / low)) / span) : 0;
  const atLeast = (slide: number): number => {
    const least = low * Math.exp((slide / 1000) * span);
    let n = 0;
    while (n < most && sizes[n] >= least * (1 - 1e-12)) n++;
    return n;
  };
  const top = useMemo(() => topSize(units), [units]);
  const asInFile = edits.on.size + edits.off.size === 0 && (edits.size === null || edits.size === top);
  const byHand = edits.on.size + edits.off.size;
  return (
    <div className="sliders">
      <label>
        <span className="what">
          Size <b>{count(kept)}</b> of {count(most)} {unitWord(units, most)}
        </span>
        <input
          id="size"
          type="range"
          min={0}
          max={1000}
          step={1}
          value={Math.round(toSlide(size, most))}
          aria-valuetext={`${count(kept)} ${unitWord(units, kept)}`}
          onChange={(event) => move(fromSlide(Number(event.target.value), most))}
          onKeyDown={(event) => {
            // One unit at a time, which a logarithmic slider would not give.
            const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[
              event.key
            ];
            if (step === undefined) return;
            event.preventDefault();
            move(size + step);
          }}
          onPointerUp={rest}
          onBlur={rest}
        />
      </label>
      <label>
        <span className="what">
          Threshold <b>{figure(threshold)}</b>
        </span>
        <input
          id="threshold"
          type="range"
          min={0}
          max={1000}
          step={1}
          value={Math.min(1000, Math.max(0, thresholdSlide))}
          aria-valuetext={`${unitWord(units)} of at least ${figure(threshold)}`}
          onChange={(event) => move(atLeast(Number(event.target.value)))}
          onPointerUp={rest}
          onBlur={rest}
        />
      </label>
      <div className="row">
        <button type="button" onClick={undo} disabled={open.past.length === 0} title="Undo (Ctrl Z)">
          Undo
        </button>
        <button type="button" onClick={redo} disabled={open.future.length === 0} title="Redo (Ctrl Shift Z)">
          Redo
        </button>
        <button
          type="button"
          disabled={asInFile}
          onClick={() => edit((now) => ({ ...now, size: null, on: new Set(), off: new Set() }))}
        >
          As in the file
        </button>
        {byHand > 0 ? <span className="note">{count(byHand)} switched by hand</span> : null}
        {circuit.nodes.position.some((p) => p !== null) ? (
          <label className="check">
            <input
              type="checkbox"
              checked={open.byPosition}
              onChange={(event) => {
                setOpen({ byPosition: event.target.checked, placed: null, camera: '' });
                void placeOpen();
              }}
            />
            positions
          </label>
        ) : null}
      </div>
    </div>
  );
}
