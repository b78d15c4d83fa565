import { parentPort, workerData } from 'node:worker_threads';
import { openDemoOrigin } from './demo-origin.ts';
import type { OwnThreadData } from './own-thread.ts';

// The demo origin has a thread of its own, so that load on it does not hold up the coordinator.
const { port } = (workerData as OwnThreadData).data as { readonly port: number };
const server = await openDemoOrigin(port);
parentPort?.postMessage({ port: server.port });
