import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { Barrier } from '../harness/barrier.ts';
import { connectRaw } from '../harness/raw-client.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';

const BODY = Buffer.alloc(300_000, 'what is shared ');
const SUM = createHash('sha256').update(BODY).digest('hex');
const HALF = 150_000;
const CLIENTS = 12;
/** Ends its thread, and says which one. */
const FILTER = `import { defineFilter } from 'sluice';
export default defineFilter({ request(): void { process.exit(1); } });
`;

/** Sends half of an answer and waits; asked for the rest, it sends the rest. */
class HalvingOrigin {
  readonly rest = new Barrier('the rest');
  readonly asked: string[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  async open(t: TestContext): Promise<number> {
    t.after(() => {
      this.#server.closeAllConnections();
      this.#server.close();
    });
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  async #answer({ headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const range = headers.range ?? '';
    this.asked.push(range);
    response.on('error', () => {});
    response.setHeader('cache-control', 'max-age=3600');
    response.setHeader('etag', '"one"');
    const from = Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0);
    response.statusCode = from === 0 ? 200 : 206;
    if (from > 0) response.setHeader('content-range', `bytes ${from}-${BODY.length - 1}/${BODY.length}`);
    response.setHeader('content-length', BODY.length - from);
    if (from === 0) {
      response.write(BODY.subarray(0, HALF));
      await this.rest.wait();
    }
    response.end(BODY.subarray(Math.max(from, from === 0 ? HALF : from)));
  }
}

/** A whole answer, or one that was cut: never less with a good end. */
async function outcomeOf(client: RawPeer): Promise<'whole' | 'cut'> {
  await client.until('an end', (peer) => peer.isEnded || peer.receivedBytes > BODY.length + 100, 30_000);
  if (client.receivedBytes <= BODY.length) return 'cut';
  const reply = await client.readReply();
  assert.equal(createHash('sha256').update(reply.body).digest('hex'), SUM);
  return 'whole';
}

test('a worker that dies in mid-body, leading or following, costs no client of another worker anything', async (t) => {
  const origin = new HalvingOrigin();
  const port = await origin.open(t);
  const config = `admin: "127.0.0.1:0"
listeners: ["127.0.0.1:0"]
upstreams: { o: "http://127.0.0.1:${port}" }
routes:
  - { name: die, match: "/die", upstream: o, filters: ["./die.ts"] }
  - { name: site, match: "/*", upstream: o, cache: true }
`;
  const sluice = await SluiceProcess.start({ config, files: { 'die.ts': FILTER }, env: { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' } });
  t.after(() => sluice.stop());
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connectRaw(sluice.port)));
  for (const client of clients) await client.send('GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await waitFor('all have half of it', () => clients.every((client) => client.receivedBytes > HALF), 30_000);
  assert.deepEqual(origin.asked, ['']);
  const killer = await connectRaw(sluice.port);
  await killer.send('GET /die HTTP/1.1\r\nHost: a.example\r\n\r\n');
  await killer.untilEnd(30_000);
  origin.rest.open();
  const outcomes = await Promise.all(clients.map(outcomeOf));
  const cut = outcomes.filter((outcome) => outcome === 'cut').length;
  // Those of the dead worker were cut with it; connections are spread by a hash, so how many there are is chance.
  assert.ok(cut < CLIENTS, `${cut} of ${CLIENTS} were cut`);
  assert.ok(origin.asked.length <= 2, origin.asked.join());
  for (const range of origin.asked.slice(1)) assert.equal(range, `bytes=${HALF}-`);
});
