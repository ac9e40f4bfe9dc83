import { openModel } from 'filigree/node';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { root } from './command.js';
import { answered, edges, picture, pronoun, shown, there, until, useExplorer } from './explorer-page.js';

/** Moves the mouse to a point where the line of an edge lies on top. */
async function hoverEdge(page: Page): Promise<void> {
  const point = await page.evaluate(`(() => {
    for (const line of document.querySelectorAll('.graph .edge:not(.off)')) {
      for (let share = 0.1; share < 1; share += 0.1) {
        const at = line.getPointAtLength(share * line.getTotalLength()).matrixTransform(line.getScreenCTM());
        if (document.elementFromPoint(at.x, at.y)?.classList.contains('edge')) return [at.x, at.y];
      }
    }
  })()`);
  await page.mouse.move(...(point as [number, number]));
}

describe.skipIf(!there)('the explorer', () => {
  const explorer = useExplorer();
  const { visit } = explorer;
  const difference = async (page: Page, column: number) =>
    Number((await page.locator('.answer .difference b').nth(column).textContent())?.replace('\u2212', '-'));
  const overflow = (page: Page) => page.evaluate('document.documentElement.scrollWidth');

  /** Asks a worker of the page's own script, as the page does. */
  const inWorker = async (page: Page, calls: [call: string, ask: unknown][]): Promise<unknown[]> => {
    const url = (await page.evaluate(
      `performance.getEntriesByType('resource').map((e) => e.name).find((name) => name.includes('/worker-'))`,
    )) as string;
    return page.evaluate(
      async ([address, list]) => {
        const worker = new Worker(address as string, { type: 'module' });
        const got: unknown[] = [];
        for (const [id, [call, ask]] of (list as [string, unknown][]).entries()) {
          got.push(
            await new Promise((resolve, reject) => {
              worker.onmessage = ({ data }) => {
                if (data.kind === 'done') {
                  const { logits } = data.got as { logits?: Float32Array };
                  resolve(logits ? Array.from(logits) : data.got);
                } else if (data.kind === 'failed') reject(new Error(data.message));
              };
              worker.postMessage({ kind: 'call', id, call, ask });
            }),
          );
        }
        worker.terminate();
        return got;
      },
      [url, calls] as const,
    );
  };

  it.each([
    ['with threads', true],
    ['on one thread where the page is not isolated', false],
  ])('computes the same logits as Node %s', async (_, isolated) => {
    const text = 'One day, Lily went to the park.';
    const { model, tokenizer } = await openModel(`${root}models/mix4`);
    const ids = tokenizer!.encode(text);
    const run = model.run([ids], { at: [ids.length - 1] });
    const expected = Array.from((await run.logits.data()) as Float32Array);
    model.dispose();
    const base = isolated ? explorer.url() : explorer.alone();
    await visit(
      '',
      async (page) => {
        await page.waitForSelector('.items li');
        expect(await page.evaluate('crossOriginIsolated')).toBe(isolated);
        const { items } = (await page.evaluate(`fetch('api/items').then((a) => a.json())`)) as {
          items: { id: string; kind: string; files: unknown }[];
        };
        const item = items.find(({ kind }) => kind === 'model')!;
        const source = { kind: 'served', base: `${base}files/${item.id}/`, files: item.files };
        const [facts, logits] = (await inWorker(page, [
          ['openModel', { key: 'm', name: 'mix4', source }],
          ['logits', { model: 'm', text }],
        ])) as [{ threads: number; hash: string }, number[]];
        if (!isolated) expect(facts.threads).toBe(1);
        expect(logits).toHaveLength(expected.length);
        for (const [i, value] of logits.entries()) expect(Math.abs(value - expected[i])).toBeLessThan(1e-5);
      },
      { base },
    );
  });

  it('lists what is here, and begins a tour', async () => {
    await visit('', async (page) => {
      await page.waitForSelector('.items li');
      expect(await page.locator('.items').nth(0).textContent()).toContain('mine.circuit.json');
      expect(await page.locator('.home').textContent()).toContain('llama, 4 layers of 4 heads');
      expect(await page.locator('.home').textContent()).toContain('12,000 steps');
      expect(await page.locator('.home').textContent()).not.toContain('broken.json');
      expect(await page.locator('.tour li').count()).toBe(3);
      await picture(page, 'home');
      await page.locator('.tour a').first().click();
      await shown(page, 15);
      await page.goto(`${explorer.url()}#/`);
      await page.locator('.items a', { hasText: 'training of mix4' }).click();
      await page.waitForSelector('.run-view .series .line');
      expect(await page.locator('h1').textContent()).toContain('12,000 steps');
      await picture(page, 'run');
    });
  });

  it('adds and removes edges in rank order, with the marker moving', async () => {
    await visit(pronoun, async (page) => {
      await shown(page, 15);
      await answered(page);
      await page.waitForSelector('.verdict .scale');
      await picture(page, 'circuit');
      expect(await page.locator('h1').textContent()).toMatch(/^15 of 479 edges carry 9\d\u00a0% of the difference\.$/);
      const marker = () => page.locator('.marker').getAttribute('transform');
      const before = await marker();
      await page.locator('#size').focus();
      await page.keyboard.press('End');
      await shown(page, 479);
      expect(await marker()).not.toBe(before);
      expect(await page.locator('.edge-list .rank').first().textContent()).toBe('1');
      await page.keyboard.press('Home');
      await shown(page, 0);
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      await shown(page, 2);
      expect(await page.locator('.graph .edge:not(.off)').count()).toBe(2);
      await page.locator('#threshold').focus();
      await page.keyboard.press('Home');
      await until(page, `Number(document.querySelector('.graph').dataset.edges) > 400`);
      await page.getByRole('button', { name: 'As in the file' }).click();
      await shown(page, 15);
      await page.getByRole('button', { name: 'Undo' }).click();
      expect(await edges(page)).toBeGreaterThan(400);
      await page.getByRole('button', { name: 'Redo' }).click();
      await shown(page, 15);
      await hoverEdge(page);
      expect(await page.locator('.tip').textContent()).toMatch(/\u2192 .*: \u2212?[\d.]+ \u00b7 rank \d+/);
    });
  });

  it('opens a node, switches it off, and measures what that does', async () => {
    await visit(pronoun, async (page) => {
      await answered(page);
      await page.waitForSelector('.verdict .scale');
      await page.getByRole('searchbox').fill('a2.h3');
      await page.keyboard.press('Enter');
      await page.waitForSelector('.node-panel .attention .cell');
      expect(await page.locator('.node-panel .coloured').count()).toBeGreaterThan(3);
      expect(await page.locator('.effect').textContent()).toMatch(/takes the metric from 6\.\d+ to /);
      await picture(page, 'node');
      const whole = await page.locator('.verdict .scale b').textContent();
      await page.getByRole('button', { name: 'Switch off' }).click();
      await until(page, `document.querySelector('.verdict .scale b')?.textContent !== ${JSON.stringify(whole)}`);
      // Without its head that moves the name, the circuit can hardly tell the two prompts apart.
      expect(Number(await page.locator('.verdict .scale b').textContent())).toBeLessThan(0.2);
      await page.keyboard.press('Escape');
      await page.locator('[data-node="5"]').focus();
      await page.keyboard.press('Enter');
      await page.waitForSelector('.node-panel .neurons li');
    });
  });

  it('answers as the prompts are typed, and under another ablation', async () => {
    await visit(pronoun, async (page) => {
      await answered(page);
      const [whole, own, other] = [await difference(page, 0), await difference(page, 1), await difference(page, 2)];
      expect(whole).toBeGreaterThan(4);
      expect(own).toBeGreaterThan(3);
      expect(other).toBeLessThan(-4);
      const prompts = page.locator('.prompts textarea');
      await prompts.nth(0).fill('One day, Tim went to the park.');
      await prompts.nth(1).fill('One day, Lily went to the park.');
      await until(page, `document.querySelector('.answer .difference b').textContent.startsWith('\u2212')`);
      expect(await difference(page, 0)).toBeCloseTo(other, 2);
      await prompts.nth(1).fill('Lily');
      await until(page, `document.querySelector('.ask').textContent.includes('cannot be run on these')`);
      await page.locator('.verdict select').first().selectOption('zero');
      await until(page, `!['0.97', undefined].includes(document.querySelector('.verdict .scale b')?.textContent)`);
    });
  });

  it.each([360, 800])('fits into %i px, in light and dark', async (width) => {
    const places = [
      ['', '.items li'],
      [`${pronoun}?node=10`, '.node-panel .neurons li'],
      ['distribution/examples%2Fgarden.jpc?e=5=1', '.graph .edge'],
      ['compare/examples%2Fpronoun.circuit.json/examples%2Fquote.circuit.json', '.graph .edge'],
    ] as const;
    for (const [place, ready] of width === 360 ? places : places.slice(1, 2)) {
      const colorScheme = width === 360 ? 'dark' : 'light';
      await visit(
        place,
        async (page) => {
          await page.waitForSelector(ready, { state: 'attached' });
          expect(await overflow(page), place).toBeLessThanOrEqual(width);
        },
        { width, colorScheme },
      );
    }
  });
});
