import { parentPort } from 'node:worker_threads';
// Loaded while the thread waits for what it is to read.
import '../config/quick.ts';
import { maxOpenFiles, withinOpenFiles } from './open-files.ts';
import { readConfig } from './read-config.ts';
import type { StartOptions } from './start-options.ts';

export type ConfigAsked = { readonly options: StartOptions; readonly demoOrigin: string };

// A configuration is read on a thread that ends with it: the parsers take some 30 MB that only this moment needs, and a
// configuration written in TypeScript is loaded afresh each time, with all that it imports.
parentPort?.once('message', async ({ options, demoOrigin }: ConfigAsked) => {
  const read = await readConfig(options, demoOrigin);
  parentPort?.postMessage(read.kind === 'ok' ? { ...read, config: withinOpenFiles(read.config, maxOpenFiles()) } : read);
});
