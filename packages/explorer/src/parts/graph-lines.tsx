import { memo, useEffect, useRef } from 'react';
import type { Placed } from '../engine/protocol.js';

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
export const Lines = memo(function Lines({ placed, states, widths, signOf, on }: LinesProps): React.JSX.Element {
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
