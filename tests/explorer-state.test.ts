import {
  evaluateNodes,
  findTask,
  type NodeLevel,
  nodeScores,
  nodesFromCircuit,
  nodesToCircuit,
  selectNodes,
  taskPairs,
} from 'filigree';
import { openModel } from 'filigree/node';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { root } from './command.js';
import { answered, picture, pronoun, shown, there, until, useExplorer } from './explorer-page.js';

const pairCount = 10;
const sizes = { node: 6, neuron: 200 } as const;
const levels = ['node', 'neuron'] as const;

/** What the page should find: circuits of nodes and of neurons, and how faithful they are with and without `a2.h3`. */
async function known() {
  const { model, tokenizer } = await openModel(`${root}models/mix4`);
  const [discovery, evaluation] = (['discovery', 'evaluation'] as const).map(
    (part) =>
      taskPairs(findTask('pronoun'), tokenizer, { count: pairCount, part, seed: 0, context: model.config.context })
        .pairs,
  );
  const { width } = model.config;
  const one = async (level: NodeLevel) => {
    const found = await nodeScores(model, discovery, { level, method: 'eap' });
    const nodes = selectNodes(found, width, sizes[level]);
    const provenance = { model: 'mix4', modelHash: '', task: 'pronoun', method: 'eap', options: {}, seed: 0 };
    const circuit = nodesToCircuit(found, nodes, { ...provenance, metrics: {}, made: '2026-01-01' });
    const head = found.graph.sources.findIndex(({ name }) => name === 'a2.h3');
    const without = nodes.slice().fill(0, head * width, (head + 1) * width);
    const faithfulness = async (set: Uint8Array) =>
      (await evaluateNodes(model, found.graph, level, set, evaluation, { randomCircuits: 0 })).faithfulness[0];
    expect(nodesFromCircuit(circuit, found.graph, level, width, 'x').nodes).toEqual(nodes);
    return { circuit, head, whole: await faithfulness(nodes), without: await faithfulness(without) };
  };
  const result = { node: await one('node'), neuron: await one('neuron') };
  model.dispose();
  return result;
}

