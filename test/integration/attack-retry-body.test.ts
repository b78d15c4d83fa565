import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Barrier } from '../harness/barrier.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { openFront } from './front.ts';

const HOST = 'Host: a.example\r\n';
const get = (path: string): string => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`;

test('node: an empty chunked body is ended on the fresh connection of a retry, too', async (t) => {
  const origin = await RawOrigin.start(async (connection, index) => {
    await connection.readRequest(60_000);
    await connection.send(OK_REPLY);
    if (index > 0) return;
    await connection.untilText('PUT /empty', 60_000);
    connection.close();
  });
  const front = await openFront(t, 'node', origin.port);
  t.after(() => origin.close());
  const client = await connectRaw(front.port);
  t.after(() => client.close());
  await client.send(get('/warm'));
  assert.equal((await client.readReply()).status, 200);
  await client.send(`PUT /empty HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`);
  assert.equal((await client.readReply('PUT', 3000)).status, 200);
  assert.equal(origin.connections.length, 2);
});

for (const framing of ['Content-Length: 5', 'Transfer-Encoding: chunked'] as const) {
  test(`node: a body that comes while a retry waits for its connection reaches the origin whole (${framing})`, async (t) => {
    const held = new Barrier('the queued request is answered');
    const origin = await RawOrigin.start(async (connection, index) => {
      for (let served = 0; ; served++) {
        if (index === 0 && served === 1) {
          await connection.untilText('PUT /up', 60_000);
          await waitFor('the other waits', () => front.gateway.inFlight === 2);
          connection.close();
          return;
        }
        const request = await connection.readRequest(60_000).catch(() => undefined);
        if (request === undefined) return;
        if (request.target === '/queued') await held.wait(20_000);
        await connection.send(OK_REPLY);
      }
    });
    const front = await openFront(t, 'node', origin.port, { upstream: { pool: { maxConnections: 1 } } });
    t.after(() => origin.close());
    const [client, other] = [await connectRaw(front.port), await connectRaw(front.port)];
    t.after(() => [client, other].map((each) => each.close()));
    await client.send(get('/warm'));
    assert.equal((await client.readReply()).status, 200);
    await client.send(`PUT /up HTTP/1.1\r\n${HOST}${framing}\r\n\r\n`);
    await origin.connections[0]?.untilText('PUT /up');
    await other.send(get('/queued'));
    await waitFor('the queued request is at the origin', () => held.arrived === 1);
    await client.send(framing.startsWith('C') ? 'hello' : '5\r\nhello\r\n0\r\n\r\n');
    await new Promise((resolve) => setTimeout(resolve, 50));
    held.open();
    assert.equal((await client.readReply('PUT', 3000)).status, 200);
    assert.match(origin.text, /PUT \/up[\s\S]*hello/);
  });
}
