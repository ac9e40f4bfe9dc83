import type { TextPair } from 'filigree';
import { engine } from '../engine/client.js';
import type { ModelFacts } from '../engine/protocol.js';
import { addressOf, given, type Item } from './items.js';
import { itemOf, messageOf, waitForItems } from './read.js';
import { getState, type Open, setOpen } from './store.js';

/** Built-in tasks, by name. */
export const taskNames = ['pronoun', 'induction', 'bracket', 'quote'] as const;

/** The task to ask about: the circuit's own where it is built in. */
export const taskOf = ({ circuit }: Pick<Open, 'circuit'>): string | undefined =>
  taskNames.find((name) => name === circuit.provenance.task);

/** Finds and opens the model that a circuit is of: by its name in the list. */
export async function openModelOf({ id, circuit }: Open): Promise<void> {
  const wanted = circuit.provenance.model.split('/').at(-1) ?? '';
  await waitForItems();
  const item = getState().items.find((model) => model.kind === 'model' && model.name === wanted);
  if (item) return useModel(item.id);
  setOpen(
    {
      modelNote: `The model \u201c${wanted}\u201d is not here, so nothing can be asked anew. Drop its folder here, or give it to filigree explore.`,
    },
    id,
  );
}

/** Loads a model in the worker. */
async function loadModel(item: Item): Promise<ModelFacts> {
  const own = given.get(item.id)?.files;
  return engine.call('openModel', {
    key: item.id,
    name: item.name,
    source: own
      ? { kind: 'given', files: own }
      : { kind: 'served', base: new URL(`${addressOf(item.id)}/`, document.baseURI).href, files: item.files ?? [] },
  });
}

/** Asks about the open circuit with a model of the list. */
export async function useModel(modelId: string): Promise<void> {
  const { open } = getState();
  const item = itemOf(modelId);
  if (!open || !item) return;
  const { id, circuit, units } = open;
  setOpen({ modelNote: `Opening ${item.name}\u2026` }, id);
  try {
    const facts = await loadModel(item);
    const { level, first } = units;
    await engine.call('useCircuit', { model: item.id, key: id, circuit, level, first });
    const { modelHash, task } = circuit.provenance;
    const other = modelHash !== '' && modelHash !== facts.hash;
    const pair = await examplePair(item.id, task);
    const { params } = getState().place;
    setOpen(
      {
        model: facts,
        modelNote: other
          ? `The weights of ${facts.name} differ from those of the model that the circuit was found in.`
          : '',
        ...(pair && params.clean === undefined ? { pair } : {}),
      },
      id,
    );
  } catch (error) {
    setOpen({ model: null, modelNote: messageOf(error) }, id);
  }
}

async function examplePair(model: string, task: string): Promise<TextPair | undefined> {
  // The prompts that the tour speaks of are of this task.
  if (task === 'pronoun' || !taskNames.some((name) => name === task)) return undefined;
  const [first] = await engine.call('texts', { model, task, count: 1, part: 'evaluation', seed: 0 });
  return first;
}
