import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';

const WORKERS = 2;
const CLIENTS = 100;
const PATIENCE_MS = 30_000;
/** Ends its thread. */
const FILTER = `import { defineFilter } from 'sluice';
export default defineFilter({ request(): void { process.exit(1); } });
`;

/** Numbers its answers, and gives each when it is told. */
class HoldingOrigin {
  readonly asked: string[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #server = createServer((request, response) => this.#answer(request, response));

  async open(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** All that wait get their answers. */
  answer(): void {
    for (const answer of this.#waiting.splice(0)) answer();
  }

  #answer({ method, url }: IncomingMessage, response: ServerResponse): void {
    this.asked.push(`${method} ${url}`);
    const text = `run ${this.asked.length}`;
    response.on('error', () => {});
    this.#waiting.push(() => response.end(text));
  }
}

function configFor(port: number, rest: string): string {
  return `admin: "127.0.0.1:0"
listeners: ["127.0.0.1:0"]
upstreams: { o: "http://127.0.0.1:${port}" }
${rest}`;
}

const SHARING = `cacheMemory: 32MiB
routes:
  - { name: die, match: "/die", upstream: o, filters: ["./die.ts"] }
  - { name: all, match: "/*", upstream: o, dedupe: { methods: [GET, POST] } }
`;

const origin = new HoldingOrigin();
let originPort = 0;
let sluice: SluiceProcess;
before(async () => {
  originPort = await origin.open();
  const config = configFor(originPort, SHARING);
  sluice = await SluiceProcess.start({ config, files: { 'die.ts': FILTER }, env: { SLUICE_WORKERS: String(WORKERS), SLUICE_LOG: 'info' } });
});
after(() => sluice.stop());
after(() => origin.close());

async function reload(rest: string): Promise<void> {
  const reloads = (): number => sluice.stderr.split('reload ended').length;
  const before = reloads();
  sluice.writeConfig(configFor(originPort, rest));
  sluice.signal('SIGHUP');
  await waitFor('reloaded', () => reloads() > before, PATIENCE_MS);
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(new URL('/metrics', sluice.addresses.at(-1)))).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

/** All of them are with the workers, whose sweep tells how many there are. */
async function herd(message: string): Promise<readonly RawPeer[]> {
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connectRaw(sluice.port)));
  for (const client of clients) await client.send(message);
  await waitFor('all are here', async () => (await metric('sluice_requests_in_flight')) === CLIENTS, PATIENCE_MS);
  return clients;
}

/** `cut`, or status and text. */
async function outcomeOf(client: RawPeer): Promise<string> {
  await client.until('an answer', (peer) => peer.isEnded || peer.receivedBytes > 0, PATIENCE_MS);
  if (client.receivedBytes === 0) return 'cut';
  const { status, text } = await client.readReply('GET', PATIENCE_MS);
  return status === 200 ? `200 ${text}` : `${status} ${JSON.parse(text).type}`;
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\n\r\n`;
const post = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\namount=10`;

let deaths = 0;
beforeEach(async () => {
  origin.asked.length = 0;
  await waitFor('both workers serve', () => sluice.stderr.split('worker started').length - 1 === WORKERS + deaths, PATIENCE_MS);
});

test('two workers of a process ask once for a herd, whatever the method', async () => {
  for (const [message, text] of [
    [get('/a'), '200 run 1'],
    [post('/a'), '200 run 2'],
  ] as const) {
    const clients = await herd(message);
    origin.answer();
    assert.deepEqual(new Set(await Promise.all(clients.map(outcomeOf))), new Set([text]));
    for (const client of clients) client.close();
  }
  assert.deepEqual(origin.asked, ['GET /a', 'POST /a']);
  await waitFor('all are counted', async () => (await metric('sluice_dedupe_total')) === 2 * (CLIENTS - 1));
});

for (const message of [get('/death'), post('/death')]) {
  const isGet = message.startsWith('GET');
  test(`a worker that dies: ${isGet ? 'a GET is asked once more for those of the other' : 'no POST runs twice'}`, async () => {
    const refused = await metric('sluice_dedupe_refused_total');
    const clients = await herd(message);
    deaths += 1;
    const killer = await connectRaw(sluice.port);
    await killer.send('GET /die HTTP/1.1\r\nHost: a.example\r\n\r\n');
    await killer.untilEnd(PATIENCE_MS);
    // Where it asked for all, the others have been told, or one of them has asked; else there is nothing to wait for.
    const isSettled = async (): Promise<boolean> => origin.asked.length > 1 || (await metric('sluice_dedupe_refused_total')) > refused;
    await waitFor('it is settled', isSettled, 2000).catch(() => {});
    origin.answer();
    const outcomes = await Promise.all(clients.map(outcomeOf));
    assert.ok(isGet ? origin.asked.length <= 2 : origin.asked.length === 1, `${origin.asked.length} runs`);
    const good = isGet ? /^(?:cut|200 run \d)$/ : /^(?:cut|200 run 1|409 urn:sluice:problem:duplicate-not-answered)$/;
    for (const outcome of outcomes) assert.match(outcome, good);
    // Those of the dead worker were cut with it; connections are spread by a hash.
    assert.ok(outcomes.some((outcome) => outcome !== 'cut'));
    for (const client of clients) client.close();
  });
}

test('a reload that gives the requests another memory, or takes it away, is no matter to those under way', async () => {
  const old = await herd(get('/reload'));
  await reload(SHARING.replace('32MiB', '16MiB'));
  const next = await connectRaw(sluice.port);
  await next.send(get('/reload'));
  await waitFor('it is asked anew, in the new memory', () => origin.asked.length === 2);
  await reload('routes: [{ name: all, match: "/*", upstream: o }]');
  origin.answer();
  assert.deepEqual(new Set(await Promise.all(old.map(outcomeOf))), new Set(['200 run 1']));
  assert.equal(await outcomeOf(next), '200 run 2');
  for (const client of [...old, next]) client.close();
});
