import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { digestOf, START_CACHE, writeCache } from './sources.mjs';

// A process of its own: what stripping takes in memory goes with it. It reads all that our processes and threads may load,
// takes the types away, which keeps every place in the text, so that stacks show the lines of the files, and hands it over.

const SRC = new URL('../', import.meta.url);
const ENTRIES = [
  'runtime/cli.ts',
  'runtime/start-command.ts',
  'runtime/proxy.ts',
  'runtime/worker.ts',
  'runtime/acceptor-thread.ts',
  'runtime/config-thread.ts',
  'runtime/demo-origin-thread.ts',
  'runtime/index.ts',
];
const IMPORTED = /(?:\bfrom|\bimport\s*\(|^import)\s*'(\.{1,2}\/[^']+\.ts)'/gm;

const places = [];
const chunks = [];
const seen = new Set();
let length = 0;

function collect(path) {
  if (seen.has(path)) return;
  seen.add(path);
  const url = new URL(path, SRC);
  const file = readIfThere(url);
  if (file === undefined) return;
  const source = stripTypeScriptTypes(file.toString());
  const bytes = Buffer.from(source);
  places.push([path, digestOf(file), length, length + bytes.length]);
  chunks.push(bytes);
  length += bytes.length;
  for (const [, imported = ''] of source.matchAll(IMPORTED)) collect(new URL(imported, url).href.slice(SRC.href.length));
}

/** What only looks like an import, in a comment or a text, is left out; a real one that is missing fails when it is loaded. */
function readIfThere(url) {
  try {
    return readFileSync(url);
  } catch {
    return undefined;
  }
}

for (const entry of ENTRIES) collect(entry);
const stripped = { places, bytes: Buffer.concat(chunks) };
process.send?.(stripped, () => process.disconnect());
writeCache(START_CACHE, stripped);
