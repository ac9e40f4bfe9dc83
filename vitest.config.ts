import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^filigree$/, replacement: source('packages/filigree/src/index.ts') },
      { find: /^filigree\/node$/, replacement: source('packages/filigree/src/node/index.ts') },
      { find: /^filigree\/browser$/, replacement: source('packages/filigree/src/browser/index.ts') },
      { find: /^@filigree\/claims$/, replacement: source('claims/index.ts') },
      { find: /^@filigree\/view$/, replacement: source('packages/view/src/index.ts') },
    ],
  },
  test: {
    include: ['packages/**/src/**/*.test.ts', 'tests/**/*.test.ts', 'claims/**/*.test.ts', 'examples/**/*.test.ts'],
    globalSetup: [source('tests/build.ts')],
    setupFiles: [source('tests/setup.ts')],
    // Many tests start the command and wait for it: with one core less, as is usual, a small machine would be idle.
    maxWorkers: availableParallelism(),
    testTimeout: 60_000,
    // The first start of a browser on a busy machine with a cold disk takes longer than the default 10 s.
    hookTimeout: 120_000,
  },
});
