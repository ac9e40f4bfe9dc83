import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import type { Item } from '@filigree/explorer/items.js';
import { type Circuit, readCircuitFile } from 'filigree';

/** What was found, and where the addresses lead. */
export interface Listing {
  readonly items: readonly Item[];
  /** By address the file on the disk; nothing else is served. */
  readonly paths: ReadonlyMap<string, string>;
}

/** Deepest folder below the one that was named, most entries looked at, and largest circuit that is read for the list. */
const deepest = 5;
const mostEntries = 20_000;
const largest = 64 * 2 ** 20;
const skipped = new Set(['node_modules', 'dist', 'coverage', '__pycache__']);
/** JSON files that belong to a model. */
const ofModels = /^(config|generation_config|tokenizer.*|special_tokens_map|added_tokens|vocab|.*\.index)\.json$/;
const distributions = ['.psdd', '.sdd', '.jpc', '.nnf', '.fpc'];

/** Looks through files and folders for what the page can open, in the order of their names. */
export async function listItems(roots: readonly string[]): Promise<Listing> {
  const items = new Map<string, Item>();
  const paths = new Map<string, string>();
  let left = mostEntries;
  const address = (path: string): string => {
    const near = relative(process.cwd(), path);
    return (near.startsWith('..') ? path : near).split(sep).join('/').replace(/^\/+/, '') || basename(path);
  };
  const add = (item: Omit<Item, 'id'>, path: string): void => {
    const id = address(path);
    items.set(id, { id, ...item });
    if (item.kind !== 'model') paths.set(id, path);
    for (const file of item.files ?? []) paths.set(`${id}/${file.path}`, join(path, file.path));
  };
  const file = async (path: string): Promise<void> => {
    const info = await stat(path).catch(() => undefined);
    if (!info?.isFile()) return;
    const found = await itemOf(path, info.size, info.mtime.toISOString());
    if (!found) return;
    const vtree = path.replace(/\.[^./\\]+$/, '.vtree').replace(/(\.[^./\\]+)+\.vtree$/, '.vtree');
    const hasTree = found.kind === 'distribution' && (await stat(vtree).catch(() => undefined))?.isFile();
    if (hasTree) paths.set(address(vtree), vtree);
    add({ ...found, ...(hasTree ? { vtree: address(vtree) } : {}) }, path);
  };
  const folder = async (path: string, depth: number): Promise<void> => {
    const entries = (await readdir(path, { withFileTypes: true }).catch(() => [])).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    );
    const names = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
    const isModel = names.includes('config.json') && names.some((name) => name.endsWith('.safetensors'));
    const model = isModel ? await modelOf(path, names) : undefined;
    if (model) add(model, path);
    for (const entry of entries) {
      if (left-- <= 0) return;
      if (isModel && ofModels.test(entry.name)) continue;
      if (entry.isFile()) await file(join(path, entry.name));
      else if (entry.isDirectory() && depth < deepest && !skipped.has(entry.name) && !entry.name.startsWith('.')) {
        await folder(join(path, entry.name), depth + 1);
      }
    }
  };
  for (const root of roots) {
    const path = resolve(root);
    if ((await stat(path).catch(() => undefined))?.isDirectory()) await folder(path, 0);
    else await file(path);
  }
  return { items: [...items.values()], paths };
}

type Found = Omit<Item, 'id'>;

async function itemOf(path: string, size: number, made: string): Promise<Found | undefined> {
  const name = basename(path);
  const ending = name.slice(name.lastIndexOf('.')).toLowerCase();
  if (distributions.includes(ending)) {
    return { kind: 'distribution', name, size, made, facts: { format: ending.slice(1) } };
  }
  if (ending !== '.json' || size > largest) return undefined;
  const text = await readFile(path, 'utf8').catch(() => '');
  if (name === 'training.json') return trainingOf(path, text, size, made);
  try {
    const { circuit, kind } = readCircuitFile(text, name);
    const { provenance: from, edges, nodes } = circuit;
    const faithfulness = from.metrics['faithfulness'];
    const facts = {
      kind: circuit.kind,
      format: kind,
      task: from.task,
      method: from.method,
      model: from.model,
      nodes: nodes.id.length,
      edges: edges.source.length,
      ...sizeOf(circuit),
      faithfulness: typeof faithfulness === 'number' ? faithfulness : null,
    };
    return { kind: 'circuit', name, size, made: from.made || made, facts };
  } catch {
    // Any other JSON file: not for this page.
    return undefined;
  }
}

/** What a circuit is made of, how many of these there are, and how many it keeps; its logits are always kept. */
function sizeOf({ level, nodes, edges }: Circuit): { level: string; total: number; kept: number } {
  const count = (name: string, kept: readonly boolean[]) => ({
    level: name,
    total: kept.length,
    kept: kept.filter(Boolean).length,
  });
  const { neurons, kept, kind } = nodes;
  if (level === 'neuron' && neurons)
    return count(
      level,
      neurons.flatMap((list, n) => (kind[n] === 'logits' ? [] : (list ?? []))),
    );
  if (level === 'node' && kept)
    return count(
      level,
      kept.filter((_, n) => kind[n] !== 'logits'),
    );
  return count('edge', edges.kept);
}

async function modelOf(path: string, names: readonly string[]): Promise<Found | undefined> {
  const needed = names.filter((name) => /\.(safetensors|json)$/.test(name));
  const files = await Promise.all(
    needed.map(async (name) => ({ path: name, size: (await stat(join(path, name))).size })),
  );
  try {
    const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as Record<string, unknown>;
    const number = (...keys: string[]): number | null => {
      const found = keys.map((key) => config[key]).find((value) => typeof value === 'number');
      return (found as number | undefined) ?? null;
    };
    const made = (await stat(join(path, 'config.json'))).mtime.toISOString();
    const size = files.reduce((sum, file) => sum + file.size, 0);
    const facts = {
      architecture: typeof config['model_type'] === 'string' ? config['model_type'] : null,
      layers: number('num_hidden_layers', 'n_layer'),
      heads: number('num_attention_heads', 'n_head'),
      width: number('hidden_size', 'n_embd'),
    };
    return { kind: 'model', name: basename(path), size, made, facts, files };
  } catch {
    return undefined;
  }
}

function trainingOf(path: string, text: string, size: number, made: string): Found | undefined {
  try {
    const run = JSON.parse(text) as Record<string, unknown>;
    if (!Array.isArray(run['losses'])) return undefined;
    const recipe = (run['recipe'] ?? {}) as Record<string, unknown>;
    const number = (value: unknown): number | null => (typeof value === 'number' ? value : null);
    const facts = {
      recipe: typeof recipe['name'] === 'string' ? recipe['name'] : null,
      steps: number(recipe['steps']),
      loss: number(run['loss']),
      seconds: number(run['seconds']),
    };
    return { kind: 'run', name: `training of ${basename(resolve(path, '..'))}`, size, made, facts };
  } catch {
    return undefined;
  }
}
