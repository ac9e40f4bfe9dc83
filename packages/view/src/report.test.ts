import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, noChromium, startChromium } from '../../../tests/chromium.js';
import { strongestFirst } from './circuit-svg.js';
import { report } from './report.js';
import type { ReportInput } from './report-data.js';
import { madeUpCircuit } from './testing.js';

const sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2461];
const faithfulness = [0.02, 0.11, 0.38, 0.62, 0.84, 0.93, 1.02, 1.04, 0.99, 1, 1];

function inputOf(circuit: ReportInput['circuit']): ReportInput {
  const small = sizes.filter((size) => size <= circuit.edges.source.length);
  return {
    circuit,
    curve: {
      sizes: small,
      faithfulness: faithfulness.slice(0, small.length),
      low: faithfulness.map((f) => f - 0.05).slice(0, small.length),
      high: faithfulness.map((f) => f + 0.05).slice(0, small.length),
      random: small.map((_, i) => 0.01 * i),
    },
    examples: Array.from({ length: 9 }, (_, i) => ({
      clean: 'One day, Lily went to the park.',
      corrupt: 'One day, Tim went to the park.',
      answer: ' She',
      wrong: ' He',
      cleanDifference: i === 2 ? -0.4 : 3.2,
      corruptDifference: -2.9,
    })),
    command: 'filigree discover models/made-up --task pronoun --method eap-ig --size 20',
  };
}

const large = inputOf(madeUpCircuit({ layers: 5, heads: 8, kept: 20 }));
const small = inputOf(madeUpCircuit({ layers: 3, heads: 3, kept: 12, edges: 60 }));

/** The same model as a circuit of three nodes: each node's score is minus its place, so that the last are the best. */
const ofNodes = ((): ReportInput => {
  const { circuit } = small;
  const { nodes, edges } = circuit;
  const score = nodes.kind.map((kind, n) => (kind === 'logits' ? null : -n));
  const kept = nodes.kind.map((kind, n) => kind === 'logits' || n > 9);
  return {
    ...small,
    curve: { sizes: [1, 3, 13], faithfulness: [0.1, 0.8, 1], random: [0, 0, 1] },
    circuit: {
      ...circuit,
      level: 'node',
      nodes: { ...nodes, score, kept },
      edges: {
        ...edges,
        score: edges.score.map(() => null),
        kept: edges.source.map((source, e) => kept[source] && kept[edges.target[e]]),
      },
    },
  };
})();

