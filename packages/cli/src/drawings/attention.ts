import { type AttentionSvgOptions, attentionSvg } from '@filigree/view';
import {
  type HeadPatterns,
  type HeadScoreName,
  type HeadScores,
  headScoreNames,
  type Tokenizer,
  type TransformerConfig,
} from 'filigree';
import { figure } from '../table.js';
import { tokenName } from '../tokens.js';

/** "a2.h3" of the head's place among all heads. */
export const headName = (head: number, { heads }: Pick<TransformerConfig, 'heads'>): string =>
  `a${Math.floor(head / heads)}.h${head % heads}`;

const shortNames: Record<HeadScoreName, string> = {
  induction: 'induction',
  'previous-token': 'previous',
  'duplicate-token': 'duplicate',
  'first-token': 'first',
};

/** Draws the patterns of some heads, by their places among all, with the largest score of each. */
export function attentionHeadsSvg(
  heads: readonly number[],
  tokens: readonly number[],
  { length, patterns }: HeadPatterns,
  scores: HeadScores,
  tokenizer: Tokenizer | undefined,
  options: AttentionSvgOptions = {},
): string {
  const panels = heads.map((head) => {
    const [best] = [...headScoreNames].sort((a, b) => scores.scores[b][head] - scores.scores[a][head]);
    return {
      label: headName(head, scores),
      note: `${shortNames[best]} ${figure(scores.scores[best][head])}`,
      pattern: patterns.subarray(head * length * length, (head + 1) * length * length),
    };
  });
  return attentionSvg(
    tokens.map((id) => tokenName(id, tokenizer)),
    panels,
    options,
  );
}
