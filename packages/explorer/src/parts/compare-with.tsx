import { memo } from 'react';
import { addCurves } from '../state/open.js';
import { type Open, sameFields, useStore } from '../state/store.js';
import { placeHash } from '../state/url.js';

/** Leads to the comparison with another circuit, or adds its curve to the plot. */
export const CompareWith = memo(function CompareWith({ open }: { readonly open: Open }): React.JSX.Element | null {
  const items = useStore((state) => state.items);
  const others = items.filter((item) => item.kind === 'circuit' && item.id !== open.id);
  if (others.length === 0) return null;
  return (
    <section className="panel compare-with">
      <h2>Beside another</h2>
      <div className="settings">
        <label>
          <span>Compare edges with</span>
          <select
            value=""
            onChange={(event) => {
              if (event.target.value)
                window.location.hash = placeHash({ view: 'compare', ids: [open.id, event.target.value], params: {} });
            }}
          >
            <option value="">choose a circuit</option>
            {others.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>Add its curve to the plot</span>
          <select value="" onChange={(event) => event.target.value && void addCurves([event.target.value])}>
            <option value="">choose a circuit</option>
            {others.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
    </section>
  );
}, sameFields('id'));
