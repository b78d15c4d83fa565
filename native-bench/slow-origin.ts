import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parentPort, workerData } from 'node:worker_threads';

/** An origin of fixed capacity, in a thread of its own: so many requests at once, each for half to one and a half of a mean time; the others wait. */

export type SlowOriginStart = { readonly servers: number; readonly serviceMs: number };
/** To it: how long requests take from now on. */
export type SlowOriginOrder = { readonly serviceMs: number };
/** From it, once. */
export type SlowOriginReady = { readonly port: number };

const start: SlowOriginStart = workerData;
const waiting: ServerResponse[] = [];
let { serviceMs } = start;
let busy = 0;

function serve(response: ServerResponse): void {
  busy += 1;
  setTimeout(
    () => {
      busy -= 1;
      response.end('done');
      const next = waiting.shift();
      if (next !== undefined) serve(next);
    },
    serviceMs * (0.5 + Math.random()),
  );
}

const server = createServer((_, response) => {
  if (busy < start.servers) serve(response);
  else waiting.push(response);
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  const ready: SlowOriginReady = { port: (server.address() as AddressInfo).port };
  parentPort?.postMessage(ready);
});
parentPort?.on('message', (order: SlowOriginOrder) => {
  serviceMs = order.serviceMs;
});
