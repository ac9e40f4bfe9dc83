import { colorNames } from '@filigree/view';
import type { Circuit } from 'filigree';
import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Placed } from '../engine/protocol.js';
import { useCamera } from './camera.js';
import { edgeAt, edgeText, neighbour, nodeText } from './graph-find.js';
import { Lines } from './graph-lines.js';
import { Columns, Nodes, slots } from './graph-nodes.js';
import { canvasPainter, crowdOf, faint, glPainter, hidden, hot, type LinePainter, plain } from './lines-gl.js';

/** More visible edges than this are drawn on a canvas. */
const mostSvg = 1000;

export interface GraphProps {
  readonly circuit: Circuit;
  readonly placed: Placed;
  /** Per edge of the circuit, 1 where it is shown. */
  readonly kept: Uint8Array;
  readonly rankOf: Int32Array;
  readonly node: number | null;
  readonly onNode: (node: number | null) => void;
  /** Colour by something else than the sign: per edge -1, 0 or 1. */
  readonly signs?: Int8Array;
  /** Nodes that a search found. */
  readonly found?: ReadonlySet<number>;
  readonly groups?: ReadonlyMap<number, string>;
  readonly pinned?: ReadonlySet<number>;
  /** What an edge's line says on hover; its name, score and rank unless given. */
  readonly tell?: (edge: number) => string;
  /** What a node says on hover; its name, kind and score unless given. */
  readonly tellNode?: (node: number) => string;
  /** Per node -1..1: how strongly it is coloured, and as what. */
  readonly tones?: Float64Array;
  /** Where the drawing is to be, and who is told where the reader moves it; see `useCamera`. */
  readonly camera?: string;
  readonly onCamera?: (camera: string) => void;
  readonly label: string;
  readonly theme: 'light' | 'dark';
}

