import { parentPort } from 'node:worker_threads';
import { openDemoOrigin } from './demo-origin.ts';

/** The port to listen on; 0 takes a free one. */
export type DemoAsked = { readonly port: number };
export type DemoAnswer = { readonly port: number };

// The demo origin has a thread of its own, so that load on it does not hold up the coordinator.
parentPort?.once('message', async ({ port }: DemoAsked) => {
  const server = await openDemoOrigin(port);
  const answer: DemoAnswer = { port: server.port };
  parentPort?.postMessage(answer);
});
