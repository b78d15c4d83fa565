import { makeNumbers } from '../../../src/base/numbers.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileCachePolicy } from '../../../src/cache/policy.ts';
import { encodeMeta } from '../../../src/cache/stored.ts';
import { FLAG_STALE } from '../../../src/cache/numbers.ts';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';
import { upstreamLine } from '../../../src/exchange/split.ts';
import type { EventLog } from '../../../src/observe/log.ts';
import { runPurge } from '../../../src/runtime/cache-commands.ts';
import { CacheMemory } from '../../../src/runtime/cache-memory.ts';
import type { CacheSegments } from '../../../src/runtime/messages.ts';
import { purge } from '../../../src/runtime/purge.ts';
import { Epochs } from '../../../src/shm/epochs.ts';
import { Flights } from '../../../src/shm/flights.ts';
import { ObjectStore } from '../../../src/shm/object-store.ts';
import type { StoredObject } from '../../../src/shm/stored-object.ts';

function config(cache: boolean, top = 'cacheMemory: 8MiB'): GatewayConfig {
  const text = `${top}\nupstreams: { a: http://a }\nroutes: [{ name: site, upstream: a, cache: ${cache} }]`;
  const result = loadConfig(text, { fileName: 'sluice.yaml', env: {} });
  return result.kind === 'ok' ? result.config : assert.fail();
}

/** Keeps what was said. */
function listener(): { readonly log: EventLog; readonly said: string[] } {
  const said: string[] = [];
  const say = (text: string, facts?: object): void => void said.push(`${text} ${JSON.stringify(facts)}`);
  return { log: { info: say, warn: say, error: say }, said };
}

function segmentsOf(prepared: CacheSegments | string | undefined): CacheSegments {
  assert.ok(typeof prepared === 'object', String(prepared));
  return prepared;
}

function objectsIn(memory: CacheMemory): number | undefined {
  return memory.stats?.objects;
}

/** As a worker would: an object under the key of a GET of this URL. */
function put(store: ObjectStore, url: string, tags: readonly string[] = [], beside = ''): StoredObject {
  const meta = encodeMeta({
    uri: url,
    vary: [],
    tags,
    groups: [],
    entityTag: '',
    lastModified: '',
    noVarySearch: '',
    head: 'HTTP/1.1 200 OK\r\n\r\n',
  });
  const fill = store.begin({ key: `site\nG\n${url}\n${beside}`, meta, numbers: makeNumbers(), expectedBytes: 4 });
  assert.ok(fill !== undefined);
  assert.ok(fill.write(Buffer.from('body')));
  const object = fill.publish([]);
  assert.ok(object !== undefined);
  return object;
}

test('memory is made when a plan first caches, kept while its size is, and made anew when that changes', () => {
  const { log, said } = listener();
  const memory = new CacheMemory(4, log);
  assert.equal(memory.prepare(config(false)), undefined);
  assert.equal(objectsIn(memory), undefined);
  const first = segmentsOf(memory.prepare(config(true)));
  memory.settle(first);
  assert.equal(memory.prepare(config(true)), first);
  put(new ObjectStore(first.store, 0), 'http://a/');
  assert.equal(objectsIn(memory), 1);
  const second = segmentsOf(memory.prepare(config(true, 'cacheMemory: 16MiB')));
  assert.notEqual(second.id, first.id);
  assert.equal(second.epochs, first.epochs);
  assert.ok(second.store.byteLength <= 16 * 2 ** 20);
  // Until the reload is over workers may serve from either.
  assert.equal(memory.stores.length, 2);
  memory.settle(second);
  assert.equal(memory.stores.length, 1);
  assert.equal(objectsIn(memory), 0);
  memory.settle(undefined);
  assert.equal(objectsIn(memory), undefined);
  assert.deepEqual(said, [
    'cache begins empty {"bytes":8388608,"cause":"a route caches or dedupes"}',
    'cache begins empty {"bytes":16777216,"cause":"cacheMemory changed"}',
  ]);
  memory.close();
});

test('a plan that was refused leaves the memory of the one in force', () => {
  const memory = new CacheMemory(4, listener().log);
  const first = segmentsOf(memory.prepare(config(true)));
  memory.settle(first);
  segmentsOf(memory.prepare(config(true, 'cacheMemory: 16MiB')));
  memory.settle(first);
  assert.equal(memory.stats?.limitBytes, 8 * 2 ** 20);
  assert.equal(memory.prepare(config(true)), first);
  memory.close();
});

test('memory that cannot be had, and workers that are too many, are told and no crash', () => {
  const memory = new CacheMemory(4, listener().log);
  const huge = { ...config(true), cacheMemoryBytes: 2 ** 60 };
  assert.match(String(memory.prepare(huge)), /^cacheMemory: 1048576TiB cannot be had: /);
  memory.close();
  const crowded = new CacheMemory(202, listener().log);
  assert.match(String(crowded.prepare({ ...config(true), workers: 101 })), /^cache: not with 101 workers, 100 at most$/);
  crowded.close();
});

