import { registerHooks } from 'node:module';
import { isMainThread, workerData } from 'node:worker_threads';

// Where our own processes and threads begin; JavaScript, since it runs before there is anything that takes types away.
// Node's stripper is a WebAssembly module that takes 15 MB and some 100 ms in each process and thread. So the supervisor
// strips each file once (own-sources.ts) and hands the text over. A worker that is started later thereby runs the same code
// as the others, whatever lies on the disk by then. Packages and the user's own modules are loaded as ever.

function serveFrom(sources) {
  registerHooks({
    load(url, context, next) {
      const source = sources[url];
      return source === undefined ? next(url, context) : { format: 'module', source, shortCircuit: true };
    },
  });
}

if (isMainThread) {
  process.once('message', async ({ sources, start }) => {
    serveFrom(sources);
    const { runProxy } = await import('./proxy.ts');
    runProxy(start, sources);
  });
} else {
  serveFrom(workerData.sources);
  await import(workerData.entry);
}
