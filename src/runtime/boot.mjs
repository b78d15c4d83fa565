import { isMainThread, workerData } from 'node:worker_threads';
import { serveSources } from './serve-sources.mjs';

// Where the proxy process and its threads begin; JavaScript, since it runs before there is anything that takes types away.
// Node's stripper is a WebAssembly module that takes 15 MB and some 100 ms in each process and thread. So each file is
// stripped once (sources.mjs) and the text handed over. A worker that is started later thereby runs the same code as the
// others, whatever lies on the disk by then. Packages and the user's own modules are loaded as ever.

if (isMainThread) {
  const waiting = [];
  let hear = (message) => waiting.push(message);
  process.once('message', async ({ sources, start }) => {
    process.on('message', (message) => hear(message));
    const shared = share(sources);
    serveSources(shared);
    const { runProxy } = await import('./proxy.ts');
    hear = runProxy(start, shared);
    for (const message of waiting) hear(message);
  });
} else {
  serveSources(workerData.sources);
  await import(workerData.entry);
}

/** One copy for all threads. */
function share({ places, bytes }) {
  const memory = new Uint8Array(new SharedArrayBuffer(bytes.length));
  memory.set(bytes);
  return { places, bytes: memory };
}
