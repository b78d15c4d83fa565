import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { property } from './property.ts';

/** Our own modules without types, by URL. Stripping keeps every place in the text, so stacks show the lines of the files. */
export type OwnSources = Readonly<Record<string, string>>;

/** All that the proxy process and its threads may load. */
const ENTRIES = ['./proxy.ts', './worker.ts', './config-thread.ts', './demo-origin-thread.ts'];
const IMPORTED = /(?:\bfrom|\bimport\s*\(|^import)\s*'(\.{1,2}\/[^']+\.ts)'/gm;
/** Beside the packages, where who may write could change the programme anyway. */
const CACHE = fileURLToPath(new URL(`../../node_modules/.cache/sluice/sources-${process.version}.json`, import.meta.url));

/**
 * The modules as they are on the disk now: from the cache when it was made from the very same files, else stripped by a
 * process that ends with it, since stripping leaves some 20 MB behind that no collection gives back. Rejects when that fails.
 */
export function readOwnSources(): Promise<OwnSources> {
  const cached = readCache();
  if (cached !== undefined) return Promise.resolve(cached);
  const child = fork(fileURLToPath(new URL('./strip-process.ts', import.meta.url)), [], { serialization: 'advanced' });
  return new Promise((resolve, reject) => {
    child.once('message', (sources) => resolve(sources as OwnSources));
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`reading the sources ended with ${signal ?? `exit code ${code}`}`)));
  });
}

/** Reads and strips all, and leaves it in the cache for the next start. */
export function stripOwnSources(): OwnSources {
  const sources: Record<string, string> = {};
  const digests: Record<string, string> = {};
  const collect = (url: string): void => {
    const text = sources[url] === undefined ? readText(url) : undefined;
    if (text === undefined) return;
    const source = stripTypeScriptTypes(text);
    sources[url] = source;
    digests[url] = digestOf(text);
    for (const [, imported = ''] of source.matchAll(IMPORTED)) collect(new URL(imported, url).href);
  };
  for (const entry of ENTRIES) collect(new URL(entry, import.meta.url).href);
  writeCache({ sources, digests });
  return sources;
}

type Cache = { readonly sources: OwnSources; readonly digests: Readonly<Record<string, string>> };

function readCache(): OwnSources | undefined {
  try {
    const cache: unknown = JSON.parse(readFileSync(CACHE, 'utf8'));
    const digests = Object.entries(property(cache, 'digests') ?? {});
    const isFresh = digests.length > 0 && digests.every(([url, digest]) => digest === digestOf(readText(url) ?? ''));
    return isFresh ? (cache as Cache).sources : undefined;
  } catch {
    return undefined;
  }
}

/** Whole or not at all. An install that cannot be written to has no cache. */
function writeCache(cache: Cache): void {
  const partial = `${CACHE}.${process.pid}`;
  try {
    mkdirSync(dirname(CACHE), { recursive: true });
    writeFileSync(partial, JSON.stringify(cache));
    renameSync(partial, CACHE);
  } catch {
    return;
  }
}

function readText(url: string): string | undefined {
  try {
    return readFileSync(fileURLToPath(url), 'utf8');
  } catch {
    return undefined;
  }
}

function digestOf(text: string): string {
  return createHash('sha1').update(text).digest('base64');
}
