import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Circuit, logProbability, type ProbabilisticCircuit, readCircuit, readJpc } from 'filigree';
import { describe, expect, it } from 'vitest';
import {
  answered,
  edges,
  example,
  examples,
  give,
  picture,
  pronoun,
  shown,
  there,
  until,
  useExplorer,
} from './explorer-page.js';

/** The edges that an example keeps, by name. */
function keptEdges(name: string): Set<string> {
  const { nodes, edges } = example(name);
  const names = edges.source.map((s, e) => `${nodes.id[s]}->${nodes.id[edges.target[e]]}${edges.port?.[e] ?? ''}`);
  return new Set(names.filter((_, e) => edges.kept[e]));
}

describe.skipIf(!there)('the explorer', () => {
  const explorer = useExplorer();
  const { visit } = explorer;
  const mine = () => `circuit/${explorer.place('mine.circuit.json')}`;

  it('finds a circuit by another method, puts the two side by side, and can be stopped', async () => {
    await visit(pronoun, async (page) => {
      await answered(page);
      const method = page.getByLabel('Method');
      await method.selectOption('exact');
      await page.locator('.discover input[type=number]').first().fill('400');
      await page.getByRole('button', { name: 'Find the circuit' }).click();
      await page.locator('.job button').click();
      await until(page, `document.querySelector('.notice')?.textContent.startsWith('Cancelled')`);
      await method.selectOption('eap');
      await page.locator('.discover input[type=number]').first().fill('10');
      await page.getByRole('button', { name: 'Find the circuit' }).click();
      await page.waitForSelector('.compare-view .graph .edge', { state: 'attached' });
      expect(await page.locator('h1').textContent()).toMatch(/They share \d+ of \d+ edges/);
    });
    await visit('compare/examples%2Fpronoun.circuit.json/examples%2Fquote.circuit.json', async (page) => {
      await page.waitForSelector('.compare-view .graph .edge', { state: 'attached' });
      const [a, b] = ['pronoun', 'quote'].map(keptEdges);
      const shared = [...a].filter((edge) => b.has(edge)).length;
      const all = a.size + b.size - shared;
      expect(await page.locator('h1').textContent()).toBe(`They share ${shared} of ${all} edges.`);
      expect(await edges(page)).toBe(all);
      await page.locator('.parts input').nth(0).uncheck();
      await shown(page, all - shared);
      expect(await page.locator('.series .line').count()).toBe(2);
      await page.locator('.parts input').nth(0).check();
      await picture(page, 'compare');
    });
  });

  it('asks a distribution: marginals, the likeliest state, samples', async () => {
    const circuit: ProbabilisticCircuit = readJpc(readFileSync(`${examples}/garden.jpc`, 'utf8'), 'garden.jpc');
    await visit('distribution/examples%2Fgarden.jpc', async (page) => {
      await page.waitForSelector('.distribution-view .graph .edge', { state: 'attached' });
      const chance = async (variable: number) => {
        const label = await page.locator('.variable').nth(variable).locator('button').nth(1).getAttribute('aria-label');
        return Number(/probability (\d+)/.exec(label ?? '')?.[1]) / 100;
      };
      const expected = (variable: number, evidence: Map<number, number>) =>
        Math.exp(logProbability(circuit, new Map([[variable, 1]]), evidence));
      expect(await chance(1)).toBeCloseTo(expected(1, new Map()), 1.9);
      await page.getByRole('button', { name: /^snails about is 1/ }).click();
      await until(page, `document.querySelector('h1').textContent.includes('has probability')`);
      const snails = new Map([[4, 1]]);
      for (const v of [0, 1, 2, 3, 5])
        expect(Math.abs((await chance(v)) - expected(v, snails))).toBeLessThanOrEqual(0.0051);
      expect(Number(await page.locator('h1 em').textContent())).toBeCloseTo(
        Math.exp(logProbability(circuit, snails)),
        3,
      );
      const states = await page.locator('.state').allTextContents();
      for (const state of states) expect(state[4]).toBe('1');
      expect(await page.evaluate('location.hash')).toContain('e=5%3D1');
      await picture(page, 'distribution');
    });
  });

  it('keeps groups and notes in the file, and comes back from its address', async () => {
    let address = '';
    await visit(mine(), async (page) => {
      await answered(page);
      await page.locator('[data-node="5"]').click();
      await page.locator('.words input').fill('names');
      await page.keyboard.press('Enter');
      await page.locator('.words textarea').fill('moves the name');
      await page.locator('.node-panel .edge-list input:checked').first().uncheck();
      await page.waitForSelector('.summary .groups li');
      await shown(page, 14);
      await page.waitForTimeout(400);
      address = (await page.evaluate('location.hash')) as string;
    });
    await visit(address.slice(2), async (page) => {
      await shown(page, 14);
      expect(await page.locator('.summary .groups').textContent()).toContain('moves the name');
      await page.waitForSelector('.node-panel');
      await page.getByRole('button', { name: 'Save' }).click();
      await until(page, `document.querySelector('.notice')?.textContent.startsWith('Saved into')`);
    });
    const file = join(explorer.folder(), 'mine.circuit.json');
    const original = example('pronoun');
    const saved: Circuit = readCircuit(JSON.parse(readFileSync(file, 'utf8')), file);
    expect(saved.annotations).toEqual({
      supernodes: [{ name: 'names', nodes: [5] }],
      notes: [{ node: 5, text: 'moves the name' }],
    });
    expect(saved.edges.kept.filter(Boolean)).toHaveLength(14);
    expect(saved.provenance.options).toMatchObject({ size: 14, edited: true });
    // What was measured of all fifteen edges is not said of the fourteen.
    expect(saved.provenance.metrics['interval']).toBeUndefined();
    expect(saved.provenance.metrics['faithfulness']).not.toBe(original.provenance.metrics['faithfulness']);
  });

  it('writes pictures and files, and opens attribution graphs with positions', async () => {
    const contents = new Map<string, Buffer>();
    await visit(pronoun, async (page) => {
      await answered(page);
      for (const format of ['svg', 'png', 'circuit', 'graph']) {
        const [download] = await Promise.all([
          page.waitForEvent('download'),
          page.locator('select[aria-label=Export]').selectOption(format),
        ]);
        contents.set(download.suggestedFilename(), readFileSync(await download.path()));
      }
    });
    expect([...contents.keys()]).toEqual(['pronoun.svg', 'pronoun.png', 'pronoun.circuit.json', 'pronoun.graph.json']);
    expect(contents.get('pronoun.svg')!.toString()).toMatch(/^<svg /);
    expect(contents.get('pronoun.png')!.subarray(1, 4).toString()).toBe('PNG');
    const graph = JSON.parse(contents.get('pronoun.graph.json')!.toString()) as {
      metadata: { prompt_tokens: string[] };
      nodes: { clerp: string }[];
    };
    expect(graph.metadata.prompt_tokens.join('')).toContain('Lily');
    expect(graph.nodes.at(-1)!.clerp).toMatch(/^Output " She" \(p=0\.\d{3}\)$/);
    await visit('', async (page) => {
      await give(page, 'back.graph.json', contents.get('pronoun.graph.json')!);
      await shown(page, 15);
      await give(page, 'theirs.json', JSON.stringify(theirs));
      await page.waitForSelector('.graph .columns text');
      expect(await page.locator('.graph .columns text').allTextContents()).toEqual(['The', 'cat']);
      await picture(page, 'positions');
      await give(page, 'no.circuit.json', 'not JSON');
      await until(
        page,
        `document.querySelector('.problem')?.textContent.includes('no.circuit.json is not valid JSON')`,
      );
      await give(page, 'model.safetensors', 'x');
      await until(
        page,
        `document.querySelector('.problem')?.textContent.includes('not something that this page shows')`,
      );
    });
    await visit('circuit/gone.json', async (page) => {
      await page.waitForSelector('.problem');
      expect(await page.locator('.problem').textContent()).toContain('There is no gone.json here');
    });
  });
});

