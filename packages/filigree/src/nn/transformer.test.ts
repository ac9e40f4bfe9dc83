import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryFiles } from '../bytes.js';
import { InputError } from '../errors.js';
import { createReferenceDevice, type Device } from '../kernels/index.js';
import {
  add,
  alias,
  backward,
  mul,
  Random,
  scope,
  setDefaultDevice,
  slice,
  sum,
  type Tensor,
  tensor,
  track,
} from '../tensor/index.js';
import { loadFolder, projectPath, readJson, sharedModel } from '../testing/fixtures.js';
import { KeyValueCache } from './cache.js';
import type { TransformerConfig } from './config.js';
import { generate } from './generate.js';
import { siteNames } from './sites.js';
import { readTokenizer } from './tokenizer.js';
import { type RunOptions, Transformer } from './transformer.js';

const tiny = ['tiny-llama', 'tiny-mistral', 'tiny-qwen2', 'tiny-gpt2', 'tiny-neox', 'tiny-gemma2'];

interface Expected {
  ids: number[];
  logits: number[];
  allLogits: number[][];
}

/** Largest difference of two lists of equal length. */
function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a, (x, i) => Math.abs(x - b[i])).reduce((m, d) => Math.max(m, d), 0);
}

describe.each(tiny)('the logits of %s', (name) => {
  it('agree with an independent implementation', async () => {
    const model = await loadFolder(projectPath(`fixtures/${name}`));
    const expected = readJson<Expected>(projectPath(`fixtures/${name}/expected.json`));
    const all = model.run([expected.ids]).logits;
    expect(all.shape).toEqual([1, expected.ids.length, model.config.vocabulary]);
    expect(distance(await all.data(), expected.allLogits.flat())).toBeLessThan(1e-4);
    // Padded and asked for at one position each, sequences do not disturb each other.
    const short = expected.ids.slice(0, 5);
    const { logits } = model.run([expected.ids, short], { at: [expected.ids.length - 1, 4] });
    expect(distance(await logits.data(), [...expected.logits, ...expected.allLogits[4]])).toBeLessThan(1e-4);
    model.dispose();
  });
});

it('a GPT-NeoX model whose blocks are not parallel agrees too', async () => {
  const parallel = await loadFolder(projectPath('fixtures/tiny-neox'));
  const { ids, sequential } = readJson<Expected & { sequential: number[] }>(
    projectPath('fixtures/tiny-neox/expected.json'),
  );
  const model = new Transformer({ ...parallel.config, parallel: false }, parallel.parameters);
  const { logits } = model.run([ids], { at: [ids.length - 1] });
  expect(distance(await logits.data(), sequential)).toBeLessThan(1e-4);
  expect(siteNames(model.config)).toContain('blocks.0.resid_mid');
  model.dispose();
});

describe('stories260K', () => {
  const folder = sharedModel('stories260K');
  const expected = readJson<{ ids: number[]; logits: number[]; greedy: { ids: number[]; text: string } }>(
    projectPath('fixtures/expected/stories260K-forward.json'),
  );

  it.skipIf(!folder)('has the logits of an independent implementation', async () => {
    const model = await loadFolder(folder!);
    const { logits } = model.run([expected.ids], { at: [expected.ids.length - 1] });
    expect(distance(await logits.data(), expected.logits)).toBeLessThan(1e-4);
    model.dispose();
  });

  it.skipIf(!folder)('tells its story', async () => {
    const model = await loadFolder(folder!);
    const [first, ...rest] = expected.greedy.ids;
    const ids: number[] = [];
    for await (const id of generate(model, [first], { temperature: 0, length: rest.length })) ids.push(id);
    expect(ids).toEqual(rest);
    const files = memoryFiles('', new Map([['tokenizer.json', readFileSync(`${folder}/tokenizer.json`)]]));
    // A text that stands alone has no space before its first word; this one continues an empty text.
    expect(` ${(await readTokenizer(files, model.config)).decode(ids)}`).toBe(expected.greedy.text);
    model.dispose();
  });
});

