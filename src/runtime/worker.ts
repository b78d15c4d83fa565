import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { describeError, isOutsideFault } from './faults.ts';
import type { FromWorker, ToWorker, WorkerStart } from './messages.ts';
import type { OwnThreadData } from './own-thread.ts';
import { WorkerThread } from './worker-thread.ts';

// The entry of a worker thread. All that it does is in `worker-thread.ts`.
assert(parentPort !== null, 'worker.ts runs as a worker thread');
const port = parentPort;
const start = (workerData as OwnThreadData).data as WorkerStart;

function tell(message: FromWorker): void {
  port.postMessage(message);
}

const worker = new WorkerThread(start, tell);

port.on('message', (message: ToWorker) => worker.onMessage(message));

process.on('unhandledRejection', (error) => tell({ kind: 'error', where: 'a promise that nobody awaited', text: describeError(error) }));

process.on('uncaughtException', (error) => {
  if (isOutsideFault(error)) tell({ kind: 'error', where: 'code that is not of Sluice', text: describeError(error) });
  else worker.doom(describeError(error));
});

try {
  await worker.begin();
} catch (error) {
  tell({ kind: 'failed', reason: describeError(error) });
  process.exit(1);
}
