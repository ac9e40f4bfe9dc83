import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** The page is one folder of files with relative addresses, which `filigree explore` serves. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [react()],
  worker: { format: 'es' },
  build: {
    outDir: 'dist/page',
    emptyOutDir: true,
    target: 'es2022',
    // The drawing and the library are loaded before anything can be shown, so there is nothing to split for.
    chunkSizeWarningLimit: 900,
    modulePreload: { polyfill: false },
    rolldownOptions: { checks: { pluginTimings: false } },
  },
});
