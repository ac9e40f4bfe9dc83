import { expect, it } from 'vitest';
import { projectPath } from '../testing/fixtures.js';
import { openModel } from './open-model.js';

it('opens a folder with a tokenizer, and one without', async () => {
  const gpt2 = await openModel(projectPath('fixtures/tiny-gpt2'));
  expect(gpt2.model.config).toEqual(gpt2.checkpoint.config);
  expect(gpt2.tokenizer?.encode('the').length).toBeGreaterThan(0);
  gpt2.model.dispose();
  const llama = await openModel(projectPath('fixtures/tiny-llama'));
  expect(llama.tokenizer).toBeUndefined();
  llama.model.dispose();
});

it('says what is missing', async () => {
  await expect(openModel(projectPath('fixtures'))).rejects.toThrow(/config\.json/);
});
