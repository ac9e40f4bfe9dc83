import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { circuitSvg, strongestFirst } from './circuit-svg.js';
import { type Curve, curveSvg } from './curve-svg.js';
import { count, decimal, figure, percent, safe, scriptJson } from './markup.js';
import { madeUpCircuit } from './testing.js';
import { expectWellFormed } from './well-formed.testing.js';

const tags = (svg: string, name: string) => svg.match(new RegExp(`<${name}[ >]`, 'g'))?.length ?? 0;

describe('circuitSvg', () => {
  const circuit = madeUpCircuit({ layers: 3, heads: 4, kept: 12 });

  it('draws one line an edge and one box a node, coloured by sign and wide by score', () => {
    const svg = circuitSvg(circuit);
    expectWellFormed(svg);
    const kept = strongestFirst(circuit).filter((e) => circuit.edges.kept[e]);
    expect(svg.match(/data-edge=/g)).toHaveLength(12);
    const nodes = new Set(kept.flatMap((e) => [circuit.edges.source[e], circuit.edges.target[e]]));
    expect(svg.match(/data-node=/g)).toHaveLength(nodes.size);
    const largest = Math.abs(circuit.edges.score[kept[0]]!);
    kept.forEach((e, place) => {
      const line = svg.match(new RegExp(`<path class="edge ([a-z]*)" data-edge="${place}" stroke-width="([\\d.]+)"`))!;
      const score = circuit.edges.score[e]!;
      expect(line[1]).toBe(score < 0 ? 'negative' : 'positive');
      expect(Number(line[2])).toBeCloseTo(0.5 + (4.5 * Math.abs(score)) / largest, 1);
    });
  });

  it('hides what is not visible, with its nodes and port letters', () => {
    const edges = strongestFirst(circuit);
    const svg = circuitSvg(circuit, { edges, visible: (e) => e === edges[0] });
    expect(svg.match(/class="edge[^"]* off"/g)).toHaveLength(edges.length - 1);
    expect(svg.match(/class="node[^"]*" data-node/g)!.filter((c) => !c.includes('off'))).toHaveLength(2);
    const port = circuit.edges.port[edges[0]] ? 1 : 0;
    expect(svg.match(/class="port"/g)?.length ?? 0).toBe(port);
  });

  it('draws circuits without scores, and empty ones', () => {
    const score = circuit.edges.score.map(() => null);
    const plain = circuitSvg({ ...circuit, edges: { ...circuit.edges, score } });
    expectWellFormed(plain);
    expect(plain).toContain('not scored');
    expect(plain).not.toContain('NaN');
    expectWellFormed(circuitSvg(madeUpCircuit({ layers: 1, heads: 1, kept: 0 })));
  });

  it('escapes names', () => {
    const name = '</title><script>"\'&\u0000';
    const names = circuit.nodes.id.map((id) => id + name);
    const svg = circuitSvg({ ...circuit, nodes: { ...circuit.nodes, id: names, label: names } });
    expectWellFormed(svg);
    expect(svg).not.toContain('<script');
  });
});

describe('curveSvg', () => {
  const sizes = [1, 10, 100, 1000];

  it('puts equal ratios of size at equal distances and grows to hold every value', () => {
    const svg = curveSvg({
      sizes,
      faithfulness: [-0.5, 0, 1, 1.8],
      low: [-1, -0.1, 0.9, 1.5],
      high: [0, 0.1, 1.1, 2.4],
    });
    expectWellFormed(svg);
    const at = [...svg.matchAll(/<circle class=" point" cx="([\d.]+)" cy="([\d.]+)"/g)].map((m) => [+m[1], +m[2]]);
    expect(at).toHaveLength(4);
    expect(at[1][0] - at[0][0]).toBeCloseTo(at[2][0] - at[1][0], 0);
    expect(at[2][0] - at[1][0]).toBeCloseTo(at[3][0] - at[2][0], 0);
    expect((at[0][1] - at[1][1]) / (at[1][1] - at[2][1])).toBeCloseTo(0.5, 1);
    const height = Number(svg.match(/viewBox="0 0 \d+ (\d+)"/)![1]);
    for (const [, d] of svg.matchAll(/class="(?:line|band| line)" d="([^"]*)"/g)) {
      for (const [, y] of d.matchAll(/,([\d.-]+)/g)) {
        expect(Number(y)).toBeGreaterThan(0);
        expect(Number(y)).toBeLessThan(height);
      }
    }
    expect(svg.match(/class="reference"/g)).toHaveLength(2);
  });

  it('breaks the line at a value that is not finite and leaves out size 0', () => {
    const svg = curveSvg({ sizes: [0, ...sizes], faithfulness: [0, 0.1, Number.NaN, 0.8, 1] });
    expect(tags(svg, 'circle')).toBe(3);
    expect(svg.match(/class=" line"/g)).toHaveLength(2);
    expect(svg).not.toMatch(/NaN|Infinity/);
  });

  it('draws the control and the marker where they are asked for', () => {
    const plain: Curve = { sizes, faithfulness: [0, 0.5, 0.9, 1] };
    expect(curveSvg(plain)).not.toMatch(/class="(random|marker)/);
    const full = curveSvg({ ...plain, random: [0, 0, 0.1, 1] }, { marker: 10 });
    const x = Number(full.match(/class="marker" transform="translate\(([\d.]+)/)![1]);
    expect(x).toBeCloseTo(
      Number(full.match(/10 edges: faithfulness/) && full.match(/cx="([\d.]+)"[^>]*><title>10 edges: f/)![1]),
      1,
    );
    expect(full).toContain('random circuits');
  });

  it('survives any numbers', () => {
    const column = fc.array(fc.double(), { minLength: 5, maxLength: 5 });
    const rising = fc.uniqueArray(fc.nat(1e9), { minLength: 5, maxLength: 5 }).map((s) => s.sort((a, b) => a - b));
    fc.assert(
      fc.property(rising, column, column, column, fc.nat(1000), (some, faithfulness, low, high, marker) => {
        // Beyond this, heights themselves overflow.
        const tame = (values: number[]) => values.map((v) => (Math.abs(v) < 1e100 ? v : Number.NaN));
        const svg = curveSvg(
          { sizes: some, faithfulness: tame(faithfulness), low: tame(low), high: tame(high) },
          { marker },
        );
        expectWellFormed(svg);
        expect(svg).not.toMatch(/="[^"]*(NaN|Infinity)/);
      }),
    );
    expectWellFormed(curveSvg({ sizes: [], faithfulness: [] }));
  });
});

describe('markup', () => {
  it('writes numbers as people do', () => {
    expect([0, 999, 1000, 2461, 32491, 1234567].map(count)).toEqual([
      '0',
      '999',
      '1,000',
      '2,461',
      '32,491',
      '1,234,567',
    ]);
    expect([0, -0.5, 1234.5, 0.000012, -2.345e7].map((x) => figure(x))).toEqual([
      '0.00',
      '−0.500',
      '1235',
      '1.20e−5',
      '−2.35e7',
    ]);
    expect([0.8449, 1.0375, -0.12, 0, 12].map(percent)).toEqual([
      '84\u00a0%',
      '104\u00a0%',
      '−12\u00a0%',
      '0\u00a0%',
      '1200\u00a0%',
    ]);
    expect([0.845, -0.001, -0.2, Number.NaN].map(decimal)).toEqual(['0.84', '0.00', '−0.20', '–']);
  });

  it('makes any text harmless in markup and in a script', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(safe(text)).not.toMatch(/[<>"'\p{Cs}]|&(?!amp;|lt;|gt;|quot;|#39;)/u);
        expect(scriptJson(text)).not.toContain('<');
        expect(JSON.parse(scriptJson(text))).toBe(text);
      }),
    );
  });
});
