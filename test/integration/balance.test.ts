import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { STATE_FLAG, WORD } from '../../src/upstream/endpoint-memory.ts';
import { type ConfiguredFront, openConfigured } from './configured-front.ts';

type Scene = {
  readonly front: ConfiguredFront;
  readonly origins: readonly RawOrigin[];
  readonly ask: (path?: string, ...fields: readonly string[]) => Promise<Reply>;
  /** Lets all that wait be answered, and all that come. */
  readonly release: () => void;
};

type SceneOptions = {
  readonly balance?: unknown;
  readonly upstream?: object;
  readonly endpoints?: readonly object[];
  readonly config?: object;
  /** Endpoints that answer only after `release`. */
  readonly slow?: readonly number[];
};

/** Endpoints whose answers have their number for a body; a client is believed about its address. */
async function openBalanced(t: TestContext, count: number, options: SceneOptions = {}): Promise<Scene> {
  const { balance, upstream = {}, endpoints = [], config = {}, slow = [] } = options;
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const answerOf = (i: number): string => `HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n${i}`;
  const answers = async (i: number): Promise<string> => {
    if (slow.includes(i)) await released;
    return answerOf(i);
  };
  const origins = await Promise.all(Array.from({ length: count }, (_, i) => RawOrigin.answering(() => answers(i))));
  t.after(() => Promise.all(origins.map((origin) => origin.close())));
  t.after(() => release());
  const input = {
    listeners: [{ name: 'web', listen: '127.0.0.1:0', trustedProxies: ['127.0.0.1/32'] }],
    upstreams: {
      o: { endpoints: origins.map(({ url }, i) => ({ url, ...endpoints[i] })), ...(balance === undefined ? {} : { balance }), ...upstream },
    },
    routes: [{ name: 'all', match: '/*', upstream: 'o' }],
    ...config,
  };
  const front = await openConfigured(t, input);
  const ask = (path = '/a', ...lines: readonly string[]): Promise<Reply> =>
    askOnce(front.port, [`GET ${path} HTTP/1.1`, 'Host: a.example', ...lines, '', ''].join('\r\n'));
  return { front, origins, ask, release: () => release() };
}

const text = (reply: Reply): string => reply.body.toString();

const KEYED: readonly (readonly [key: unknown, fieldsOf: (who: number) => readonly string[], path?: (who: number) => string])[] = [
  [{ header: 'X-User' }, (who) => [`X-User: u${who}`]],
  [{ cookie: 'session' }, (who) => [`Cookie: a=b; session=s${who}`]],
  ['ip', (who) => [`X-Forwarded-For: 192.0.2.${who}`]],
  ['path', () => [], (who) => `/item/${who}`],
  ['consumer', (who) => [`X-Consumer: acme-${who}`]],
];
for (const method of ['ring-hash', 'maglev']) {
  for (const [key, fieldsOf, pathOf = () => '/a'] of KEYED) {
    test(`${method} by ${JSON.stringify(key)}: who comes again comes to the same endpoint, and all endpoints are used`, async (t) => {
      const config = { consumers: { from: [{ header: 'X-Consumer' }] } };
      const { ask } = await openBalanced(t, 3, { balance: { method, key }, ...(key === 'consumer' ? { config } : {}) });
      const homes = new Set<string>();
      for (let who = 1; who <= 16; who++) {
        const home = text(await ask(pathOf(who), ...fieldsOf(who)));
        homes.add(home);
        for (let i = 0; i < 2; i++)
          assert.equal(text(await ask(`${pathOf(who)}?q=${i}`, ...fieldsOf(who), 'X-Other: 1')), home, `client ${who}`);
      }
      assert.deepEqual([...homes].sort(), ['0', '1', '2']);
    });
  }
}

test('a request without what the key names goes by its address', async (t) => {
  const { ask } = await openBalanced(t, 3, { balance: { method: 'maglev', key: { header: 'X-User' } } });
  const homes = new Map<number, string>();
  for (let who = 1; who <= 12; who++) homes.set(who, text(await ask('/a', `X-Forwarded-For: 192.0.2.${who}`)));
  assert.ok(new Set(homes.values()).size > 1);
  for (const [who, home] of homes) assert.equal(text(await ask('/b', `X-Forwarded-For: 192.0.2.${who}`, 'X-User:')), home);
});

test('a key that everybody asks for fills no endpoint above its bound', async (t) => {
  const { ask, origins, release } = await openBalanced(t, 3, { balance: { method: 'ring-hash', key: 'path' }, slow: [0, 1, 2] });
  const replies = Array.from({ length: 12 }, () => ask('/hot'));
  const inFlight = (): number[] => origins.map(({ requests }) => requests.length);
  await waitFor('all are at the origins', () => inFlight().reduce((sum, count) => sum + count, 0) === 12);
  assert.ok(Math.max(...inFlight()) <= Math.ceil((1.25 * 12) / 3), `${inFlight()}`);
  release();
  for (const reply of await Promise.all(replies)) assert.equal(reply.status, 200);
  const home = text(await ask('/hot'));
  for (let i = 0; i < 3; i++) assert.equal(text(await ask('/hot')), home, 'idle again, it is at home');
});

