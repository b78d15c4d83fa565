import { fork } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

// Our own modules without types, as `OwnSources` in `launch.ts` describes them. JavaScript, since it runs before there is
// anything that takes types away.

const SRC = new URL('../', import.meta.url);
const STRIP = fileURLToPath(new URL('./strip.mjs', import.meta.url));
/** Beside the packages, where who may write could change the programme anyway. */
const CACHE = fileURLToPath(new URL(`../node_modules/.cache/sluice/sources-${process.version}`, SRC));
const LINE_FEED = 10;

/**
 * The modules as they are on the disk now: from the cache when it was made from the very same files, else stripped by a
 * process that ends with it, since stripping leaves some 20 MB behind that no collection gives back. Rejects when that fails.
 */
export function readOwnSources() {
  const cached = readCache();
  if (cached !== undefined) return Promise.resolve(cached);
  // The stripper is a WebAssembly module: optimising it takes a third of the time and would pay only in a longer run (650 → 430 ms).
  const child = fork(STRIP, [], { serialization: 'advanced', execArgv: [...process.execArgv, '--liftoff-only'] });
  return new Promise((resolve, reject) => {
    child.once('message', ({ places, bytes }) => resolve(sourcesOf(places, bytes)));
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`reading the sources ended with ${signal ?? `exit code ${code}`}`)));
  });
}

/**
 * Leaves the texts for the next start, whole or not at all; an install that cannot be written to has no cache. Each place is
 * `[path below src, digest of the file, first byte, end]`.
 */
export function writeCache(places, bytes) {
  const partial = `${CACHE}.${process.pid}`;
  try {
    mkdirSync(dirname(CACHE), { recursive: true });
    writeFileSync(partial, Buffer.concat([Buffer.from(`${JSON.stringify(places)}\n`), bytes]));
    renameSync(partial, CACHE);
  } catch {
    return;
  }
}

export function digestOf(file) {
  return hash('sha1', file, 'base64');
}

/** A cache of other files, or one that cannot be read, is none. */
function readCache() {
  try {
    const cache = readFileSync(CACHE);
    const head = cache.indexOf(LINE_FEED);
    const places = JSON.parse(cache.toString('latin1', 0, head));
    const isFresh = places.every(([path, digest]) => digest === digestOf(readFileSync(new URL(path, SRC))));
    return isFresh ? sourcesOf(places, cache.subarray(head + 1)) : undefined;
  } catch {
    return undefined;
  }
}

function sourcesOf(places, bytes) {
  return { places: Object.fromEntries(places.map(([path, , begin, end]) => [new URL(path, SRC).href, [begin, end]])), bytes };
}
