import type { Transformer } from '../nn/transformer.js';
import { assign, noGrad, reshape, scope, slice, Tensor } from '../tensor/index.js';

/**
 * What a model has at some sites on windows of token ids `[batch, length]`, one row per position: `[rows, width]` per site, which the
 * caller disposes of. First positions are left out: attention rests on them, and nothing is read there.
 */
export function siteActivations(
  model: Transformer,
  windows: readonly (readonly (readonly number[])[])[],
  sites: readonly string[],
): Map<string, Tensor> {
  const rows = windows.map((rows) => rows.length * (Math.min(...rows.map((row) => row.length)) - 1));
  const total = rows.reduce((a, b) => a + b, 0);
  const tables = new Map(sites.map((site) => [site, Tensor.allocate([total, model.config.width])]));
  let start = 0;
  windows.forEach((tokens, i) => {
    scope(() =>
      noGrad(() => {
        const run = model.run(tokens, { sites, at: tokens.map(() => 0) });
        for (const [site, table] of tables) {
          const value = run.site(site);
          const kept = reshape(slice(value, 1, 1, value.shape[1]), [-1, model.config.width]);
          assign(slice(table, 0, start, start + rows[i]), kept);
        }
      }),
    );
    start += rows[i];
  });
  return tables;
}