test('without a bound a key stays with its endpoint however many ask for it', async (t) => {
  const { ask, origins, release } = await openBalanced(t, 3, {
    balance: { method: 'maglev', key: 'path', boundedLoad: 0 },
    slow: [0, 1, 2],
  });
  const replies = Array.from({ length: 12 }, () => ask('/hot'));
  await waitFor('all are at one origin', () => origins.some(({ requests }) => requests.length === 12));
  release();
  await Promise.all(replies);
});

test('least-requests leaves an endpoint alone that does not answer, where taking turns goes on filling it', async (t) => {
  const hung = async (balance: string): Promise<number> => {
    const { ask, origins, release } = await openBalanced(t, 3, { balance, slow: [0] });
    const replies: Promise<Reply>[] = [];
    for (let i = 0; i < 30; i++) {
      const asked = origins.reduce((sum, { requests }) => sum + requests.length, 0);
      replies.push(ask());
      await waitFor('it has come', () => origins.reduce((sum, { requests }) => sum + requests.length, 0) > asked);
    }
    const count = origins[0]?.requests.length ?? 0;
    release();
    await Promise.all(replies);
    return count;
  };
  assert.equal(await hung('round-robin'), 10);
  const chosen = await hung('least-requests');
  assert.ok(chosen <= 4, `${chosen} of 30 wait at the one that hangs`);
});

test('one of three that refuses connections costs no request, whatever the method, and is asked first no more often than its turn', async (t) => {
  for (const balance of ['round-robin', 'least-requests', 'random', { method: 'maglev', key: 'path' }]) {
    const { ask, origins, front } = await openBalanced(t, 3, { balance });
    await origins[0]?.close();
    for (let i = 0; i < 30; i++) assert.equal((await ask(`/${i}`)).status, 200, JSON.stringify(balance));
    if (balance === 'round-robin') assert.equal(front.counted('sluice_upstream_retries_total'), 10);
  }
});

test('the second priority has nothing to do until the first cannot be asked', async (t) => {
  const { ask, origins } = await openBalanced(t, 3, { endpoints: [{ priority: 1 }, {}, { priority: 1 }] });
  for (let i = 0; i < 6; i++) assert.equal(text(await ask()), '1');
  await origins[1]?.close();
  for (let i = 0; i < 2; i++) assert.match(text(await ask()), /^[02]$/, 'a retry goes on to the next level');
});

test('endpoints in the zone of this host go first', async (t) => {
  const { ask, origins } = await openBalanced(t, 3, { upstream: { zone: 'a' }, endpoints: [{ zone: 'b' }, { zone: 'a' }, {}] });
  for (let i = 0; i < 6; i++) assert.equal(text(await ask()), '1');
  await origins[1]?.close();
  assert.match(text(await ask()), /^[02]$/);
});

test('a held client goes elsewhere while its endpoint is at a state in which nobody is to ask it, and comes back after it', async (t) => {
  const { ask, front } = await openBalanced(t, 3, { balance: 'random', upstream: { sticky: { secret: 'sixteen-letters!' } } });
  const first = await ask();
  const cookie = /^[^;]+/.exec(first.field('set-cookie') ?? '')?.[0] ?? assert.fail('no cookie');
  const flagged = (isSet: boolean): void => flagEndpoint(front, Number(text(first)), isSet);
  for (let i = 0; i < 3; i++) assert.equal(text(await ask('/a', `Cookie: ${cookie}`)), text(first));
  flagged(true);
  for (let i = 0; i < 3; i++) assert.notEqual(text(await ask('/a', `Cookie: ${cookie}`)), text(first));
  flagged(false);
  for (let i = 0; i < 3; i++) assert.equal(text(await ask('/a', `Cookie: ${cookie}`)), text(first));
});

/** What a health check would do. */
function flagEndpoint({ gateway }: ConfiguredFront, index: number, isSet: boolean): void {
  const cluster = gateway.upstreams.clusters.get('o');
  const slot = cluster?.targets[index]?.watch?.slot;
  const memory = cluster?.state?.memory;
  assert.ok(slot !== undefined && memory !== undefined, 'the upstream has state');
  Atomics.store(memory.words, memory.wordAt(slot, WORD.STATE), isSet ? STATE_FLAG.UNHEALTHY : 0);
  for (let service = 0; service < 8; service++) memory.raiseVersion(service);
}
