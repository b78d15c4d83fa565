import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { openUwsAcceptor } from '../../src/edge/uws-acceptor.ts';
import { askOnce, connectRaw, exchangeRaw } from '../harness/raw-client.ts';

const REQUEST = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';
const LOOPBACK = { host: '127.0.0.1', port: 0 };

type Child = { readonly worker: Worker; readonly descriptor: number };

async function startChild(name: string): Promise<Child> {
  const worker = new Worker(new URL('./uws-acceptor-worker.ts', import.meta.url), { workerData: { name, port: 80 } });
  const [descriptor] = (await once(worker, 'message')) as [number];
  return { worker, descriptor };
}

/** Resolves to the exit code. */
async function endChild({ worker }: Child): Promise<number> {
  worker.postMessage('end');
  const [code] = (await once(worker, 'exit')) as [number];
  return code;
}

test('the acceptor hands connections to the workers in turn, and one of them can leave and another come', async () => {
  const [a, b] = [await startChild('a'), await startChild('b')];
  const acceptor = await openUwsAcceptor(LOOPBACK, [a.descriptor, b.descriptor]);
  const ask = async (times: number): Promise<string> => {
    let names = '';
    for (let i = 0; i < times; i++) names += (await askOnce(acceptor.port, REQUEST)).text;
    return names;
  };
  assert.match(await ask(6), /^(ab){3}$|^(ba){3}$/);

  const held = await connectRaw(acceptor.port);
  await held.send(REQUEST);
  await held.readReply();
  acceptor.remove(a.descriptor);
  assert.equal(await endChild(a), 0);
  assert.equal(await ask(4), 'bbbb');

  const c = await startChild('c');
  acceptor.add(c.descriptor);
  assert.match(await ask(4), /^(bc){2}$|^(cb){2}$/);

  await acceptor.stopAccepting();
  await assert.rejects(connectRaw(acceptor.port), { code: 'ECONNREFUSED' });
  for (const child of [b, c]) {
    acceptor.remove(child.descriptor);
    assert.equal(await endChild(child), 0);
  }
  await held.untilEnd();
  acceptor.destroy();
});

test('an acceptor without workers closes what comes, and serves nothing', async () => {
  const acceptor = await openUwsAcceptor(LOOPBACK, []);
  assert.equal((await exchangeRaw(acceptor.port, REQUEST).catch(() => Buffer.alloc(0))).length, 0);
  acceptor.destroy();
});
