import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { cacheNamed, digestOf, readCache, writeCache } from '../../src/runtime/sources.mjs';

// Taking the types of some 250 modules away takes half a second of CPU, and each test file has a process, some have threads. So the
// runner does it here, once for all of them, and `serve-sources.mjs` serves it. Without it a test runs as well, only later.

const CACHE = cacheNamed('tests');
const ROOT = new URL('../../', import.meta.url);
const FILES = '{src,test,scripts,native-bench}/**/*.ts';

/** All that a test may load, as it is on the disk now. Returns what `--import` of a test process needs. */
export function keepTestSources() {
  const kept = readKept();
  const places = [];
  const chunks = [];
  let length = 0;
  for (const path of globSync(FILES, { cwd: fileURLToPath(ROOT) })) {
    const file = readFileSync(new URL(path, ROOT));
    const digest = digestOf(file);
    const chunk = kept.get(digest) ?? Buffer.from(stripTypeScriptTypes(file.toString()));
    places.push([path, digest, length, length + chunk.length]);
    chunks.push(chunk);
    length += chunk.length;
  }
  writeCache(CACHE, { places, bytes: Buffer.concat(chunks) });
  return new URL(`./serve-sources.mjs?${new URLSearchParams({ cache: CACHE })}`, import.meta.url).href;
}

/** What was stripped before, by digest: most files are the same as last time. */
function readKept() {
  const { places, bytes } = readCache(CACHE) ?? { places: [], bytes: Buffer.alloc(0) };
  return new Map(places.map(([, digest, begin, end]) => [digest, bytes.subarray(begin, end)]));
}