test('what a dead worker held is given back, and told once', () => {
  const { log, said } = listener();
  const memory = new CacheMemory(4, log);
  const segments = segmentsOf(memory.prepare(config(true)));
  const dead = new ObjectStore(segments.store, 1);
  const object = put(dead, 'http://a/');
  assert.ok(dead.pin(object));
  assert.ok(dead.claim(object, 1));
  assert.ok(dead.begin({ key: 'k', meta: '', numbers: makeNumbers(), expectedBytes: 10 }));
  assert.equal(memory.recover(1), true);
  assert.equal(memory.recover(1), true);
  assert.equal(said.at(-1), 'cache repaired after a worker {"worker":1,"brokeLock":false,"fills":1,"pins":1,"claims":1}');
  assert.equal(said.length, 2);
  const other = new ObjectStore(segments.store, 2);
  const [found] = memory.stores.flatMap((store) => store.open(store.find(object.key)) ?? []);
  assert.ok(found !== undefined && other.claim(found, 1));
  assert.deepEqual(memory.stores[0]?.verify(), []);
  memory.close();
});

test('a flight that a dead worker led is free for one of its followers', () => {
  const memory = new CacheMemory(4, listener().log);
  const { flights } = segmentsOf(memory.prepare(config(true)));
  const leader = new Flights(flights, 1);
  const follower = new Flights(flights, 2);
  assert.equal(leader.enter('k', 1).kind, 'lead');
  const ticket = follower.enter('k', 1);
  assert.equal(follower.look(ticket), 'leading');
  memory.recover(1);
  assert.equal(follower.look(ticket), 'failed');
  assert.ok(follower.takeOver(ticket));
  memory.close();
});

test('a route that only keeps records has no memory made', () => {
  const memory = new CacheMemory(4, listener().log);
  const withDedupe = (dedupe: string): GatewayConfig => {
    const text = `store: ./data\nupstreams: { a: http://a }\nroutes: [{ upstream: a, dedupe: ${dedupe} }]`;
    const result = loadConfig(text, { fileName: 'sluice.yaml', env: {} });
    return result.kind === 'ok' ? result.config : assert.fail();
  };
  assert.equal(memory.prepare(withDedupe('{ idempotencyKey: true }')), undefined);
  memory.close();
});

test('purges go through all stores, and count what they took', async () => {
  const memory = new CacheMemory(4, listener().log);
  const stores = [config(true), config(true, 'cacheMemory: 16MiB')].map(
    (plan) => new ObjectStore(segmentsOf(memory.prepare(plan)).store, 0),
  );
  const { cache } = config(true).routes[0] ?? {};
  assert.ok(cache !== undefined && memory.epochs instanceof Epochs);
  const place = { stores: memory.stores, epochs: memory.epochs, policies: [compileCachePolicy('site', cache)], ports: [] };
  const order = (kind: 'url' | 'prefix' | 'tag' | 'all', what: string, isSoft = false) => purge({ kind, what, isSoft }, place);
  const fill = (): void => {
    for (const store of stores) for (let i = 0; i < 2500; i++) put(store, `http://a/${i}`, [i % 2 === 0 ? 'even' : 'odd']);
  };
  fill();
  assert.equal(await order('url', 'http://a/7'), 2);
  assert.equal(await order('url', 'http://a/7'), 0);
  assert.equal(await order('prefix', '/24'), 2 * 111);
  assert.equal(await order('tag', 'even', true), 2 * (1250 - 56));
  const even = stores[0]?.open(stores[0].find('site\nG\nhttp://a/0\n'));
  assert.ok(even !== undefined && stores[0]?.flagsOf(even) === FLAG_STALE);
  assert.equal(await order('tag', 'odd'), 2 * (1250 - 55 - 1));
  assert.equal(await order('all', ''), 2 * (1250 - 56));
  for (const store of stores) assert.deepEqual([store.stats().objects, store.verify()], [0, []]);
  memory.close();
});

test('a purge of a URL takes what each upstream of a split route has answered to it', async () => {
  const text = 'cacheMemory: 8MiB\nupstreams: { a: http://a, b: http://b }\nroutes: [{ name: site, upstream: [a, b], cache: true }]';
  const result = loadConfig(text, { fileName: 'sluice.yaml', env: {} });
  assert.ok(result.kind === 'ok');
  const { log } = listener();
  const memory = new CacheMemory(4, log);
  const store = new ObjectStore(segmentsOf(memory.prepare(result.config)).store, 0);
  for (const upstream of ['a', 'b']) for (const path of ['x', 'y']) put(store, `http://h/${path}`, [], upstreamLine(upstream));
  const scene = { cache: memory, disk: undefined, config: result.config, log, count: () => {} };
  assert.deepEqual(await runPurge({ url: 'http://h/x' }, scene), { kind: 'ok', purged: 2 });
  assert.equal(objectsIn(memory), 2);
  memory.close();
});

test('a purge of a large store leaves turns of the loop to others', async () => {
  const memory = new CacheMemory(2, listener().log);
  const store = new ObjectStore(segmentsOf(memory.prepare(config(true, 'cacheMemory: 64MiB'))).store, 0);
  for (let i = 0; i < 20_000; i++) put(store, `http://a/${i}`);
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  assert.ok(memory.epochs !== undefined);
  assert.equal(
    await purge(
      { kind: 'prefix', what: '/none', isSoft: false },
      { stores: memory.stores, epochs: memory.epochs, policies: [], ports: [] },
    ),
    0,
  );
  clearInterval(timer);
  assert.ok(turns > 5, `${turns} turns`);
  memory.close();
});
