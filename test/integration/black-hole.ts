import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';

/**
 * A loopback address that takes no connection and refuses none: a thread that listens with the shortest queue and then never
 * turns its loop, with the queue filled. Further SYNs get no answer (Linux drops them).
 */
export async function openBlackHole(t: TestContext): Promise<string> {
  const source = `
    const { createServer } = require('node:net');
    const { parentPort, workerData } = require('node:worker_threads');
    const server = createServer(() => {});
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      parentPort.postMessage(server.address().port);
      // A message that was posted leaves at once; nothing is accepted from here on, until the test says so.
      Atomics.wait(new Int32Array(workerData), 0, 0);
      process.exit(0);
    });`;
  const stop = new SharedArrayBuffer(4);
  const worker = new Worker(source, { eval: true, workerData: stop });
  const port = await new Promise<number>((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
  const fillers: Socket[] = [];
  t.after(async () => {
    for (const socket of fillers) socket.destroy();
    Atomics.store(new Int32Array(stop), 0, 1);
    Atomics.notify(new Int32Array(stop), 0);
    await worker.terminate();
  });
  // A queue of length n takes n + 1; the one that is not connected after a while is the first that gets no answer.
  for (let i = 0; i < 16; i++) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => {});
    fillers.push(socket);
    const isConnected = await Promise.race([
      new Promise<boolean>((resolve) => socket.once('connect', () => resolve(true))),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 150)),
    ]);
    if (!isConnected) return `http://127.0.0.1:${port}`;
  }
  throw new Error('the queue is never full');
}
