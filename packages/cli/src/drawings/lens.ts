import { type HeatMapSvgOptions, heatMapSvg } from '@filigree/view';
import { type DirectLogits, directByLayer, type Lens, type Tokenizer } from 'filigree';
import { figure } from '../table.js';
import { quotedToken, tokenName } from '../tokens.js';

/** Positions that are drawn unless said otherwise: the last ones. */
const drawnPositions = 16;

/** "after layer 3", or "embedding". */
export const lensRowName = (row: number): string => (row === 0 ? 'embedding' : `after layer ${row - 1}`);

/** Draws the likeliest next token after each layer at the last positions, the stronger the likelier. */
export function lensSvg(
  grid: Lens,
  tokens: readonly number[],
  tokenizer: Tokenizer | undefined,
  options: HeatMapSvgOptions & { positions?: number; short?: boolean } = {},
): string {
  const { positions = drawnPositions, short = false, ...drawing } = options;
  const first = Math.max(0, tokens.length - positions);
  const cells = grid.cells.flatMap((row) => row.slice(first));
  const part = first > 0 ? ` (last ${positions} of ${tokens.length} positions)` : '';
  return heatMapSvg(
    {
      rows: grid.rows.map((_, row) =>
        short ? { text: row === 0 ? 'embed' : String(row - 1), title: lensRowName(row) } : lensRowName(row),
      ),
      columns: tokens.slice(first).map((id) => tokenName(id, tokenizer)),
      values: cells.map(({ top }) => top[0].probability),
      texts: cells.map(({ top }) => tokenName(top[0].id, tokenizer)),
      titles: cells.map(({ top, answer: own }) =>
        [...top, ...(own ? [own] : [])]
          .map(({ id, probability, rank }) => `${rank}. ${quotedToken(id, tokenizer)} ${figure(probability, 3)}`)
          .join('\n'),
      ),
    },
    { title: `Logit lens: the likeliest next token and its probability${part}`, ...drawing },
  );
}

/** Draws what each head and MLP adds to the answer directly. */
export function directSvg(direct: DirectLogits, options: HeatMapSvgOptions = {}): string {
  const { layers, heads, mlpWidth } = direct;
  const byLayer = directByLayer(direct);
  return heatMapSvg(
    {
      rows: Array.from({ length: layers }, (_, l) => ({ text: String(l), title: `layer ${l}` })),
      columns: [...Array.from({ length: heads }, (_, h) => `h${h}`), ...(mlpWidth > 0 ? ['MLP'] : [])],
      values: Array.from({ length: layers }, (_, l) => [
        ...direct.head.subarray(l * heads, (l + 1) * heads),
        ...(mlpWidth > 0 ? [byLayer.mlp[l]] : []),
      ]).flat(),
    },
    { rowTitle: 'layer', negative: 'against', positive: 'for the answer', ...options },
  );
}
