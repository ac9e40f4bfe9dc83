import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { downloadFile, HubApiError, type ListFileEntry, listFiles, modelInfo } from '@huggingface/hub';
import { z } from 'zod';
import type { ModelFiles } from '../bytes.js';
import { InputError } from '../errors.js';
import { parseJson, validate } from '../validate.js';
import { folderFiles } from './files.js';
import { replaceFile, writeFileAtomic } from './write.js';

export interface HubOptions {
  /** Where downloads are kept; by default $FILIGREE_CACHE, or `.cache/filigree` in the home folder. */
  readonly cache?: string;
  /** Another server than the public Hub. */
  readonly hubUrl?: string;
  /** Token for models that need one; by default $HF_TOKEN. */
  readonly accessToken?: string;
  /** Stops a download; what is whole stays in the cache. */
  readonly signal?: AbortSignal;
  /** Called as bytes arrive: the file, and bytes done and in all of every file together. */
  readonly onProgress?: (file: string, done: number, total: number) => void;
}

/** Files of a repository that a checkpoint may need; others (other formats, pictures) are not downloaded. */
const needed =
  /^(config|tokenizer|tokenizer_config|model\.safetensors\.index)\.json$|^model(-\d{5}-of-\d{5})?\.safetensors$/;

/** Written last, so that a folder that has it is whole. */
const manifest = 'filigree-download.json';
const manifestSchema = z.looseObject({ version: z.literal(1), commit: z.string(), files: z.array(z.string()) });

const idPattern = /^([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@([A-Za-z0-9][\w.-]*(?:\/[\w-][\w.-]*)*))?$/;

/** Whether a text can be a Hub id, `org/name` or `org/name@revision`. */
export function isHubId(text: string): boolean {
  return idPattern.test(text);
}

/**
 * The files of a model on the Hub, downloaded into the cache unless they are there already; what is in the cache needs no
 * network. A branch is looked up once: to follow it, remove its folder from the cache or name a commit.
 * @param id `org/name` or `org/name@revision`
 * @throws InputError when the id is malformed or unknown, the Hub cannot be reached, or the cache cannot be written to
 */
export async function hubFiles(id: string, options: HubOptions = {}): Promise<ModelFiles> {
  const [, repo, revision = 'main'] = idPattern.exec(id) ?? [];
  if (repo === undefined)
    throw new InputError(`"${id}" is not a Hub id; it should look like org/name or org/name@revision`);
  const cache = options.cache ?? process.env['FILIGREE_CACHE'] ?? join(homedir(), '.cache', 'filigree');
  const folder = join(cache, 'hub', repo.replace('/', '--'), encodeURIComponent(revision));
  const files = folderFiles(folder, id);
  if (await isWhole(files)) return files;
  try {
    await mkdir(folder, { recursive: true });
  } catch {
    throw new InputError(
      `cannot make the cache folder ${folder}; set FILIGREE_CACHE to a folder that can be written to`,
    );
  }
  try {
    await download(id, repo, revision, folder, options);
  } catch (error) {
    throw explain(error, id, options.signal);
  }
  return files;
}

async function isWhole(files: ModelFiles): Promise<boolean> {
  if (!(await files.has(manifest))) return false;
  const made = validate(manifestSchema, parseJson(await files.text(manifest), manifest), manifest);
  const there = await Promise.all(made.files.map((file) => files.has(file)));
  return there.every(Boolean);
}

async function download(
  id: string,
  repo: string,
  revision: string,
  folder: string,
  options: HubOptions,
): Promise<void> {
  const { signal, onProgress } = options;
  const access = {
    ...(options.hubUrl === undefined ? {} : { hubUrl: options.hubUrl }),
    ...accessToken(options.accessToken ?? process.env['HF_TOKEN']),
    fetch: (url: Parameters<typeof fetch>[0], init?: RequestInit) => fetch(url, { ...init, signal: signal ?? null }),
  };
  // A branch may move while files are fetched; all are taken from the commit that it names now.
  const { sha: commit } = await modelInfo({ name: repo, revision, additionalFields: ['sha'], ...access });
  const entries: ListFileEntry[] = [];
  for await (const entry of listFiles({ repo, revision: commit, ...access })) {
    if (entry.type === 'file' && needed.test(entry.path)) entries.push(entry);
  }
  const names = entries.map((entry) => entry.path);
  if (!names.includes('config.json') || !names.some((name) => name.endsWith('.safetensors'))) {
    throw new InputError(
      `the model ${id} on the Hub has no config.json with safetensors beside it; no other format can be read`,
    );
  }
  const total = entries.reduce((sum, entry) => sum + entry.size, 0);
  let done = 0;
  for (const entry of entries) {
    const path = join(folder, entry.path);
    if (await isDownloaded(path, entry)) {
      done += entry.size;
      onProgress?.(entry.path, done, total);
      continue;
    }
    const before = done;
    const blob = await downloadFile({ repo, revision: commit, path: entry.path, ...access });
    if (!blob) throw new InputError(`the Hub lists ${entry.path} of ${id} but does not give it; try again later`);
    const hash = createHash('sha256');
    await replaceFile(path, async (file) => {
      for await (const chunk of blob.stream()) {
        hash.update(chunk);
        for (let at = 0; at < chunk.length; ) at += (await file.write(chunk.subarray(at))).bytesWritten;
        done += chunk.length;
        onProgress?.(entry.path, done, total);
      }
      const expected = entry.lfs?.oid;
      if (done - before !== entry.size || (expected !== undefined && hash.digest('hex') !== expected)) {
        throw new InputError(`${entry.path} of ${id} arrived damaged; try again`);
      }
    });
  }
  await writeFileAtomic(
    join(folder, manifest),
    `${JSON.stringify({ version: 1, id, commit, files: names }, null, 1)}\n`,
  );
}

/** Whether an earlier, interrupted download left this very file. Only large files say what they hash to; small ones come anew. */
async function isDownloaded(path: string, entry: ListFileEntry): Promise<boolean> {
  const there = await stat(path).catch(() => undefined);
  if (!entry.lfs || there?.size !== entry.size) return false;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex') === entry.lfs.oid;
}

function accessToken(token: string | undefined): { accessToken?: string } {
  if (token === undefined || token === '') return {};
  if (!token.startsWith('hf_'))
    throw new InputError('the Hub token is not one: it should begin with hf_ (see HF_TOKEN)');
  return { accessToken: token };
}

/** What went wrong, as the user can mend it; an interruption and our own errors pass as they are. */
function explain(error: unknown, id: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof HubApiError) {
    const unknown = [401, 403, 404].includes(error.statusCode);
    return new InputError(
      unknown
        ? `there is no folder ${id} here and no model ${id} that the Hub gives; if it is private or gated, set HF_TOKEN`
        : `the Hub answered ${error.statusCode} for the model ${id}; try again later`,
    );
  }
  // fetch reports every failure of the network as a TypeError, and the Hub client's streams as the bare text of one.
  if ((error instanceof TypeError && error.cause !== undefined) || typeof error === 'string') {
    return new InputError(
      `there is no folder ${id} here, and the model ${id} cannot be downloaded because the Hub cannot be reached ` +
        `(${networkReason(error)}); connect to a network or give the path of a folder`,
    );
  }
  return error;
}

function networkReason(error: TypeError | string): string {
  if (typeof error === 'string') return error.split('\n')[0];
  const { code, message } = (error.cause ?? error) as { code?: string; message: string };
  return code ?? message.split('\n')[0];
}