/** An attribution graph as circuit-tracer writes them. */
const theirs = {
  metadata: {
    slug: 's',
    scan: 'gemma',
    transcoder_list: [],
    prompt_tokens: ['The', ' cat'],
    prompt: 'The cat',
    node_threshold: 0.8,
  },
  qParams: { pinnedIds: [], supernodes: [], linkType: 'both', clickedId: '', sg_pos: '' },
  nodes: [
    {
      node_id: 'E_5_0',
      feature: 5,
      layer: 'E',
      ctx_idx: 0,
      feature_type: 'embedding',
      jsNodeId: 'E_5-0',
      clerp: 'Emb: "The"',
    },
    {
      node_id: 'E_6_1',
      feature: 6,
      layer: 'E',
      ctx_idx: 1,
      feature_type: 'embedding',
      jsNodeId: 'E_6-1',
      clerp: 'Emb: " cat"',
    },
    {
      node_id: '0_7_0',
      feature: 7,
      layer: '0',
      ctx_idx: 0,
      feature_type: 'cross layer transcoder',
      jsNodeId: '0_7-0',
      clerp: 'articles',
      activation: 2.5,
    },
    {
      node_id: '3_9_1',
      feature: 9,
      layer: '3',
      ctx_idx: 1,
      feature_type: 'cross layer transcoder',
      jsNodeId: '3_9-0',
      clerp: 'animals',
      activation: 1.5,
    },
    {
      node_id: '27_9_1',
      feature: 9,
      layer: '27',
      ctx_idx: 1,
      feature_type: 'logit',
      jsNodeId: 'L_9-1',
      clerp: 'Output " sat" (p=0.4)',
      token_prob: 0.4,
    },
  ],
  links: [
    { source: 'E_5_0', target: '0_7_0', weight: 1.5 },
    { source: '0_7_0', target: '3_9_1', weight: 0.5 },
    { source: 'E_6_1', target: '3_9_1', weight: 2 },
    { source: '3_9_1', target: '27_9_1', weight: 1.2 },
    { source: 'E_6_1', target: '27_9_1', weight: -0.3 },
  ],
};
