// What `npm start` and `npm test` do first. Nothing is installed yet when this runs, so it uses Node alone.
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a program in the project's folder; gives the exit code, 127 where there is no such program. The user's Ctrl-C reaches it by itself. */
function run(program, args, shell = false) {
  const ignore = () => {};
  process.on('SIGINT', ignore);
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, stdio: 'inherit', shell });
    child.on('error', () => resolve(127));
    child.on('close', (code, signal) => {
      process.off('SIGINT', ignore);
      resolve(signal === null ? code : 130);
    });
  });
}

export const node = (args) => run(process.execPath, args);

const isWindows = process.platform === 'win32';

/** Ends with one line on stderr. */
export function fail(line, code = 1) {
  process.stderr.write(`filigree: ${line}\n`);
  process.exit(code);
}

const time = async (path) => (await stat(root + path).catch(() => undefined))?.mtimeMs ?? 0;

/** Installs the dependencies where they are missing or older than the list of them, then builds. */
export async function setUp() {
  const version = process.versions.node;
  if (Number(version.split('.')[0]) < 20) fail(`Node 20 or newer is needed, and this is ${version}.`, 2);
  if ((await time('node_modules/.package-lock.json')) < (await time('package-lock.json'))) {
    console.log('Installing the dependencies…');
    // Not `npm ci`: the lock lists tools only for the platforms it was made on, which `ci` refuses everywhere. This keeps to the
    // lock where it can and does not change it.
    const args = ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error'];
    const own = process.env.npm_execpath ?? '';
    const code = own.endsWith('npm-cli.js') ? await node([own, ...args]) : await run('npm', args, isWindows);
    if (code !== 0) fail('the dependencies could not be installed; see above. Is there a network?', code);
  }
  console.log('Building…');
  const code = await node(['node_modules/typescript/bin/tsc', '-b']);
  if (code !== 0) fail('the build failed; see above.', code);
  for (const [what, folder] of [
    ['command', 'packages/cli'],
    ['page', 'packages/explorer'],
  ]) {
    const built = await node(['node_modules/vite/bin/vite.js', 'build', folder, '--logLevel', 'warn']);
    if (built !== 0) fail(`the build of the ${what} failed; see above.`, built);
  }
}
