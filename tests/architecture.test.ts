import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

/** The house: rooms by floor, lowest first. A room imports only from floors below it, and from itself. */
const floors: readonly (readonly string[])[] = [
  ['platform', 'errors', 'bytes', 'validate', 'nearest'],
  ['kernels'],
  ['tensor'],
  ['sparse', 'circuit'],
  ['nn'],
  ['tasks', 'data'],
  ['discovery', 'dictionary', 'training', 'conditional', 'probabilistic', 'logic', 'quantum', 'memory', 'scenes'],
  ['node', 'browser'],
  ['index'],
];

const source = fileURLToPath(new URL('../packages/filigree/src/', import.meta.url));

interface Module {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: string[];
}

const roomOf = (path: string): string => path.split(sep)[0].replace(/\.ts$/, '');

const modules: Module[] = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts') && !/\.(test|fixture|testing)\.ts$/.test(path) && roomOf(path) !== 'testing')
  .map((path) => {
    const text = readFileSync(source + path, 'utf8');
    return { path, room: roomOf(path), text, imports: [...text.matchAll(/from '([^']+)'/g)].map((m) => m[1]) };
  });

const floorOf = (room: string): number => floors.findIndex((rooms) => rooms.includes(room));

describe('the house', () => {
  it('has every module in a known room', () => {
    expect(modules.length).toBeGreaterThan(50);
    expect(modules.filter((m) => floorOf(m.room) < 0).map((m) => m.path)).toEqual([]);
  });

  it('imports only from floors below', () => {
    const climbs = modules.flatMap(({ path, room, imports }) =>
      imports
        .filter((name) => name.startsWith('.'))
        .map((name) => roomOf(relative(source, join(dirname(source + path), name.replace(/\.js$/, '.ts')))))
        .filter((target) => target !== room && floorOf(target) >= floorOf(room) && floorOf(room) > 0)
        .map((target) => `${path} imports ${target}`),
    );
    expect(climbs).toEqual([]);
  });

  it('uses the built-ins of Node in node/ only', () => {
    const strangers = modules.filter((m) => m.room !== 'node' && m.imports.some((name) => name.startsWith('node:')));
    expect(strangers.map((m) => m.path)).toEqual([]);
  });

  it('reads values synchronously only where the host can wait for them', () => {
    // Devices themselves, the tensor that offers it, sorting on the host, and the judge of gradients.
    const allowed = /^(kernels\/|tensor\/tensor\.ts|tensor\/ops\/sort\.ts|tensor\/finite-differences\.ts)/;
    const readers = modules.filter((m) => /\.(dataSync|readSync)\(/.test(m.text) && !allowed.test(m.path));
    expect(readers.map((m) => m.path)).toEqual([]);
  });

  it('keeps files short enough to read in one go', () => {
    const long = modules.filter((m) => m.text.split('\n').length > 400).map((m) => m.path);
    expect(long).toEqual([]);
  });
});
