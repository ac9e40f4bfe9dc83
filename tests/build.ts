import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, root } from './command.js';

const run = (...args: string[]) =>
  execFileSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });

/** Time of the newest module in what a folder was built to. */
function newest(folder: string): number {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return Math.max(
    ...names.filter((name) => name.endsWith('.js')).map((name) => statSync(join(root, folder, name)).mtimeMs),
  );
}

/** Builds what the tests start, once for all of them, so that they never judge an older command. */
export default function build(): void {
  run('node_modules/typescript/bin/tsc', '-b');
  const sources = ['packages/filigree/dist', 'packages/view/dist', 'packages/cli/dist', 'claims/dist'];
  if (existsSync(bundle) && statSync(bundle).mtimeMs > Math.max(...sources.map(newest))) return;
  run('node_modules/vite/bin/vite.js', 'build', 'packages/cli', '--logLevel', 'warn');
}
