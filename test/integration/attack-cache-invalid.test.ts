import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { purge } from '../../src/runtime/purge.ts';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CachedFront, hostCache, openCached } from './cached-front.ts';

/** Something stored is made invalid while the origin is asked about it, and the origin does not answer: what is old is no answer any more. */

const OLD = 'old '.repeat(3);
const FIRST = `HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nAge: 5\r\nETag: "a"\r\nContent-Length: ${OLD.length}\r\n\r\n${OLD}`;
const ERROR = 'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\n';
const DONE = 'HTTP/1.1 204 No Content\r\n\r\n';

type Scene = {
  readonly front: CachedFront;
  readonly origin: RawOrigin;
  readonly open: () => void;
  readonly ask: (method?: string) => Promise<Reply>;
};

/** An origin that fails whatever asks about what it gave first, when it is told to. */
async function openScene(t: TestContext, failure: 'error' | 'slow error' | 'reset', isCollapsing: boolean): Promise<Scene> {
  const gate = Promise.withResolvers<void>();
  const origin = await RawOrigin.answering(async ({ method }, index, connection) => {
    if (method === 'POST') return DONE;
    if (index === 0) return FIRST;
    if (failure === 'slow error') await connection.send(ERROR);
    await gate.promise;
    if (failure === 'reset') connection.reset();
    return failure === 'reset' ? undefined : failure === 'slow error' ? 'fail' : `${ERROR}fail`;
  });
  t.after(() => origin.close());
  const front = await openCached(t, origin.url, {
    cache: { staleIfError: '1h' },
    host: hostCache(16 * 2 ** 20, isCollapsing),
    route: { collapse: isCollapsing },
  });
  // However slow this machine is, the error's body comes last.
  front.gateway.skippedBodyMs = 60_000;
  const ask = (method = 'GET'): Promise<Reply> => {
    const length = method === 'POST' ? 'Content-Length: 0\r\n' : '';
    return askOnce(front.port, `${method} /a HTTP/1.1\r\nHost: a.example\r\n${length}\r\n`);
  };
  assert.equal((await ask()).text, OLD);
  return { front, origin, open: gate.resolve, ask };
}

const INVALIDATIONS: readonly (readonly [name: string, run: (scene: Scene) => Promise<unknown>])[] = [
  ['a write', ({ ask }) => ask('POST')],
  ...(['url', 'prefix', 'all'] as const).map(
    (kind) =>
      [
        `a purge (${kind})`,
        ({ front }: Scene) => {
          const { store, epochs } = front.caching;
          return purge(
            { kind, what: 'http://a.example/a', isSoft: false },
            { stores: [store], epochs, policies: front.gateway.cachePolicies, ports: [] },
          );
        },
      ] as const,
  ),
];

for (const isCollapsing of [true, false]) {
  for (const failure of ['error', 'slow error', 'reset'] as const) {
    test(`${isCollapsing ? 'collapsing' : 'alone'}, ${failure}: what was made invalid meanwhile is not served in its place`, async (t) => {
      for (const [name, invalidate] of INVALIDATIONS) {
        const scene = await openScene(t, failure, isCollapsing);
        const count = failure === 'slow error' ? 1 : 3;
        const asked = Array.from({ length: count }, () => scene.ask());
        await waitFor('all are here', () => scene.front.gateway.inFlight === count && scene.origin.requests.length > 1);
        await invalidate(scene);
        scene.open();
        const replies = await Promise.all(asked);
        assert.deepEqual(
          replies.map(({ status }) => status),
          asked.map(() => (failure === 'reset' ? 502 : 503)),
          name,
        );
        assert.deepEqual(scene.front.caching.store.verify(), []);
      }
    });
  }
}

test('what was not is', async (t) => {
  for (const failure of ['error', 'slow error', 'reset'] as const) {
    const scene = await openScene(t, failure, true);
    const count = failure === 'slow error' ? 1 : 3;
    const asked = Array.from({ length: count }, () => scene.ask());
    await waitFor('all are here', () => scene.front.gateway.inFlight === count && scene.origin.requests.length > 1);
    scene.open();
    for (const reply of await Promise.all(asked)) assert.equal(reply.text, OLD);
  }
});

test('an error whose body stands still keeps nobody waiting for what is served in its place', async (t) => {
  for (const start of ['', 'f']) {
    const origin = await RawOrigin.answering(async (_, index, connection) => {
      if (index === 0) return FIRST;
      await connection.send(`${ERROR}${start}`);
      return undefined;
    });
    t.after(() => origin.close());
    const front = await openCached(t, origin.url, { cache: { staleIfError: '1h' }, host: hostCache(16 * 2 ** 20, true) });
    const ask = (): Promise<Reply> => askOnce(front.port, 'GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n', 5000);
    for (let i = 0; i < 3; i++) assert.equal((await ask()).text, OLD);
    await waitFor('nothing is under way', () => front.gateway.inFlight === 0 && front.gateway.waits.size === 0);
    assert.equal(origin.requests.length, 3);
    assert.equal(front.counted('sluice_cache_requests_total', 'stale'), 2);
  }
});