describe('report', () => {
  it('answers in a sentence', () => {
    expect(report(large)).toContain('<h1>20 of 2,461 edges carry 84\u00a0% of the difference.</h1>');
    expect(report({ ...large, faithfulness: 1.05, totalEdges: 32491 })).toContain(
      '20 of 32,491 edges carry 105\u00a0%',
    );
    const unknown = { ...large, curve: { sizes: [3], faithfulness: [0.1] } };
    expect(report(unknown)).toContain('<h1>20 of 2,461 edges make the circuit.</h1>');
  });

  it('gives the same page for the same input, complete in itself', () => {
    const page = report(large);
    expect(report(large)).toBe(page);
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|\bsrc=|@import|url\(/);
  });

  it('has a slider only where all edges held have scores', () => {
    expect(report(large)).toContain('type="range"');
    const { edges } = large.circuit;
    const score = edges.score.map((s, e) => (edges.kept[e] ? s : null));
    expect(report({ ...large, circuit: { ...large.circuit, edges: { ...edges, score } } })).not.toContain(
      'type="range"',
    );
  });

  it('ranks the most helpful first where asked', () => {
    const page = report({ ...small, ranking: 'signed' });
    const data = JSON.parse(page.match(/id="report-data">(.*?)<\/script>/)![1]) as {
      source: number[];
      target: number[];
    };
    const { edges } = small.circuit;
    const best = strongestFirst(small.circuit).sort((a, b) => edges.score[a]! - edges.score[b]!)[0];
    expect([data.source[0], data.target[0]]).toEqual([edges.source[best], edges.target[best]]);
  });

  it('tells of nodes and neurons where the circuit is of those', () => {
    expect(report(ofNodes)).toContain('<h1>3 of 13 nodes carry');
    expect(report(ofNodes)).toContain('every other node writes what it would on the corrupted prompt');
    const { nodes } = ofNodes.circuit;
    const scores = nodes.kind.map((kind, n) => (kind === 'logits' ? null : [n, -n, n / 2]));
    const neurons = scores.map((own) => own?.map((score) => Math.abs(score) > 8) ?? null);
    const circuit = { ...ofNodes.circuit, level: 'neuron', nodes: { ...nodes, neurons, neuronScores: scores } };
    const page = report({ ...ofNodes, circuit, curve: { sizes: [1, 8], faithfulness: [0, 0.7] } });
    expect(page).toContain('<h1>8 of 39 neurons carry 70\u00a0% of the difference.</h1>');
    expect(page).toMatch(/<title>m2: -?[^<]*, 2 of 3 neurons<\/title>/);
    expect(page).toContain('number of neurons');
    const mean = { ...ofNodes.circuit.provenance, options: { ablation: 'mean' } };
    expect(report({ ...ofNodes, circuit: { ...ofNodes.circuit, provenance: mean } })).toContain(
      'its mean over prompts',
    );
  });

  it('shows pictures under their headings, others for narrow pages', () => {
    const figure = { heading: 'Where <it> happens', note: 'a & b', wide: ['<svg class="w"></svg>'] };
    const page = report({ ...small, figures: [figure, { ...figure, narrow: ['<svg class="n"></svg>'] }] });
    expect(page).toContain('Where &lt;it&gt; happens</h2>');
    expect(page).toContain('a &amp; b');
    expect(page.match(/<svg class="w">/g)).toHaveLength(2);
    expect(page.match(/<svg class="n">/g)).toHaveLength(1);
  });

  it('holds the strongest edges up to the limit, and all kept ones', () => {
    const page = report({ ...large, limit: 15 });
    expect(page.match(/class="edge[^"]*" data-edge/g)).toHaveLength(20);
    expect(page).toContain('>20</span>');
  });
});

if (!hasChromium) console.log(`report in a browser: skipped, ${noChromium}`);

describe.skipIf(!hasChromium)('report in a browser', () => {
  let browser: Browser;
  let server: Server;
  let origin: string;
  const pages = new Map<string, string>();

  beforeAll(async () => {
    server = createServer((request, response) => {
      const html = pages.get(request.url ?? '');
      response.writeHead(html ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' }).end(html);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await startChromium();
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  /** Opens a report, lets `use` work with it, and fails on any message, error or further request. */
  async function open(
    input: ReportInput,
    { width = 1200, colorScheme = 'light' }: { width?: number; colorScheme?: 'light' | 'dark' },
    use: (page: Page) => Promise<void>,
  ): Promise<void> {
    pages.set('/report', report(input));
    const page = await browser.newPage({ viewport: { width, height: 800 }, colorScheme });
    const trouble: string[] = [];
    page.on('console', (message) => trouble.push(message.text()));
    page.on('pageerror', (error) => trouble.push(error.message));
    page.on('dialog', (dialog) => trouble.push(dialog.message()));
    page.on('request', (request) => {
      if (request.url() !== `${origin}/report` && !request.url().startsWith('data:')) trouble.push(request.url());
    });
    try {
      await page.goto(`${origin}/report`);
      await use(page);
      expect(trouble).toEqual([]);
    } finally {
      await page.close();
    }
  }

  const visibleEdges = (page: Page) => page.locator('.canvas .edge:not(.off)').count();

  async function slide(page: Page, to: 'max' | 'min'): Promise<void> {
    await page.locator('#size').focus();
    await page.keyboard.press(to === 'max' ? 'End' : 'Home');
  }

  it.each([
    ['about 60 edges', small, 12, 60],
    ['about 2,500 edges', large, 20, 2461],
  ] as const)('changes size with the slider and comes back: %s', async (_, input, kept, all) => {
    await open(input, {}, async (page) => {
      expect(await visibleEdges(page)).toBe(kept);
      const marker = page.locator('.plot .wide .marker');
      const before = await marker.getAttribute('transform');
      await slide(page, 'max');
      expect(await visibleEdges(page)).toBe(all);
      expect(await page.locator('#size-text').textContent()).toContain(`${all.toLocaleString('en')} of `);
      expect(await marker.getAttribute('transform')).not.toBe(before);
      await slide(page, 'min');
      expect(await visibleEdges(page)).toBe(1);
      expect(await page.locator('.list li[data-edge]:visible').count()).toBe(1);
      expect(await page.locator('.canvas .node:not(.off)').count()).toBe(2);
      await page.locator('#size-reset').click();
      expect(await visibleEdges(page)).toBe(kept);
      expect(await marker.getAttribute('transform')).toBe(before);
    });
  });

  it('shows nodes with the edges between them, as many as the slider says', async () => {
    const { nodes, edges } = ofNodes.circuit;
    /** Edges of the page between the last nodes, or from them to the logits. */
    const among = (count: number) =>
      edges.source.filter(
        (s, e) => s > 12 - count && (edges.target[e] > 12 - count || nodes.kind[edges.target[e]] === 'logits'),
      ).length;
    await open(ofNodes, {}, async (page) => {
      const listed = () => page.locator('.list li[data-node]:visible').allTextContents();
      expect(await visibleEdges(page)).toBe(among(3));
      expect((await listed()).map((text) => text.slice(0, 3))).toEqual(['1m2', '2a2', '3a2']);
      await slide(page, 'max');
      expect(await visibleEdges(page)).toBe(edges.source.length);
      expect((await listed()).length).toBe(13);
      expect(await page.locator('#size-text').textContent()).toContain('13 of 13 nodes');
      await page.locator('.list li').first().hover();
      expect(await page.locator('.tip').textContent()).toMatch(/^m2: −12\.0 · \d+ in, \d+ out/);
      await page.locator('#size-reset').click();
      expect(await visibleEdges(page)).toBe(among(3));
    });
  });

  it('starts with the kept edges even where they are not the top of the ranking', async () => {
    const { circuit } = small;
    const first = strongestFirst(circuit)[0];
    const kept = circuit.edges.kept.map((is, e) => is && e !== first);
    const input = { ...small, circuit: { ...circuit, edges: { ...circuit.edges, kept } } };
    await open(input, {}, async (page) => {
      expect(await visibleEdges(page)).toBe(11);
      expect(await page.locator('.canvas [data-edge="0"]').getAttribute('class')).toContain('off');
    });
  });

  it('shows score and rank on hover and focus, and the neighbours of a chosen node', async () => {
    await open(small, {}, async (page) => {
      await page.locator('.list li').first().hover();
      expect(await page.locator('.tip').textContent()).toMatch(/→ .*: −?[\d.]+ · rank 1/);
      expect(await page.locator('.canvas .edge.hot').count()).toBe(1);
      await page.mouse.move(2, 2);
      expect(await page.locator('.tip').isVisible()).toBe(false);
      await page.locator('.list li').nth(1).focus();
      expect(await page.locator('.tip').textContent()).toMatch(/rank 2/);

      const input = small.circuit.nodes.id.indexOf('input');
      const shown = small.circuit.edges.source.filter((s, e) => small.circuit.edges.kept[e] && s === input).length;
      await page.locator(`[data-node="${input}"]`).focus();
      await page.keyboard.press('Enter');
      expect(await page.locator('.canvas .edge.hot').count()).toBe(shown);
      expect(await page.locator('.canvas .node.chosen').count()).toBe(1);
      await page.keyboard.press('Escape');
      expect(await page.locator('.canvas .hot').count()).toBe(0);
      await page.locator(`[data-node="${input}"] .box`).click();
      expect(await page.locator('.canvas .edge.hot').count()).toBe(shown);
    });
  });

  it.each([320, 360, 768, 1440])('does not overflow at %i px', async (width) => {
    await open(large, { width }, async (page) => {
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
      await slide(page, 'max');
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    });
  });

  it('follows light and dark', async () => {
    const colors: Record<string, unknown> = {};
    for (const colorScheme of ['light', 'dark'] as const) {
      await open(small, { colorScheme }, async (page) => {
        colors[colorScheme] = await page.evaluate(
          `['body', '.canvas .edge.negative', '.canvas .node:not(.end) .box', '.curve .line'].map((name) => {
            const style = getComputedStyle(document.querySelector(name));
            return [style.backgroundColor, style.stroke, style.fill].join();
          })`,
        );
      });
    }
    const [light, dark] = [colors['light'] as string[], colors['dark'] as string[]];
    for (const [i, color] of light.entries()) expect(color).not.toBe(dark[i]);
  });

  it('shows hostile text as text', async () => {
    const evil = `</script></style></title><img src=x onerror=alert(1)>"'<script>alert(2)</script>`;
    const { circuit } = small;
    const input: ReportInput = {
      ...small,
      circuit: {
        ...circuit,
        nodes: {
          ...circuit.nodes,
          id: circuit.nodes.id.map((id) => id + evil),
          label: circuit.nodes.label.map((label) => evil + label),
        },
        edges: { ...circuit.edges, port: circuit.edges.port.map((port) => port && port + evil) },
        provenance: {
          ...circuit.provenance,
          model: evil,
          modelHash: evil,
          task: evil,
          method: evil,
          made: evil,
          options: { [evil]: evil },
        },
      },
      examples: [
        { clean: evil, corrupt: `${evil} x`, answer: evil, wrong: evil, cleanDifference: 1, corruptDifference: -1 },
      ],
      command: evil,
      metric: evil,
    };
    await open(input, { width: 360 }, async (page) => {
      expect(await page.locator('img').count()).toBe(0);
      expect(await page.locator('script').count()).toBe(2);
      expect(await page.locator('pre').textContent()).toBe(evil);
      expect(await page.locator('.example q').first().textContent()).toBe(evil);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
      await slide(page, 'max');
      expect(await visibleEdges(page)).toBe(60);
      await page.locator('.list li').first().hover();
      expect(await page.locator('.tip').textContent()).toContain(evil);
    });
  });
});
