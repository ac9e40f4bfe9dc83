import { colorNames } from '@filigree/view';
import type { Circuit } from 'filigree';
import {
  type KeyboardEvent,
  memo,
  type PointerEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import type { Placed, PlacedBox } from '../engine/protocol.js';
import { figure } from './figures.js';
import {
  canvasPainter,
  faint,
  glPainter,
  hidden,
  hot,
  type LinePainter,
  plain,
  type ViewTransform,
} from './lines-gl.js';

/** More visible edges than this are drawn on a canvas. */
const mostSvg = 1000;
/** More nodes than this are drawn without names to focus. */
const mostNodes = 700;

/** Room for a node and its named inputs in the table of what is active. */
const slots = 8;

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
  readonly label: string;
  readonly theme: 'light' | 'dark';
}

/** A layered circuit: crisp lines that can be hovered, boxes that can be focused; pan by dragging, zoom by wheel, pinch or buttons. */
export function Graph(props: GraphProps): React.JSX.Element {
  const { circuit, placed, kept, rankOf, node, onNode, signs, found, groups, pinned, tell, label, theme } = props;
  const frame = useRef<HTMLDivElement>(null);
  const scene = useRef<SVGGElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<LinePainter>(undefined);
  const size = useRef({ width: 0, height: 0 });
  const view = useRef<ViewTransform>({ k: 1, x: 0, y: 0 });
  const [zoom, setZoom] = useState(1);
  const [tip, setTip] = useState<{ x: number; y: number; text: string } | null>(null);
  const over = useRef(-1);
  const waiting = useRef(0);

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
      view.current,
      size.current.width,
      size.current.height,
    );
  }, [states, few]);
  const paintRef = useRef(paint);
  paintRef.current = paint;
  const ask = useCallback(() => {
    if (waiting.current === 0) waiting.current = requestAnimationFrame(() => paintRef.current());
  }, []);

  const fit = useCallback(() => {
    const { width, height } = size.current;
    const k = Math.max(0.02, Math.min(1.15, width / placed.width, height / placed.height));
    view.current = { k, x: (width - placed.width * k) / 2, y: (height - placed.height * k) / 2 };
    setZoom(k);
    ask();
  }, [placed, ask]);

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
    probe.dataset.theme = theme;
    painter.current?.setColors({
      negative: color(colorNames.negative),
      neutral: color(colorNames.neutral),
      positive: color(colorNames.positive),
    });
    probe.style.color = '';
    ask();
  }, [few, theme, ask]);
  useEffect(() => ask(), [paint, ask]);
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      const { clientWidth: width, clientHeight: height } = element;
      if (width === size.current.width && height === size.current.height) return;
      size.current = { width, height };
      fit();
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [fit]);
  useEffect(() => {
    const { clientWidth: width = 0, clientHeight: height = 0 } = frame.current ?? {};
    size.current = { width, height };
    fit();
  }, [fit]);

  const zoomBy = useCallback(
    (factor: number, x = size.current.width / 2, y = size.current.height / 2) => {
      const { k, x: left, y: top } = view.current;
      const next = Math.min(8, Math.max(0.02, k * factor));
      view.current = { k: next, x: x - ((x - left) * next) / k, y: y - ((y - top) * next) / k };
      setZoom(next);
      ask();
    },
    [ask],
  );
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
  const sayAt = (x: number, y: number): void => {
    const edge = edgeAt(placed, states, view.current, x, y);
    if (edge === over.current) {
      if (edge >= 0) setTip((now) => now && { ...now, x, y });
      return;
    }
    over.current = edge;
    setTip(edge < 0 ? null : { x, y, text: tell?.(order[edge]) ?? edgeText(circuit, order[edge], rankOf) });
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
      if (event.pointerType === 'mouse') sayAt(event.clientX - box.left, event.clientY - box.top);
      return;
    }
    const [dx, dy] = [event.clientX - current.x, event.clientY - current.y];
    if (!current.moved && Math.hypot(dx, dy) < 4) return;
    if (!current.moved) frame.current?.setPointerCapture(event.pointerId);
    drag.current = { x: event.clientX, y: event.clientY, moved: true };
    view.current = { ...view.current, x: view.current.x + dx, y: view.current.y + dy };
    setTip(null);
    ask();
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
        sayAt(event.clientX - box.left, event.clientY - box.top);
        if (node !== null && over.current < 0) onNode(null);
      }
    }
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && node !== null) onNode(null);
    if (event.key === '+' || event.key === '=') zoomBy(1.25);
    if (event.key === '-') zoomBy(0.8);
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
        over.current = -1;
        setTip(null);
      }}
      onKeyDown={onKeyDown}
      data-edges={shown}
      data-painter={few ? 'svg' : 'canvas'}
    >
      <canvas ref={canvas} />
      {/* biome-ignore lint/a11y/useSemanticElements: a group of an SVG */}
      <svg role="group" aria-label={label} className={node === null ? '' : 'focused'}>
        <g ref={scene}>
          <Columns placed={placed} />
          <Lines placed={placed} states={states} widths={widths} signOf={edgeSign} on={few} />
          <Nodes
            circuit={circuit}
            boxes={placed.nodes}
            active={active}
            node={node}
            found={found}
            groups={groups}
            pinned={pinned}
          />
        </g>
      </svg>
      {tip ? (
        <div className="tip" style={{ left: tip.x, top: tip.y }}>
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
        <button type="button" onClick={fit} title="Show all">
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

interface LinesProps {
  readonly placed: Placed;
  readonly states: Uint8Array;
  readonly widths: Float32Array;
  readonly signOf: (edge: number) => number;
  readonly on: boolean;
}

const signNames = ['negative', '', 'positive'];
const stateNames = ['off', '', 'hot', 'faint'];

/** Few edges as SVG. The elements are made once; then only the classes of those whose state changed are written. */
const Lines = memo(function Lines({ placed, states, widths, signOf, on }: LinesProps): React.JSX.Element {
  const group = useRef<SVGGElement>(null);
  const before = useRef<Uint8Array>(new Uint8Array(0));
  const made = useRef<unknown>(undefined);
  useEffect(() => {
    const element = group.current;
    if (!element || !on) return;
    const { paths, order } = placed;
    if (made.current !== placed || element.childElementCount === 0) {
      made.current = placed;
      before.current = new Uint8Array(paths.length).fill(255);
      element.replaceChildren(
        ...paths
          .map((d, i) => {
            const line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
            line.setAttribute('d', d);
            line.setAttribute('stroke-width', widths[i].toFixed(2));
            line.dataset['edge'] = String(order[i]);
            return line;
          })
          .reverse(),
      );
    }
    const { children } = element;
    for (let i = 0; i < paths.length; i++) {
      const code = 4 * (signOf(order[i]) + 1) + states[i];
      if (before.current[i] === code) continue;
      before.current[i] = code;
      children[paths.length - 1 - i].setAttribute(
        'class',
        `edge ${signNames[signOf(order[i]) + 1]} ${stateNames[states[i]]}`,
      );
    }
  }, [placed, states, widths, signOf, on]);
  return <g ref={group} className={on ? 'edges' : 'edges away'} />;
});

interface NodesProps {
  readonly circuit: Circuit;
  readonly boxes: readonly PlacedBox[];
  readonly active: Uint8Array;
  readonly node: number | null;
  readonly found: ReadonlySet<number> | undefined;
  readonly groups: ReadonlyMap<number, string> | undefined;
  readonly pinned: ReadonlySet<number> | undefined;
}

/** Nodes. What is active changes with every step of a slider, so it is written to the elements without rendering them anew. */
function Nodes({ active, ...rest }: NodesProps): React.JSX.Element {
  const group = useRef<SVGGElement>(null);
  const { boxes, node, found, groups, pinned, circuit } = rest;
  const before = useRef<{ active: Uint8Array | null; elements: Element[][] }>({ active: null, elements: [] });
  // What is rendered anew has to be marked anew, hence all of these.
  useLayoutEffect(() => {
    void [node, found, groups, pinned, circuit];
    const children = group.current?.firstElementChild?.children;
    if (!children) return;
    before.current = {
      active: null,
      elements: boxes.map((_, i) => [children[i], ...children[i].querySelectorAll('.port')]),
    };
  }, [boxes, node, found, groups, pinned, circuit]);
  useLayoutEffect(() => {
    void [node, found, groups, pinned, circuit];
    const { active: was, elements } = before.current;
    boxes.forEach(({ index }, i) => {
      elements[i]?.forEach((element, slot) => {
        const is = active[index * slots + slot];
        if (was?.[index * slots + slot] !== is) element.classList.toggle('off', is === 0);
      });
    });
    before.current.active = active;
  }, [active, boxes, node, found, groups, pinned, circuit]);
  return (
    <g ref={group}>
      <Boxes {...rest} />
    </g>
  );
}

const Boxes = memo(function Boxes({
  circuit,
  boxes,
  node,
  found,
  groups,
  pinned,
}: Omit<NodesProps, 'active'>): React.JSX.Element {
  const { nodes } = circuit;
  const simple = boxes.length > mostNodes;
  return (
    <g className="nodes">
      {boxes.map((box) => {
        const { index, x, y, width, height, text, ports } = box;
        const kind = nodes.kind[index];
        // The inputs of a distribution are many; those of a model are one bar.
        const end = circuit.kind !== 'probabilistic' && (kind === 'input' || kind === 'logits') ? ' end' : '';
        const classes = `node kind-${kind.replace(/\W+/g, '-')}${end}${index === node ? ' chosen' : ''}${found?.has(index) ? ' found' : ''}`;
        if (simple) {
          return (
            <rect
              key={index}
              className={`${classes} box`}
              data-node={index}
              x={x - width / 2}
              y={y - height / 2}
              width={width}
              height={height}
              rx={3}
            >
              <title>{nodes.label[index]}</title>
            </rect>
          );
        }
        const group = groups?.get(index);
        return (
          // biome-ignore lint/a11y/useSemanticElements: SVG has no button
          <g
            key={index}
            className={classes}
            data-node={index}
            transform={`translate(${x} ${y})`}
            role="button"
            tabIndex={0}
            aria-pressed={index === node}
            aria-label={`${nodes.label[index]}${group ? `, in ${group}` : ''}`}
          >
            <rect className="box" x={-width / 2} y={-height / 2} width={width} height={height} rx={7} />
            <text className="name" y={ports.length > 0 ? -height / 2 + 15 : 4.2}>
              {text}
            </text>
            {ports.map((port, i) => (
              <text key={port} className="port" x={((i + 0.5) / ports.length - 0.5) * (width - 8)} y={height / 2 - 5}>
                {port.slice(0, 2)}
              </text>
            ))}
            {group ? (
              <text className="group" y={-height / 2 - 4}>
                {group.length > 18 ? `${group.slice(0, 17)}\u2026` : group}
              </text>
            ) : null}
            {pinned?.has(index) ? <circle className="pin" cx={width / 2} cy={-height / 2} r={4} /> : null}
          </g>
        );
      })}
    </g>
  );
});

/** Names of the positions under a drawing whose second axis they are. */
function Columns({ placed }: { readonly placed: Placed }): React.JSX.Element | null {
  if (!placed.columns) return null;
  return (
    <g className="columns">
      {placed.columns.map(({ x, text }) => (
        <text key={x} x={x} y={placed.height - 4}>
          {text.trim() || '\u2423'}
        </text>
      ))}
    </g>
  );
}

/** Index into the drawing's order of the visible edge nearest to a point of the view, or -1. */
function edgeAt(
  { points, samples, order }: Placed,
  states: Uint8Array,
  { k, x, y }: ViewTransform,
  px: number,
  py: number,
): number {
  const [sx, sy] = [(px - x) / k, (py - y) / k];
  let nearest = (6 / k) ** 2;
  let best = -1;
  for (let i = 0; i < order.length; i++) {
    if (states[i] === hidden) continue;
    const at = i * samples * 2;
    for (let s = 0; s + 1 < samples; s++) {
      const [x1, y1] = [points[at + 2 * s], points[at + 2 * s + 1]];
      const [dx, dy] = [points[at + 2 * s + 2] - x1, points[at + 2 * s + 3] - y1];
      const along = dx * dx + dy * dy;
      const t = along > 0 ? Math.min(1, Math.max(0, ((sx - x1) * dx + (sy - y1) * dy) / along)) : 0;
      const distance = (sx - x1 - t * dx) ** 2 + (sy - y1 - t * dy) ** 2;
      if (distance < nearest) {
        nearest = distance;
        best = i;
      }
    }
  }
  return best;
}

export function edgeLabel({ nodes, edges }: Circuit, e: number): string {
  const port = edges.port[e] && `<${edges.port[e]}>`;
  return `${nodes.label[edges.source[e]]} \u2192 ${nodes.label[edges.target[e]]}${port}`;
}

function edgeText(circuit: Circuit, e: number, rankOf: Int32Array): string {
  const score = circuit.edges.score[e];
  return `${edgeLabel(circuit, e)}: ${score === null ? 'not scored' : figure(score)} \u00b7 rank ${rankOf[e] + 1}`;
}

/** The node in the direction of an arrow key: the nearest of the row, or of the rows above or below. */
function neighbour({ nodes }: Placed, from: number, key: string): number | undefined {
  const own = nodes.find(({ index }) => index === from);
  if (!own) return undefined;
  const inDirection: Readonly<Record<string, (n: PlacedBox) => boolean>> = {
    ArrowLeft: (n) => n.y === own.y && n.x < own.x,
    ArrowRight: (n) => n.y === own.y && n.x > own.x,
    ArrowUp: (n) => n.y < own.y,
    ArrowDown: (n) => n.y > own.y,
  };
  const fits = inDirection[key];
  if (!fits) return undefined;
  const distance = (n: PlacedBox): number => Math.abs(n.x - own.x) + 1000 * Math.abs(n.y - own.y);
  return nodes.filter(fits).sort((a, b) => distance(a) - distance(b))[0]?.index;
}
