import { parentPort, workerData } from 'node:worker_threads';
import { openUwsChild } from '../../src/edge/uws-listener.ts';
import { frontConfig, makeGateway } from './front.ts';

/** A worker behind an acceptor: tells its descriptor, answers by its own name, ends when told to, in the order that is safe. */
const { name, port } = workerData as { name: string; port: number };
const config = frontConfig('uws', 1, { routes: [{ name: 'own', match: { path: '/*' }, respond: { status: 200, body: name } }] });
const { gateway } = makeGateway(config, []);
const [listener] = config.listeners;
if (listener === undefined || parentPort === null) throw new Error('started as a worker with a listener');
const child = await openUwsChild(listener, gateway, port);
parentPort.postMessage(child.descriptor);
parentPort.once('message', () => {
  setImmediate(() => {
    child.destroy();
    process.exit(0);
  });
});
