import { engine } from '../engine/client.js';
import type { Question } from '../engine/protocol.js';
import { keptUnits } from './edits.js';
import { taskOf } from './model.js';
import { openCircuit } from './open.js';
import { circuitParams } from './params.js';
import { messageOf } from './read.js';
import { changeParams, getState, type Open, type State, setOpen, setParams, setState, useStore } from './store.js';
import { parsePlace } from './url.js';

/** The question about the open circuit: fresh pairs of its task, or the prompts that are typed. */
export function questionOf(open: Open, count = open.pairs): Question {
  const task = taskOf(open);
  const on = task ? ({ task, count, part: 'evaluation' } as const) : ({ texts: [open.pair] } as const);
  return { metric: open.metric, ablation: open.ablation, on, seed: 0 };
}

/** Runs `work` when what `pick` gives has changed, after `wait` ms of quiet; what is still running is cancelled. */
function whenever(
  pick: (state: State) => readonly unknown[] | null,
  wait: number,
  work: (signal: AbortSignal) => Promise<void>,
): void {
  let last: readonly unknown[] | null = null;
  let timer = 0;
  let running: AbortController | undefined;
  const look = (state: State): void => {
    const now = pick(state);
    const same = now === last || (now !== null && last !== null && now.every((value, i) => value === last?.[i]));
    if (same) return;
    last = now;
    window.clearTimeout(timer);
    running?.abort();
    if (now === null) return;
    timer = window.setTimeout(async () => {
      running = new AbortController();
      const { signal } = running;
      try {
        await work(signal);
      } catch (error) {
        if (!signal.aborted) setState({ problem: messageOf(error) });
      }
    }, wait);
  };
  useStore.subscribe(look);
  look(getState());
}

/** Keeps answers, judgements, node facts and the address in step with what the reader does. */
export function startLive(): void {
  const asked = ({ open }: State): readonly unknown[] | null =>
    open?.model ? [open.id, open.model, open.edits.size, open.edits.on, open.edits.off, open.ablation] : null;

  whenever(
    (state) => {
      const base = asked(state);
      return base && state.open?.model?.hasTokenizer ? [...base, state.open.pair] : null;
    },
    40,
    async (signal) => {
      const open = getState().open as Open;
      const { id, pair, ablation } = open;
      try {
        const answers = await engine.call(
          'answers',
          { circuit: id, kept: keptUnits(open), pair, ablation },
          { signal },
        );
        setOpen({ answers, answersError: '' }, id);
      } catch (error) {
        if (!signal.aborted) setOpen({ answersError: messageOf(error) }, id);
      }
    },
  );

  whenever(
    (state) => {
      const base = asked(state);
      const { open } = state;
      return base && open ? [...base, open.metric, open.pairs, taskOf(open) ? '' : open.pair] : null;
    },
    60,
    async (signal) => {
      const open = getState().open as Open;
      const { id } = open;
      try {
        const judged = await engine.call(
          'judge',
          { circuit: id, kept: keptUnits(open), question: questionOf(open) },
          { signal },
        );
        setOpen({ judged, judgedFor: open.edits, judgedError: '' }, id);
      } catch (error) {
        if (!signal.aborted) setOpen({ judged: null, judgedError: messageOf(error) }, id);
      }
    },
  );

  whenever(
    ({ open }) =>
      open?.model?.hasTokenizer && open.node !== null
        ? [open.id, open.model, open.node, open.pair, open.ablation, open.metric]
        : null,
    120,
    async (signal) => {
      const open = getState().open as Open;
      const node = open.node as number;
      const { id, pair, circuit } = open;
      try {
        const data = await engine.call(
          'inspect',
          { circuit: id, node: circuit.nodes.id[node], pair, question: questionOf(open, Math.min(open.pairs, 20)) },
          { signal },
        );
        setOpen({ facts: { node, data, error: '' } }, id);
      } catch (error) {
        if (!signal.aborted) setOpen({ facts: { node, data: null, error: messageOf(error) } }, id);
      }
    },
  );

  // The address follows what is seen, without a new entry in the history for each step.
  whenever(
    ({ open, place }) =>
      open && place.view === 'circuit'
        ? [
            ...[open.id, open.edits, open.node, open.pair, open.ablation, open.metric, open.pairs],
            ...[open.byPosition, open.all, open.camera, open.search, open.added, open.find],
          ]
        : null,
    400,
    async (signal) => {
      // Writing the address costs a few milliseconds, which a slider that is held has no room for.
      if (document.querySelector('input[type=range]:active')) {
        await new Promise((resolve) => window.addEventListener('pointerup', resolve, { once: true }));
      }
      if (signal.aborted) return;
      const { open, place } = getState();
      if (!open || place.view !== 'circuit' || place.ids[0] !== open.id) return;
      setParams(circuitParams(open));
    },
  );

  window.addEventListener('hashchange', () => {
    const place = parsePlace(window.location.hash);
    const { theme } = place.params;
    setState({ place, problem: '', notice: '', ...(theme === 'light' || theme === 'dark' ? { theme } : {}) });
    changeParams({});
    void show();
  });
  changeParams({});
  void show();
}

/** Opens what the address names. */
async function show(): Promise<void> {
  const { view, ids, params } = getState().place;
  if (view === 'circuit' && ids[0] !== undefined) await openCircuit(ids[0], params);
  else setState({ open: null });
}
