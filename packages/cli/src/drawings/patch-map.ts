import { type AxisLabel, type HeatMapSvgOptions, heatMapSvg } from '@filigree/view';
import { isHeadSite, type PatchMap, type PositionTokens, type Tokenizer } from 'filigree';
import { quotedToken, tokenName } from '../tokens.js';

/** A map of the stream is always by position; one of heads is where it has several. */
export const hasPositions = ({ site, positions }: PatchMap): boolean => !isHeadSite(site) || positions > 1;

function positionLabel({ clean, differs }: PositionTokens, t: number, tokenizer: Tokenizer | undefined): AxisLabel {
  const more = clean.length > 1 ? ' \u2026' : '';
  const all = clean.slice(0, 6).map((id) => quotedToken(id, tokenizer));
  const title = `position ${t} ${all.join(' ')}${clean.length > all.length ? ' \u2026' : ''}`;
  return { text: `${tokenName(clean[0], tokenizer)}${more}`, strong: differs, title };
}

/** Draws what patching a site does, by layer and position, or by head. */
export function patchMapSvg(
  map: PatchMap,
  tokens: readonly PositionTokens[],
  tokenizer: Tokenizer | undefined,
  options: HeatMapSvgOptions = {},
): string {
  const { site, layers, heads, effects, direction } = map;
  const perHead = isHeadSite(site);
  const place = hasPositions(map);
  const noising = direction === 'noising';
  const title = `${site}: ${noising ? 'corrupted into clean runs; 1 is as bad as corrupted' : 'clean into corrupted runs; 1 is as good as clean'}`;
  // Either way what patching changes nothing of stays paper.
  const values = noising ? effects : effects.map((effect) => 1 - effect);
  const layerNames = Array.from({ length: layers }, (_, l): AxisLabel => ({ text: String(l), title: `layer ${l}` }));
  const headNames = Array.from({ length: layers * heads }, (_, i) => `a${Math.floor(i / heads)}.h${i % heads}`);
  const columns = place
    ? tokens.map((at, t) => positionLabel(at, t, tokenizer))
    : Array.from({ length: heads }, (_, h) => `h${h}`);
  return heatMapSvg(
    { rows: perHead && place ? headNames : layerNames, columns, values },
    {
      title,
      rowTitle: perHead && place ? 'head' : 'layer',
      columnTitle: place ? 'position (bold: differs)' : 'head',
      ...options,
    },
  );
}
