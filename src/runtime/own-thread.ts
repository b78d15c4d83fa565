import { existsSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/**
 * Starts threads that run our own code without stripping its types again. Node would load its stripper (a WebAssembly
 * module: 15 MB and some 100 ms) in every thread; here the main thread strips each file once and hands the text over.
 * It also means that a worker which is started later runs the same code as the others, whatever lies on the disk by then.
 */
export function startOwnThread(entry: URL, data: unknown, name: string): Worker {
  const sources: Record<string, string> = {};
  collect(entry.href, sources);
  return new Worker(BOOT, { eval: true, workerData: { sources, entry: entry.href, data } satisfies OwnThreadData, name });
}

/** What a thread finds in `workerData`; `data` is what was given to `startOwnThread`. */
export type OwnThreadData = { readonly sources: Readonly<Record<string, string>>; readonly entry: string; readonly data: unknown };

/** Everything else (packages, the user's own modules) is loaded as ever. */
const BOOT = `
const { registerHooks } = require('node:module');
const { workerData: { sources, entry } } = require('node:worker_threads');
registerHooks({
  load(url, context, next) {
    const source = sources[url];
    return source === undefined ? next(url, context) : { format: 'module', source, shortCircuit: true };
  },
});
import(entry);
`;

/** Stripping keeps every place in the text, so stacks show the lines of the files. */
const stripped = new Map<string, string>();
const IMPORTED = /(?:\bfrom|\bimport\s*\(|^import)\s*'(\.{1,2}\/[^']+\.ts)'/gm;

function collect(url: string, into: Record<string, string>): void {
  if (into[url] !== undefined) return;
  const source = sourceOf(url);
  if (source === undefined) return;
  into[url] = source;
  for (const [, path = ''] of source.matchAll(IMPORTED)) collect(new URL(path, url).href, into);
}

function sourceOf(url: string): string | undefined {
  const known = stripped.get(url);
  if (known !== undefined) return known;
  const path = fileURLToPath(url);
  if (!existsSync(path)) return undefined;
  const source = stripTypeScriptTypes(readFileSync(path, 'utf8'));
  stripped.set(url, source);
  return source;
}