/** Shape of a site for sequences of equal length; `split`: each head reads its own copy of the stream. */
function siteShape(site: string, config: TransformerConfig, batch: number, length: number, split: boolean): number[] {
  const { heads, kvHeads, headWidth, width, mlpWidth, vocabulary } = config;
  const short = site.replace(/^blocks\.\d+\./, '');
  const head = [batch, length, heads, headWidth];
  const shapes: Record<string, number[]> = {
    logits: [batch, length, vocabulary],
    'ln1.scale': split ? [batch, length, heads, 1] : [batch, length, 1],
    'ln1_post.scale': [batch, length, 1],
    'ln2.scale': [batch, length, 1],
    'ln2_post.scale': [batch, length, 1],
    'ln_final.scale': [batch, length, 1],
    'attn.q': head,
    'attn.k': split ? head : [batch, length, kvHeads, headWidth],
    'attn.v': split ? head : [batch, length, kvHeads, headWidth],
    'attn.z': head,
    'attn.scores': [batch, heads, length, length],
    'attn.pattern': [batch, heads, length, length],
    'attn.result': [batch, length, heads, width],
    q_input: [batch, length, heads, width],
    k_input: [batch, length, heads, width],
    v_input: [batch, length, heads, width],
    'mlp.pre': [batch, length, mlpWidth],
    'mlp.pre_linear': [batch, length, mlpWidth],
    'mlp.post': [batch, length, mlpWidth],
  };
  return shapes[short] ?? [batch, length, width];
}

const isCopy = (site: string): boolean => /\.[qkv]_input$/.test(site);
/** What all heads read together, where they have no copies. */
const isShared = (site: string): boolean => site.endsWith('attn.in');

