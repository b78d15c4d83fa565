import { fork } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

// Our own modules without types, as `OwnSources` in `launch.ts` describes them. JavaScript, since it runs before there is
// anything that takes types away.

const SRC = new URL('../', import.meta.url);
const STRIP = fileURLToPath(new URL('./strip.mjs', import.meta.url));
const LINE_FEED = 10;

/**
 * Where a set of stripped modules is kept: beside the packages, where who may write could change the programme anyway, and for
 * each checkout apart, since several may share their packages.
 */
export const cacheNamed = (name) =>
  fileURLToPath(new URL(`../node_modules/.cache/sluice/${name}-${process.version}-${hash('sha1', SRC.href).slice(0, 8)}`, SRC));
export const START_CACHE = cacheNamed('start');

/**
 * The modules as they are on the disk now: from the cache when it was made from the very same files, else stripped by a
 * process that ends with it, since stripping leaves some 20 MB behind that no collection gives back. Rejects when that fails.
 */
export function readOwnSources() {
  const cached = readCache(START_CACHE);
  const isFresh = ([path, digest]) => digest === digestOfFile(path);
  if (cached?.places.every(isFresh)) return Promise.resolve(sourcesOf(cached));
  // The stripper is a WebAssembly module: optimising it takes a third of the time and would pay only in a longer run (650 → 430 ms).
  const child = fork(STRIP, [], { serialization: 'advanced', execArgv: [...process.execArgv, '--liftoff-only'] });
  return new Promise((resolve, reject) => {
    child.once('message', (stripped) => resolve(sourcesOf(stripped)));
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`reading the sources ended with ${signal ?? `exit code ${code}`}`)));
  });
}

/**
 * Leaves the texts for the next time, whole or not at all; an install that cannot be written to has no cache. Each place is
 * `[path, digest of the file, first byte, end]`.
 */
export function writeCache(cache, { places, bytes }) {
  const partial = `${cache}.${process.pid}`;
  try {
    mkdirSync(dirname(cache), { recursive: true });
    writeFileSync(partial, Buffer.concat([Buffer.from(`${JSON.stringify(places)}\n`), bytes]));
    renameSync(partial, cache);
  } catch {
    return;
  }
}

/** As it was written, whether the files are still the same or not; one that cannot be read is none. */
export function readCache(cache) {
  try {
    const file = readFileSync(cache);
    const head = file.indexOf(LINE_FEED);
    return { places: JSON.parse(file.toString('latin1', 0, head)), bytes: file.subarray(head + 1) };
  } catch {
    return undefined;
  }
}

export function digestOf(file) {
  return hash('sha1', file, 'base64');
}

/** `undefined` for a file that is gone. */
function digestOfFile(path) {
  try {
    return digestOf(readFileSync(new URL(path, SRC)));
  } catch {
    return undefined;
  }
}

/** As `OwnSources` in `launch.ts` describes them. A map, as an object that is given hundreds of keys one by one takes ten times as long. */
function sourcesOf({ places, bytes }) {
  return { places: new Map(places.map(([path, , begin, end]) => [new URL(path, SRC).href, [begin, end]])), bytes };
}
