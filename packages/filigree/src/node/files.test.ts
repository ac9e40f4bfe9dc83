import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { InputError } from '../errors.js';
import { folderFiles } from './files.js';
import { openModelFiles } from './open.js';
import { replaceFile, writeFileAtomic } from './write.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'filigree-files-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('reads any part of a file', async () => {
  const data = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
  await writeFile(join(folder, 'data'), data);
  const bytes = await folderFiles(folder).bytes('data');
  expect(bytes.size).toBe(1000);
  expect(await bytes.read(0, 1000)).toEqual(data);
  expect(await bytes.read(997, 3)).toEqual(data.slice(997));
  expect(await bytes.read(5, 0)).toEqual(new Uint8Array());
  const part = await bytes.read(3, 8);
  expect([part.byteOffset, part.buffer.byteLength]).toEqual([0, 8]);
});

test('a file that became shorter gives what is left', async () => {
  await writeFile(join(folder, 'data'), new Uint8Array(100));
  const bytes = await folderFiles(folder).bytes('data');
  await truncate(join(folder, 'data'), 10);
  expect((await bytes.read(0, 100)).length).toBe(10);
});

test('text, missing files, folders and paths that lead out', async () => {
  await mkdir(join(folder, 'inner'));
  await writeFile(join(folder, 'inner', 'a.txt'), 'héllo');
  await writeFile(join(folder, 'secret'), 'x');
  const files = folderFiles(join(folder, 'inner'), 'the model');
  expect(await files.text('a.txt')).toBe('héllo');
  expect(await folderFiles(folder).text('inner/a.txt')).toBe('héllo');
  for (const path of ['../secret', 'b.txt', '', '.', '/etc/passwd', 'a.txt\0', '..\\secret']) {
    expect(await files.has(path), path).toBe(false);
    await expect(files.bytes(path)).rejects.toThrow(InputError);
  }
  expect(await folderFiles(folder).has('inner')).toBe(false);
  await expect(files.text('b.txt')).rejects.toThrow('the model has no file b.txt');
});

test('a model is a folder, or could be a Hub id', async () => {
  await writeFile(join(folder, 'model.safetensors'), '');
  expect((await openModelFiles(folder)).name).toBe(folder);
  await expect(openModelFiles(join(folder, 'model.safetensors'))).rejects.toThrow(/is a file; give the folder/);
  await expect(openModelFiles(join(folder, 'absent'))).rejects.toThrow(/there is no folder .*absent; give the path/);
  await expect(openModelFiles('../x/y')).rejects.toThrow(InputError);
});

test('writing replaces the whole file and leaves nothing beside it', async () => {
  const path = join(folder, 'out.json');
  await writeFileAtomic(path, 'first');
  await writeFileAtomic(path, Uint8Array.of(104, 105));
  expect(await readFile(path, 'utf8')).toBe('hi');
  expect(await readdir(folder)).toEqual(['out.json']);
});

test('a failure leaves the old file and nothing else', async () => {
  const path = join(folder, 'out.json');
  await writeFileAtomic(path, 'old');
  const failing = replaceFile(path, async (file) => {
    await file.writeFile('half');
    throw new Error('stopped');
  });
  await expect(failing).rejects.toThrow('stopped');
  expect(await readFile(path, 'utf8')).toBe('old');
  expect(await readdir(folder)).toEqual(['out.json']);
});

test('places that cannot be written to are told in one line', async () => {
  await expect(writeFileAtomic(folder, 'x')).rejects.toThrow(/it is a folder/);
  await expect(writeFileAtomic(join(folder, 'no', 'out'), 'x')).rejects.toThrow(/its folder does not exist/);
  await writeFile(join(folder, 'file'), '');
  await expect(writeFileAtomic(join(folder, 'file', 'out'), 'x')).rejects.toThrow(InputError);
  await expect(writeFileAtomic(join(folder, 'n'.repeat(300)), 'x')).rejects.toThrow(/name is too long/);
  expect(await readdir(folder)).toEqual(['file']);
});

test.skipIf(process.getuid?.() === 0)('a folder without permission', async () => {
  await chmod(folder, 0o500);
  await expect(writeFileAtomic(join(folder, 'out'), 'x')).rejects.toThrow(/no permission/);
  await chmod(folder, 0o700);
});

test('links are followed, and devices are not replaced', async () => {
  await writeFile(join(folder, 'real'), 'old');
  await symlink('real', join(folder, 'link'));
  await writeFileAtomic(join(folder, 'link'), 'new');
  expect(await readFile(join(folder, 'real'), 'utf8')).toBe('new');
  await writeFileAtomic('/dev/null', 'x');
  expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
});