/** A layered circuit: crisp lines that can be hovered, boxes that can be focused; pan by dragging, zoom by wheel, pinch or buttons. */
export function Graph(props: GraphProps): React.JSX.Element {
  const { circuit, placed, kept, rankOf, node, onNode, signs, found, groups, pinned, tones, label, theme } = props;
  const { tell, tellNode, camera = '', onCamera } = props;
  const frame = useRef<HTMLDivElement>(null);
  const scene = useRef<SVGGElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<LinePainter>(undefined);
  const paintRef = useRef((): void => undefined);
  const [tip, setTip] = useState<{ x: number; y: number; text: string } | null>(null);
  /** What the tip speaks of: an edge of the drawing, -1 for nothing, -2 - n for node n. */
  const said = useRef(-1);
  const waiting = useRef(0);
  const ask = useCallback(() => {
    if (waiting.current === 0) waiting.current = requestAnimationFrame(() => paintRef.current());
  }, []);
  const { view, size, zoom, fit, zoomBy, panBy } = useCamera({ frame, placed, camera, onCamera, ask });

  const { order, points, samples } = placed;
  const edgeSign = useCallback(
    (e: number): number => (signs ? signs[e] : Math.sign(circuit.edges.score[e] ?? 0)),
    [signs, circuit],
  );
  const widths = useMemo(() => {
    let largest = 0;
    for (const e of order) largest = Math.max(largest, Math.abs(circuit.edges.score[e] ?? 0));
    return Float32Array.from(order, (e) =>
      largest > 0 ? 0.6 + 4.4 * (Math.abs(circuit.edges.score[e] ?? 0) / largest) ** 0.75 : 1.4,
    );
  }, [order, circuit]);

  // State per drawn edge: what is hidden, brought out, held back.
  const states = useMemo(() => {
    const result = new Uint8Array(order.length);
    const { source, target } = circuit.edges;
    for (let i = 0; i < order.length; i++) {
      const e = order[i];
      if (!kept[e]) continue;
      result[i] = node === null ? plain : source[e] === node || target[e] === node ? hot : faint;
    }
    return result;
  }, [order, kept, node, circuit]);
  const shown = useMemo(() => countShown(states), [states]);
  const portOf = useMemo(() => {
    const boxes = new Map(placed.nodes.map((box) => [box.index, box]));
    return Uint8Array.from(circuit.edges.port, (port, e) => {
      const at = boxes.get(circuit.edges.target[e])?.ports.indexOf(port) ?? -1;
      return at >= 0 && at < slots - 1 ? at + 1 : 0;
    });
  }, [placed, circuit]);
  const few = shown <= mostSvg && lastShown(states) < placed.paths.length;

  // Which nodes, and which of their inputs, a visible edge touches: `[nodes, 1 + ports]`.
  const active = useMemo(() => {
    const result = new Uint8Array(circuit.nodes.id.length * slots);
    const { source, target } = circuit.edges;
    for (let i = 0; i < order.length; i++) {
      if (states[i] === hidden) continue;
      const e = order[i];
      result[source[e] * slots] = 1;
      result[target[e] * slots] = 1;
      result[target[e] * slots + portOf[e]] = 1;
    }
    return result;
  }, [order, states, circuit, portOf]);

  const paint = useCallback(() => {
    waiting.current = 0;
    const { k, x, y } = view.current;
    scene.current?.setAttribute('transform', `translate(${x} ${y}) scale(${k})`);
    if (!painter.current) return;
    const reversed = states.slice().reverse();
    painter.current.draw(
      few ? new Uint8Array(states.length) : reversed,
      { ...view.current, ...crowdOf(shown) },
      size.current.width,
      size.current.height,
    );
  }, [states, few, shown, view, size]);
  paintRef.current = paint;

  // The painter is made once and when it is first needed; lines are given to it strongest last, so that they lie on top.
  const given = useRef<unknown>(undefined);
  useEffect(() => {
    if (!canvas.current || few || given.current === widths) return;
    given.current = widths;
    painter.current ??= glPainter(canvas.current) ?? canvasPainter(canvas.current);
    const count = order.length;
    const turned = new Float32Array(points.length);
    for (let i = 0; i < count; i++)
      turned.set(points.subarray(i * samples * 2, (i + 1) * samples * 2), (count - 1 - i) * samples * 2);
    painter.current.setLines(
      turned,
      samples,
      Float32Array.from(widths).reverse(),
      Int8Array.from(order, edgeSign).reverse(),
    );
    ask();
  }, [few, placed, order, points, samples, widths, edgeSign, ask]);
  useEffect(() => {
    const probe = frame.current;
    if (!probe || few) return;
    // A custom property may be spelled in any way; the colour that it gives is always rgb(…).
    const color = (name: string): number[] => {
      probe.style.color = `var(${name})`;
      const parts = getComputedStyle(probe).color.match(/[\d.]+/g) ?? [];
      return [0, 1, 2].map((i) => Number(parts[i] ?? 0) / 255);
    };
    probe.style.colorScheme = theme;
    painter.current?.setColors({
      negative: color(colorNames.negative),
      neutral: color(colorNames.neutral),
      positive: color(colorNames.positive),
    });
    probe.style.color = '';
    probe.style.colorScheme = '';
    ask();
  }, [few, theme, ask]);
  useEffect(() => ask(), [paint, ask]);
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const wheel = (event: WheelEvent): void => {
      // Plain scrolling belongs to the page.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = element.getBoundingClientRect();
      zoomBy(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    };
    element.addEventListener('wheel', wheel, { passive: false });
    return () => element.removeEventListener('wheel', wheel);
  }, [zoomBy]);

  const drag = useRef<{ x: number; y: number; moved: boolean } | null>(null);
  /** Says what lies at a point of the frame: the node under the pointer, else the nearest line. */
  const sayAt = (x: number, y: number, over: Element | null): void => {
    const box = over?.closest('[data-node]')?.getAttribute('data-node');
    const own = box ? -2 - Number(box) : edgeAt(placed, states, view.current, x, y);
    if (own === said.current) {
      if (own !== -1) setTip((now) => now && { ...now, x, y });
      return;
    }
    said.current = own;
    if (own === -1) {
      setTip(null);
      return;
    }
    const text =
      own < -1
        ? (tellNode?.(-2 - own) ?? nodeText(circuit, -2 - own))
        : (tell?.(order[own]) ?? edgeText(circuit, order[own], rankOf));
    setTip({ x, y, text });
  };
  const onPointerDown = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    drag.current = { x: event.clientX, y: event.clientY, moved: false };
  };
  const onPointerMove = (event: PointerEvent): void => {
    const box = frame.current?.getBoundingClientRect();
    if (!box) return;
    const { current } = drag;
    if (!current) {
      if (event.pointerType === 'mouse')
        sayAt(event.clientX - box.left, event.clientY - box.top, event.target as Element);
      return;
    }
    const [dx, dy] = [event.clientX - current.x, event.clientY - current.y];
    if (!current.moved && Math.hypot(dx, dy) < 4) return;
    if (!current.moved) frame.current?.setPointerCapture(event.pointerId);
    drag.current = { x: event.clientX, y: event.clientY, moved: true };
    panBy(dx, dy);
    setTip(null);
  };
  const onPointerUp = (event: PointerEvent): void => {
    const wasDrag = drag.current?.moved;
    drag.current = null;
    if (wasDrag) return;
    const box = frame.current?.getBoundingClientRect();
    const target = (event.target as Element).closest('[data-node]');
    if (target)
      onNode(Number(target.getAttribute('data-node')) === node ? null : Number(target.getAttribute('data-node')));
    else if (box) {
      const { k, x, y } = view.current;
      const [px, py] = [(event.clientX - box.left - x) / k, (event.clientY - box.top - y) / k];
      const hit = placed.nodes.find((n) => Math.abs(n.x - px) <= n.width / 2 && Math.abs(n.y - py) <= n.height / 2);
      if (hit) onNode(hit.index);
      else {
        sayAt(event.clientX - box.left, event.clientY - box.top, null);
        if (node !== null && said.current < 0) onNode(null);
      }
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && node !== null) onNode(null);
    if (event.key === '+' || event.key === '=') zoomBy(1.25);
    if (event.key === '-') zoomBy(0.8);
    if (event.key === '0') fit();
    const target = (event.target as Element).closest('[data-node]');
    if (!target) return;
    const own = Number(target.getAttribute('data-node'));
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      onNode(own === node ? null : own);
    }
    const to = neighbour(placed, own, event.key);
    if (to === undefined) return;
    event.preventDefault();
    frame.current?.querySelector<SVGGElement>(`[data-node="${to}"]`)?.focus();
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dragging and hovering only; the nodes inside are buttons
    <div
      className="graph"
      ref={frame}
      onPointerDown={onPointerDown}
      onPointerMove={onPointerMove}
      onPointerUp={onPointerUp}
      onPointerLeave={() => {
        said.current = -1;
        setTip(null);
      }}
      onKeyDown={onKeyDown}
      data-edges={shown}
      data-painter={few ? 'svg' : 'canvas'}
    >
      <canvas ref={canvas} />
      {/* biome-ignore lint/a11y/useSemanticElements: a group of an SVG */}
      <svg
        role="group"
        aria-label={label}
        style={{ '--edge-opacity': few ? crowdOf(shown).opacity : 0.8 } as React.CSSProperties}
      >
        <g ref={scene}>
          <Columns placed={placed} zoom={zoom} />
          <Lines placed={placed} states={states} widths={widths} signOf={edgeSign} on={few} />
          <Nodes
            circuit={circuit}
            boxes={placed.nodes}
            active={active}
            node={node}
            found={found}
            groups={groups}
            pinned={pinned}
            tones={tones}
          />
        </g>
      </svg>
      {tip ? (
        <div
          className={tip.y < 70 ? 'tip below' : 'tip'}
          style={{ left: Math.max(90, Math.min(size.current.width - 90, tip.x)), top: tip.y }}
        >
          {tip.text}
        </div>
      ) : null}
      <div className="zoom">
        <button type="button" onClick={() => zoomBy(1.25)} aria-label="Zoom in" title="Zoom in (+)">
          +
        </button>
        <button type="button" onClick={() => zoomBy(0.8)} aria-label="Zoom out" title="Zoom out (-)">
          {'\u2212'}
        </button>
        <button type="button" onClick={fit} title="Show all (0)">
          {Math.round(zoom * 100)} %
        </button>
      </div>
    </div>
  );
}

function countShown(states: Uint8Array): number {
  let count = 0;
  for (let i = 0; i < states.length; i++) if (states[i] !== hidden) count++;
  return count;
}

function lastShown(states: Uint8Array): number {
  for (let i = states.length - 1; i >= 0; i--) if (states[i] !== hidden) return i;
  return -1;
}
