import type { Circuit } from 'filigree';
import { memo, useLayoutEffect, useRef } from 'react';
import type { Placed, PlacedBox } from '../engine/protocol.js';

/** More nodes than this are drawn without names to focus. */
const mostNodes = 700;
/** Room for a node and its named inputs in the table of what is active. */
export const slots = 8;

interface NodesProps {
  readonly circuit: Circuit;
  readonly boxes: readonly PlacedBox[];
  readonly active: Uint8Array;
  readonly node: number | null;
  readonly found: ReadonlySet<number> | undefined;
  readonly groups: ReadonlyMap<number, string> | undefined;
  readonly pinned: ReadonlySet<number> | undefined;
  readonly tones: Float64Array | undefined;
}

/** Nodes. What is active changes with every step of a slider, so it is written to the elements without rendering them anew. */
export function Nodes({ active, ...rest }: NodesProps): React.JSX.Element {
  const group = useRef<SVGGElement>(null);
  const { boxes, node, found, groups, pinned, tones, circuit } = rest;
  const before = useRef<{ active: Uint8Array | null; elements: Element[][] }>({ active: null, elements: [] });
  // What is rendered anew has to be marked anew, hence all of these.
  useLayoutEffect(() => {
    void [node, found, groups, pinned, tones, circuit];
    const children = group.current?.firstElementChild?.children;
    if (!children) return;
    before.current = {
      active: null,
      elements: boxes.map((_, i) => [children[i], ...children[i].querySelectorAll('.port')]),
    };
  }, [boxes, node, found, groups, pinned, tones, circuit]);
  useLayoutEffect(() => {
    void [node, found, groups, pinned, tones, circuit];
    const { active: was, elements } = before.current;
    boxes.forEach(({ index }, i) => {
      elements[i]?.forEach((element, slot) => {
        const is = active[index * slots + slot];
        if (was?.[index * slots + slot] !== is) element.classList.toggle('off', is === 0);
      });
    });
    before.current.active = active;
  }, [active, boxes, node, found, groups, pinned, tones, circuit]);
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
  tones,
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
        const tone = tones?.[index] ?? 0;
        const style = tones
          ? ({
              '--tone': `${Math.round(Math.abs(tone) * 60)}%`,
              '--hue': tone < 0 ? 'var(--score-negative)' : 'var(--score-positive)',
            } as React.CSSProperties)
          : undefined;
        if (simple) {
          return (
            <rect
              key={index}
              className={`${classes} box${tones ? ' toned' : ''}`}
              style={style}
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
            className={tones ? `${classes} toned` : classes}
            style={style}
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
export function Columns({
  placed,
  zoom,
}: {
  readonly placed: Placed;
  readonly zoom: number;
}): React.JSX.Element | null {
  if (!placed.columns) return null;
  // They stay readable where the drawing is made small.
  return (
    <g className="columns" style={{ fontSize: 11 / Math.min(1, Math.max(0.4, zoom)) }}>
      {placed.columns.map(({ x, text }) => (
        <text key={x} x={x} y={placed.height - 4}>
          {text.trim() || '\u2423'}
        </text>
      ))}
    </g>
  );
}
