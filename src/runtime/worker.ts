import { parentPort } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { describeError, isOutsideFault } from './faults.ts';
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts';
import { WorkerThread } from './worker-thread.ts';

// The entry of a worker thread, which waits for its start. All that it does is in `worker-thread.ts`.
assert(parentPort !== null, 'worker.ts runs as a worker thread');
const port = parentPort;

function tell(message: FromWorker): void {
  port.postMessage(message);
}

port.once('message', (start: WorkerStart) => {
  const worker = new WorkerThread(start, tell);
  port.on('message', (message: ToWorker) => worker.onMessage(message));
  process.on('uncaughtException', (error) => {
    if (isOutsideFault(error)) tell({ kind: 'error', where: 'code that is not of Sluice', text: describeError(error) });
    else worker.doom(describeError(error));
  });
  process.on('unhandledRejection', (error) => tell({ kind: 'error', where: 'a promise that nobody awaited', text: describeError(error) }));
  worker.begin().catch((error: unknown) => {
    tell({ kind: 'failed', reason: describeError(error) });
    // A uws app that was closed a moment ago is gone only after a turn.
    setImmediate(() => process.exit(1));
  });
});
