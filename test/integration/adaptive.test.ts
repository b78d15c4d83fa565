import assert from 'node:assert/strict';
import { createServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Ends its thread. */
const FILTER = `import { defineFilter } from 'sluice';
export default defineFilter({ request(): void { process.exit(1); } });
`;

const configFor = (port: number): string => `admin: "127.0.0.1:0"
listeners: ["127.0.0.1:0"]
upstreams:
  o: { endpoints: ["http://127.0.0.1:${port}"], adaptive: { minLimit: 10, maxLimit: 10 } }
consumers: { from: [{ apiKey: { header: X-API-Key } }], list: [{ name: vip, keys: [key-of-gold], tier: gold }] }
tiers: { gold: { limits: [1000000/1h], shed: high }, rest: { limits: [1000000/1h] } }
routes:
  - { name: die, match: "/die", upstream: o, filters: ["./die.ts"] }
  - { name: high, match: "/high", upstream: o, shed: high }
  - { name: low, match: "/low", upstream: o, shed: { priority: low }, tiers: { plan: [gold, rest], default: rest } }
  - { name: all, match: "/*", upstream: o }
`;

type Answer = { readonly status: number; readonly fields: IncomingMessage['headers']; readonly body: string };

class Scene {
  readonly sluice: SluiceProcess;
  readonly waiting: (() => void)[];
  readonly originPort: number;

  private constructor(sluice: SluiceProcess, waiting: (() => void)[], originPort: number) {
    this.sluice = sluice;
    this.waiting = waiting;
    this.originPort = originPort;
  }

  /** Two workers before an origin that answers when it is told. */
  static async open(t: TestContext): Promise<Scene> {
    const waiting: (() => void)[] = [];
    const origin = createServer((_, response) => waiting.push(() => response.end('done')));
    t.after(() => {
      origin.closeAllConnections();
      origin.close();
    });
    await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve));
    const { port } = origin.address() as AddressInfo;
    const config = configFor(port);
    const sluice = await SluiceProcess.start({ config, files: { 'die.ts': FILTER }, env: { SLUICE_WORKERS: '2', SLUICE_LOG: 'info' } });
    t.after(() => sluice.stop());
    return new Scene(sluice, waiting, port);
  }

  /** Each on a connection of its own, so that both workers have some. */
  ask(path: string, count: number, headers: Readonly<Record<string, string>> = {}): Promise<Answer>[] {
    return Array.from({ length: count }, () => ask(`http://127.0.0.1:${this.sluice.port}${path}`, headers));
  }

  async held(count: number): Promise<void> {
    await waitFor(`${count} requests at the origin`, () => (this.waiting.length === count ? true : undefined));
  }

  answer(): void {
    for (const end of this.waiting.splice(0)) end();
  }

  async metric(line: string): Promise<number> {
    const text = await (await fetch(new URL('/metrics', this.sluice.addresses.at(-1)))).text();
    return Number(
      text
        .split('\n')
        .find((one) => one.startsWith(`${line} `))
        ?.split(' ')[1] ?? Number.NaN,
    );
  }
}

function ask(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, fields: response.headers, body }));
    }).on('error', reject);
  });
}

const statuses = async (answers: readonly Promise<Answer>[]): Promise<number[]> => (await Promise.all(answers)).map(({ status }) => status);

test('over all workers an upstream has as many requests as its limit, the lowest priority is shed first, and with a 503 that says so', async (t) => {
  const scene = await Scene.open(t);
  const low = scene.ask('/low', 7);
  await scene.held(7);
  assert.deepEqual(await statuses(scene.ask('/low', 4)), [503, 503, 503, 503]);
  const normal = scene.ask('/', 2);
  await scene.held(9);
  assert.deepEqual(await statuses(scene.ask('/', 3)), [503, 503, 503]);
  // The tier of who asks goes before the route.
  const high = scene.ask('/low', 1, { 'X-API-Key': 'key-of-gold' });
  await scene.held(10);
  const [shed] = await Promise.all(scene.ask('/high', 1));
  assert.equal(shed?.status, 503);
  assert.equal(shed?.fields['retry-after'], '1');
  assert.equal(shed?.fields['proxy-status'], 'sluice; error=connection_limit_reached');
  assert.equal(JSON.parse(shed?.body ?? '').type, 'urn:sluice:problem:upstream-overloaded');
  assert.equal(await scene.metric('sluice_adaptive_in_flight{upstream="o"}'), 10);
  assert.equal(await scene.metric('sluice_adaptive_limit{upstream="o"}'), 10);
  assert.equal(await scene.metric('sluice_adaptive_shed_total{upstream="o",priority="low"}'), 4);
  scene.answer();
  assert.deepEqual(new Set(await statuses([...low, ...normal, ...high])), new Set([200]));
  assert.equal(await scene.metric('sluice_adaptive_in_flight{upstream="o"}'), 0);
});

test('a reload that takes the tiers of a route away takes their priority away too, from connections that are open', async (t) => {
  const scene = await Scene.open(t);
  const clients = await Promise.all(Array.from({ length: 4 }, () => connectRaw(scene.sluice.port)));
  t.after(() => {
    for (const client of clients) client.close();
  });
  const request = 'GET /low HTTP/1.1\r\nHost: a\r\nX-API-Key: key-of-gold\r\n\r\n';
  for (const client of clients) await client.send(request);
  await scene.held(4);
  scene.answer();
  for (const client of clients) assert.equal((await client.readReply()).status, 200);
  scene.sluice.writeConfig(configFor(scene.originPort).replace(', tiers: { plan: [gold, rest], default: rest }', ''));
  scene.sluice.signal('SIGHUP');
  await scene.sluice.untilOutput('reload ended');
  const low = scene.ask('/low', 7);
  await scene.held(7);
  for (const client of clients) await client.send(request);
  for (const client of clients) assert.equal((await client.readReply()).status, 503);
  scene.answer();
  await Promise.all(low);
});

test('clients that leave and a worker that dies leave no place taken', async (t) => {
  const scene = await Scene.open(t);
  const leaver = get(`http://127.0.0.1:${scene.sluice.port}/`, { agent: false });
  leaver.on('error', () => {});
  await scene.held(1);
  leaver.destroy();
  const dropped = scene.ask('/', 8).map((answer) => answer.catch(() => undefined));
  await scene.held(9);
  await ask(`http://127.0.0.1:${scene.sluice.port}/die`).catch(() => undefined);
  await waitFor('a successor', async () => ((await scene.metric('sluice_worker_restarts_total{reason="exit"}')) >= 1 ? true : undefined));
  scene.answer();
  await Promise.all(dropped);
  await waitFor('no place is taken', async () =>
    (await scene.metric('sluice_adaptive_in_flight{upstream="o"}')) === 0 ? true : undefined,
  );
});
