import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Exchange } from '../../src/exchange/exchange.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type Front, openFront } from './front.ts';

const REQUEST = 'POST /some HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nhi';
const REPLY = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n';

type Step =
  | 'onUpstreamConnection'
  | 'onUpstreamInformational'
  | 'onUpstreamHead'
  | 'onUpstreamBody'
  | 'onUpstreamPause'
  | 'onUpstreamEnd'
  | 'onUpstreamFail'
  | 'onDeadline'
  | 'onClientBody'
  | 'onClientBodyEnd';

/** Makes a step of the next exchange throw, once. */
function breakOnce(t: TestContext, step: Step): void {
  const inside = Exchange.prototype as unknown as Record<Step, (...given: unknown[]) => unknown>;
  const ordinary = inside[step];
  const mock = t.mock.method(inside, step, () => {
    mock.mock.restore();
    assert.equal(inside[step], ordinary);
    throw new Error(`broken ${step}`);
  });
}

/** An origin that answers in two pieces, some turns apart; or closes, where a failure is wanted. It minds no broken request. */
function startOrigin(step: Step): Promise<RawOrigin> {
  let requests = 0;
  return RawOrigin.start(async (connection) => {
    for (;;) {
      await connection.until('a request', (peer) => peer.isEnded || peer.unread.includes('hi'), 60_000);
      if (connection.isEnded) return connection.close();
      await connection.readRequest();
      if (++requests === 2 && step === 'onUpstreamFail') return connection.close();
      await connection.send(REPLY);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await connection.send('body');
    }
  });
}

async function ask(front: Front): Promise<{ readonly status: number; readonly isWhole: boolean }> {
  const client = await connectRaw(front.port);
  try {
    await client.send(REQUEST);
    await client.until('an answer or the end', ({ text, isEnded }) => isEnded || text.endsWith('body') || text.includes('HTTP/1.1 500'));
    const final = client.text.slice(client.text.lastIndexOf('HTTP/1.1 '));
    return { status: Number(final.slice(9, 12)), isWhole: final.endsWith('body') };
  } finally {
    client.close();
  }
}

const ROWS: readonly (readonly [Step, 'fails' | 'is cut' | 'is answered'])[] = [
  ['onUpstreamConnection', 'fails'],
  ['onUpstreamInformational', 'fails'],
  ['onUpstreamHead', 'fails'],
  ['onUpstreamBody', 'is cut'],
  ['onUpstreamPause', 'is cut'],
  ['onUpstreamEnd', 'is cut'],
  ['onUpstreamFail', 'fails'],
  ['onClientBody', 'fails'],
  ['onClientBodyEnd', 'fails'],
];

for (const engine of ['node', 'uws'] as const) {
  for (const [step, end] of ROWS) {
    // The addon cannot write interim answers, and with the last byte of a known length it has ended the answer by itself.
    if (engine === 'uws' && (step === 'onUpstreamInformational' || step === 'onUpstreamEnd')) continue;
    test(`${engine}: an exception in ${step} costs its own request alone, which ${end}`, async (t) => {
      const origin = await startOrigin(step);
      const front = await openFront(t, engine, origin.port);
      // The origin is left with half a request where the body is what breaks.
      t.after(() => origin.close().catch((error: unknown) => assert.equal(step, 'onClientBody', String(error))));
      assert.deepEqual(await ask(front), { status: 200, isWhole: true });
      breakOnce(t, step);
      const broken = await ask(front);
      // The addon ends an answer by itself when the length told is reached.
      if (engine !== 'uws' || step !== 'onUpstreamEnd') assert.equal(broken.isWhole, false);
      if (end === 'fails') assert.equal(broken.status, 500);
      assert.equal(String((front.errors[0] as Error).cause), `Error: broken ${step}`);
      assert.equal(front.errors.length, 1);
      (front.errors as unknown[]).length = 0;
      assert.deepEqual(await ask(front), { status: 200, isWhole: true });
      await waitFor('nothing is under way', () => front.gateway.inFlight === 0 && front.listener.connections === 0);
    });
  }
}

test('node: an exception in a request that waited behind another costs that one alone', async (t) => {
  const origin = await RawOrigin.answering(
    (request) => `HTTP/1.1 200 OK\r\nContent-Length: ${request.target.length}\r\n\r\n${request.target}`,
  );
  const front = await openFront(t, 'node', origin.port);
  t.after(() => origin.close());
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  const inside = Exchange.prototype as unknown as { begin: (this: Exchange) => void };
  const ordinary = inside.begin;
  t.mock.method(inside, 'begin', function begin(this: Exchange): void {
    if (this.head.target === '/second') throw new Error('broken begin');
    ordinary.call(this);
  });
  await client.send('GET /first HTTP/1.1\r\nHost: a.example\r\n\r\nGET /second HTTP/1.1\r\nHost: a.example\r\n\r\n');
  assert.equal((await client.readReply()).status, 200);
  assert.equal((await client.readReply()).status, 500);
  await client.untilEnd();
  assert.equal(front.errors.length, 1);
  (front.errors as unknown[]).length = 0;
  assert.equal(front.gateway.inFlight, 0);
});