/** Exact enough to see any error of the wiring. */
describe.each(['tiny-llama', 'tiny-qwen2', 'tiny-gpt2', 'tiny-neox', 'tiny-gemma2'])(
  'the sites of %s, in f64',
  (name) => {
    let before: Device | undefined;
    let model: Transformer;
    let ids: number[][];
    beforeAll(async () => {
      before = setDefaultDevice(createReferenceDevice('f64'));
      model = await loadFolder(projectPath(`fixtures/${name}`));
      const { ids: all } = readJson<Expected>(projectPath(`fixtures/${name}/expected.json`));
      ids = [all.slice(0, 5), all.slice(5, 10)];
    });
    afterAll(() => {
      model.dispose();
      setDefaultDevice(before);
    });

    const logitsOf = (options: RunOptions): Float64Array =>
      scope(() => Float64Array.from(model.run(ids, options).logits.dataSync()));

    /** Runs that between them have every site. */
    const runs = (): { sites: string[]; options: RunOptions; split: boolean }[] => {
      const sites = siteNames(model.config);
      return [
        { sites: sites.filter((s) => !isCopy(s)), options: { results: true }, split: false },
        { sites: sites.filter((s) => !isShared(s)), options: { results: true, split: true }, split: true },
      ];
    };

    /** Logits when a site is changed, every time that it is visited. */
    const withSite = (site: string, options: RunOptions, change: (value: Tensor) => Tensor): Float64Array =>
      logitsOf({ ...options, edit: (at, value) => (at === site ? change(value) : value) });

    it('can all be read, and are visited in the order of their names', () => {
      for (const { sites, options, split } of runs()) {
        scope(() => {
          const visited = new Set<string>();
          const edit = (site: string, value: Tensor): Tensor => {
            visited.add(site);
            return value;
          };
          const run = model.run(ids, { ...options, sites, edit });
          for (const site of sites)
            expect(run.site(site).shape, site).toEqual(siteShape(site, model.config, 2, 5, split));
          // A scale belongs to the copies that it divides, so in split runs it is first seen after the first copy.
          const order = (list: Iterable<string>): string[] => [...list].filter((s) => !isCopy(s));
          expect(order(visited)).toEqual(order(sites));
        });
      }
      expect(() => model.run(ids).site('logits')).toThrow(RangeError);
    });

    it('can all be replaced: by the same value without effect, by another with one', () => {
      for (const { sites, options } of runs()) {
        const plain = logitsOf(options);
        for (const site of sites) {
          expect(
            distance(
              withSite(site, options, (value) => value.packed()),
              plain,
            ),
            site,
          ).toBe(0);
          const random = new Random(1);
          const noise = (value: Tensor): Tensor => add(value, tensor(random.normals(value.size), value.shape));
          expect(distance(withSite(site, options, noise), plain), site).toBeGreaterThan(1e-3);
        }
      }
    });

    it('can all be differentiated by: finite differences along random directions agree', () => {
      const projection = new Random(2).normals(2 * 5 * model.config.vocabulary);
      const step = 1e-5;
      for (const { sites, options, split } of runs()) {
        // In a split run a scale stands for three copies; it is checked in the other.
        for (const site of sites.filter((s) => !split || isCopy(s) || /attn\.(k|v)$/.test(s))) {
          const directions = new Random(3);
          const direction = directions.normals(siteShape(site, model.config, 2, 5, split).reduce((a, b) => a * b, 1));
          const value = (by: number): number => {
            const moved = (x: Tensor): Tensor => add(x, mul(tensor(direction, x.shape), by));
            return withSite(site, options, moved).reduce((s, logit, i) => s + logit * projection[i], 0);
          };
          const expected = (value(step) - value(-step)) / (2 * step);
          const found = scope(() => {
            const start = (at: string, x: Tensor): Tensor => (at === 'embed' ? track(alias(x)) : x);
            const run = model.run(ids, { ...options, sites: [site], edit: start });
            const seed = tensor(projection, run.logits.shape);
            const [gradient] = backward([{ tensor: run.logits, seed }], [run.site(site)]);
            return sum(mul(gradient!, tensor(direction, gradient!.shape))).dataSync()[0];
          });
          expect(Math.abs(found - expected) / (1 + Math.abs(expected)), site).toBeLessThan(1e-6);
        }
      }
    });

    it('are the same whether heads read copies of the stream or not', () => {
      const sites = siteNames(model.config).filter((s) =>
        /resid|attn\.(q|z|scores|pattern|result)$|out$|logits/.test(s),
      );
      scope(() => {
        const [plain, split] = [false, true].map((on) => model.run(ids, { sites, split: on, results: on }));
        for (const site of sites)
          expect(distance(split.site(site).dataSync(), plain.site(site).dataSync()), site).toBeLessThan(1e-12);
        const one = model.run(ids, { split: (layer) => layer === 1 });
        expect(distance(one.logits.dataSync(), plain.logits.dataSync())).toBeLessThan(1e-12);
      });
    });

    it('have per-head results that sum to what attention writes, but for its bias', () => {
      scope(() => {
        for (let layer = 0; layer < model.config.layers; layer++) {
          const [result, out] = [`blocks.${layer}.attn.result`, `blocks.${layer}.attn_out`];
          const whole = model.run(ids, { sites: [out] }).site(out);
          const summed = sum(model.run(ids, { sites: [result] }).site(result), 2);
          const bias = model.parameters.get(`blocks.${layer}.attn.out.bias`);
          const total = bias ? add(summed, bias) : summed;
          expect(distance(total.dataSync(), whole.dataSync())).toBeLessThan(1e-12);
        }
      });
    });

    it('start anywhere from a residual stream', () => {
      scope(() => {
        const full = model.run(ids, { sites: ['blocks.1.resid_pre'] });
        const from = { layer: 1, residual: full.site('blocks.1.resid_pre') };
        expect(distance(model.run([], { from }).logits.dataSync(), full.logits.dataSync())).toBe(0);
      });
    });

    it('have one position in a last layer that is narrow, with the values and gradients that they have there', () => {
      const layers = model.config.layers;
      const last = `blocks.${layers - 1}.`;
      const at = [4, 2];
      const inner = siteNames(model.config).filter((s) => s.startsWith(last) || s === 'final_in');
      const early = /resid_pre|ln1\.scale|[kv]_input|attn\.(k|v|in)$/;
      const wholes = [...inner.filter((s) => early.test(s)), ...(layers > 1 ? ['blocks.0.attn.z'] : [])];
      for (const options of [{ results: true }, { results: true, split: true }]) {
        const sites = [...inner, ...wholes].filter((s) => (options.split ? !isShared(s) : !isCopy(s)));
        scope(() => {
          const start = (site: string, x: Tensor): Tensor => (site === 'embed' ? track(alias(x)) : x);
          const [full, narrow] = [false, true].map((on) => {
            const run = model.run(ids, { ...options, at, narrow: on, sites, edit: start });
            const seed = tensor(new Random(4).normals(run.logits.size), run.logits.shape);
            return { run, gradients: backward([{ tensor: run.logits, seed }], sites.map(run.site)) };
          });
          expect(distance(narrow.run.logits.dataSync(), full.run.logits.dataSync())).toBeLessThan(1e-12);
          sites.forEach((site, i) => {
            // A copy's scale is the last that was seen, that of the values.
            if (early.test(site) || wholes.includes(site)) {
              expect(distance(narrow.run.site(site).dataSync(), full.run.site(site).dataSync()), site).toBe(0);
              const [a, b] = [narrow, full].map((r) => r.gradients[i]!.dataSync());
              expect(distance(a, b), site).toBeLessThan(1e-12);
              return;
            }
            const axis = /scores|pattern/.test(site) ? 2 : 1;
            expect(narrow.run.site(site).shape[axis], site).toBe(1);
            at.forEach((t, b) => {
              const pairs = [narrow, full].map(({ run, gradients }) =>
                [run.site(site), gradients[i]!].map((x) => {
                  const row = slice(
                    slice(x, 0, b, b + 1),
                    axis,
                    x.shape[axis] === 1 ? 0 : t,
                    x.shape[axis] === 1 ? 1 : t + 1,
                  );
                  // Scores of keys that are hidden count for nothing.
                  return (axis === 2 ? slice(row, 3, 0, t + 1) : row).dataSync();
                }),
              );
              expect(distance(pairs[0][0], pairs[1][0]), site).toBeLessThan(1e-12);
              expect(distance(pairs[0][1], pairs[1][1]), site).toBeLessThan(1e-12);
            });
          });
        });
      }
    });

    it('generate with a cache what they give without', () => {
      const row = ids.flat();
      const full = scope(() => Float64Array.from(model.run([row]).logits.dataSync()));
      const cache = new KeyValueCache(model.config, 1, row.length);
      const parts = [row.slice(0, 4), row.slice(4, 5), row.slice(5, 8), row.slice(8)];
      const cached = parts.flatMap((part) => scope(() => [...model.run([part], { cache }).logits.dataSync()]));
      expect(distance(cached, full)).toBeLessThan(1e-12);
      expect(cache.length).toBe(row.length);
      cache.length = 4;
      const end = scope(() =>
        model.run([row.slice(4)], { cache, at: [row.length - 5], narrow: true }).logits.dataSync(),
      );
      expect(distance(end, full.slice(-model.config.vocabulary))).toBeLessThan(1e-12);
      expect(() => scope(() => model.run([[1]], { cache }))).toThrow(/cache holds 10 positions/);
      cache.dispose();
    });

    it('refuse prompts that the model cannot read', () => {
      const { context, vocabulary } = model.config;
      for (const [prompt, message] of [
        [[], /at least one token/],
        [new Array(context + 1).fill(1), /shorten it/],
        [[vocabulary], /outside the model's vocabulary/],
        [[-1], /outside/],
        [[1.5], /outside/],
      ] as const) {
        expect(() => model.run([prompt])).toThrow(InputError);
        expect(() => model.run([prompt])).toThrow(message);
      }
    });
  },
);

describe('generation', () => {
  const collect = async (items: AsyncIterable<number>): Promise<number[]> => {
    const list: number[] = [];
    for await (const item of items) list.push(item);
    return list;
  };

  it('takes the most likely token at temperature 0, and draws by the seed otherwise', async () => {
    const model = await loadFolder(projectPath('fixtures/tiny-gpt2'));
    const text = [3, 14, 15];
    const greedy = await collect(generate(model, text, { temperature: 0, length: 12 }));
    for (let i = 0; i < greedy.length; i++) {
      const prompt = [...text, ...greedy.slice(0, i)];
      const { logits } = model.run([prompt], { at: [prompt.length - 1] });
      const values = [...(await logits.data())];
      expect(greedy[i]).toBe(values.indexOf(Math.max(...values)));
    }
    expect(await collect(generate(model, text, { temperature: 1, topK: 1, length: 12 }))).toEqual(greedy);
    const draw = (seed: number): Promise<number[]> => collect(generate(model, text, { seed, length: 12 }));
    expect(await draw(1)).toEqual(await draw(1));
    expect(await draw(1)).not.toEqual(await draw(2));
    const whole = await collect(generate(model, text, { seed: 1, length: 10_000 }));
    expect(text.length + whole.length).toBeLessThanOrEqual(model.config.context + 1);
    model.dispose();
  });

  it.each([
    [{ temperature: -1 }, /temperature/],
    [{ topK: 1.5 }, /top-k/],
  ])('refuses %j', async (options, message) => {
    const model = await loadFolder(projectPath('fixtures/tiny-gpt2'));
    await expect(collect(generate(model, [1], options))).rejects.toThrow(InputError);
    await expect(collect(generate(model, [1], options))).rejects.toThrow(message);
    model.dispose();
  });
});
