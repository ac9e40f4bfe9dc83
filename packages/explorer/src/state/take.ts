import { given, here } from './items.js';
import { keep } from './keep.js';
import { useModel } from './model.js';
import { circuitItem, forget, messageOf, readItem } from './read.js';
import { addItem, getState, setState } from './store.js';
import { circuitHash, placeHash } from './url.js';

/** Takes files that were dropped or chosen: circuits, distributions, or the folder of a model. */
export async function takeFiles(files: ReadonlyMap<string, File>): Promise<void> {
  setState({ problem: '', notice: '' });
  const names = [...files.keys()];
  const config = names.find((name) => name.split('/').at(-1) === 'config.json');
  if (config !== undefined && names.some((name) => name.endsWith('.safetensors'))) {
    const folder = config.slice(0, -'config.json'.length);
    const inside = new Map(
      [...files].flatMap(([name, file]) =>
        name.startsWith(folder) ? [[name.slice(folder.length), file] as const] : [],
      ),
    );
    const name = folder.replace(/\/$/, '').split('/').at(-1) || 'model';
    const id = `${here}${name}`;
    given.set(id, { files: inside });
    const size = [...inside.values()].reduce((sum, file) => sum + file.size, 0);
    addItem({ id, kind: 'model', name, size, made: new Date().toISOString(), facts: {}, files: [] });
    void keep(id);
    setState({ notice: `${name} is open.` });
    if (getState().open && !getState().open?.model) await useModel(id);
    return;
  }
  const trees = [...files].filter(([name]) => name.endsWith('.vtree'));
  const others = [...files].filter(([name]) => !name.endsWith('.vtree'));
  const vtree = trees[0] ? { name: trees[0][0], text: await trees[0][1].text() } : undefined;
  if (others.length === 0) {
    setState({
      problem:
        'There is nothing in this that the page can show: give a circuit (.json, .psdd, .jpc, .sdd, .nnf, .fpc) or the folder of a model.',
    });
    return;
  }
  let last: string | undefined;
  for (const [name, file] of others.slice(0, 20)) {
    const id = `${here}${name.split('/').at(-1)}`;
    try {
      if (file.size > 512 * 2 ** 20)
        throw new Error(`${name} has ${file.size} bytes, which is too much for this page.`);
      forget(id);
      given.set(id, { content: file, ...(vtree ? { vtree } : {}) });
      const read = await readItem(id);
      const made = new Date(file.lastModified).toISOString();
      if (read.what === 'distribution') {
        addItem({
          id,
          kind: 'distribution',
          name: id.slice(here.length),
          size: file.size,
          made,
          facts: { units: read.facts.units },
        });
        last = placeHash({ view: 'distribution', ids: [id], params: {} });
      } else {
        addItem(circuitItem(id, read.circuit, file.size, made));
        last = circuitHash(id);
      }
      void keep(id);
    } catch (error) {
      given.delete(id);
      setState({ problem: messageOf(error) });
    }
  }
  if (last !== undefined) {
    if (window.location.hash === last) window.dispatchEvent(new HashChangeEvent('hashchange'));
    else window.location.hash = last;
  }
}