describe.skipIf(!there)('what the reader sees and changes', () => {
  const truth = known();
  const explorer = useExplorer(async () =>
    Object.fromEntries(
      await Promise.all(levels.map(async (level) => [`${level}s.circuit.json`, (await truth)[level].circuit])),
    ),
  );
  const { visit } = explorer;
  /** Where the drawing is, x, y and zoom; the address says it in whole units of the drawing and tenths of a percent. */
  const scene = async (page: Page) =>
    ((await page.locator('.drawing-panel .graph > svg > g').getAttribute('transform')) ?? '')
      .match(/-?[\d.]+/g)
      ?.map(Number) as number[];
  const samePlace = (now: readonly number[], before: readonly number[]): void => {
    expect(Math.abs(now[2] - before[2])).toBeLessThan(0.001);
    for (const i of [0, 1]) expect(Math.abs(now[i] - before[i])).toBeLessThan(1.5);
  };
  const state = async (page: Page) => ({
    scene: await scene(page),
    theme: await page.evaluate('document.documentElement.dataset.theme'),
    size: await page.locator('.sliders b').first().textContent(),
    node: await page.locator('.node-panel h2').textContent(),
    found: await page.locator('.graph .found').count(),
    settings: await page
      .locator('.verdict select, .discover select, .discover input')
      .evaluateAll((all) => all.map((element) => (element as HTMLSelectElement).value)),
    prompts: await page
      .locator('.prompts textarea, .prompts input')
      .evaluateAll((all) => all.map((element) => (element as HTMLInputElement).value)),
    curves: await page.locator('.key li').allTextContents(),
    groups: await page.locator('.summary .groups').textContent(),
  });
  /** The address, once it has said nothing new for a while. */
  const settled = async (page: Page): Promise<string> => {
    let hash = '';
    await until(page, `document.querySelector('.job') === null`);
    for (let same = 0; same < 3; ) {
      await page.waitForTimeout(400);
      const now = (await page.evaluate('location.hash')) as string;
      same = now === hash ? same + 1 : 0;
      hash = now;
    }
    return hash.slice(2);
  };

  it('comes back from the address: place of the drawing, size, switches, node, words, settings, prompts, curves, theme', async () => {
    let address = '';
    let before: Awaited<ReturnType<typeof state>> | undefined;
    await visit(pronoun, async (page) => {
      await answered(page);
      await page.getByRole('button', { name: 'Zoom in' }).click();
      await page.getByRole('button', { name: 'Zoom in' }).click();
      const box = (await page.locator('.drawing-panel .graph').boundingBox())!;
      await page.mouse.move(box.x + 20, box.y + 60);
      await page.mouse.down();
      await page.mouse.move(box.x + 90, box.y + 20, { steps: 4 });
      await page.mouse.up();
      await page.locator('#size').focus();
      await page.keyboard.press('ArrowRight');
      await shown(page, 16);
      await page.getByRole('searchbox').fill('m3');
      await page.keyboard.press('Enter');
      await page.locator('.node-panel .edge-list input:checked').first().uncheck();
      await shown(page, 15);
      await page.locator('.words input').fill('last');
      await page.locator('.words textarea').fill('says who');
      await page.getByRole('button', { name: 'Pin' }).click();
      await page.locator('.verdict select').nth(1).selectOption('prob-diff');
      await page.getByLabel('Pairs of pronoun').selectOption('10');
      await page.locator('.discover').getByLabel('Circuit of').selectOption('node');
      await page.getByLabel('Method').selectOption('exact');
      await page.locator('.prompts textarea').nth(0).fill('One day, Lily went to the beach.');
      await page.locator('.prompts textarea').nth(1).fill('One day, Tim went to the beach.');
      await page.getByLabel('Add its curve to the plot').selectOption({ label: 'mine.circuit.json' });
      await page.getByRole('button', { name: 'System theme' }).click();
      await page.getByRole('button', { name: 'Light' }).click();
      address = await settled(page);
      before = await state(page);
      expect(before.theme).toBe('dark');
      expect(before.settings).toContain('exact');
    });
    await visit(address, async (page) => {
      await answered(page);
      await until(page, `document.querySelector('.node-panel') !== null`);
      await settled(page);
      const { scene: place, ...rest } = await state(page);
      samePlace(place, before!.scene);
      expect({ scene: before!.scene, ...rest }).toEqual(before);
      await page.locator('.drawing-panel .zoom button').last().click();
      expect((await scene(page))[2]).not.toBe(before!.scene[2]);
      expect(await settled(page)).not.toContain('view=');
    });
  });

  it('comes back in the other views too', async () => {
    const both = 'compare/examples%2Fpronoun.circuit.json/examples%2Fquote.circuit.json';
    for (const place of [both, 'distribution/examples%2Fgarden.jpc?e=5=1']) {
      let address = '';
      let before: number[] = [];
      let node: string | null = '';
      await visit(place, async (page) => {
        await page.waitForSelector('.graph .edge', { state: 'attached' });
        await page.getByRole('button', { name: 'Zoom in' }).click();
        await page.locator('.graph .node').nth(3).focus();
        await page.keyboard.press('Enter');
        address = await settled(page);
        before = await scene(page);
        node = await page.locator('.node.chosen').getAttribute('data-node');
      });
      expect(address).toMatch(/view=[\d._]+/);
      await visit(address, async (page) => {
        await page.waitForSelector('.graph .node.chosen');
        samePlace(await scene(page), before);
        expect(await page.locator('.node.chosen').getAttribute('data-node')).toBe(node);
      });
    }
  });

  it.each(levels)('switches the units of a circuit of %ss, and measures it as Node does', async (level) => {
    const { whole, without, head, circuit } = (await truth)[level];
    const place = `circuit/${explorer.place(`${level}s.circuit.json`)}?pairs=${pairCount}`;
    const faithful = (page: Page, value: number) =>
      until(page, `Math.abs(Number(document.querySelector('.verdict .scale b')?.textContent) - ${value}) < 0.0051`);
    await visit(place, async (page) => {
      await faithful(page, whole);
      expect(await page.locator('h1').textContent()).toContain(`${sizes[level]} of `);
      expect(await page.locator('h1').textContent()).toContain(`${level}s carry`);
      await page.waitForSelector('.curve-plot');
      if (level === 'neuron') await picture(page, 'neurons');
      await page.locator(`[data-node="${head}"]`).click();
      await page.getByRole('button', { name: 'Switch off' }).click();
      await faithful(page, without);
      expect(await page.locator(`[data-node="${head}"]`).getAttribute('class')).toContain('off');
      await page.getByRole('button', { name: /^Switch (all )?on$/ }).click();
      await page.locator('#size').focus();
      await page.keyboard.press('End');
      await until(page, `document.querySelector('.verdict .scale b')?.textContent === '1.00'`);
      await page.getByRole('button', { name: 'As in the file' }).click();
      await faithful(page, whole);
      await shown(page, circuit.edges.kept.filter(Boolean).length);
      if (level === 'neuron') return;
      await page.getByLabel('Method').selectOption('eap');
      await page.getByLabel(/^Size \(0/).fill('5');
      await page.getByRole('button', { name: 'Find the circuit' }).click();
      await page.waitForSelector('.compare-view .graph .edge', { state: 'attached' });
      await page.getByRole('link', { name: 'Open pronoun by eap, nodes' }).click();
      await until(page, `document.querySelector('h1').textContent.startsWith('5 of 21 nodes carry')`);
      await page.reload();
      await until(page, `document.querySelector('h1')?.textContent.startsWith('5 of 21 nodes carry')`);
      await answered(page);
      await page.getByRole('button', { name: 'Measure the curve here' }).click();
      await until(page, `document.querySelectorAll('.series .line').length === 2`);
    });
  });
});
