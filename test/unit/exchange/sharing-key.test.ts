import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BodyCollector } from '../../../src/exchange/body-collector.ts';
import { Caching } from '../../../src/exchange/caching.ts';
import { sharingKey } from '../../../src/exchange/sharing-key.ts';
import type { SharingPlan } from '../../../src/exchange/sharing-plan.ts';
import { createEpochs, Epochs } from '../../../src/shm/epochs.ts';
import { createFlights } from '../../../src/shm/flight-cells.ts';
import { Flights } from '../../../src/shm/flights.ts';
import { createObjectStore, ObjectStore } from '../../../src/shm/object-store.ts';
import { benchOf } from './exchange-bench.ts';
import { sharingOf } from './sharing-fixture.ts';

const SEED = Buffer.from('seed of the test');
const caching = new Caching({
  store: new ObjectStore(createObjectStore({ bytes: 4 * 2 ** 20, participants: 1, seed: SEED }), 0),
  epochs: new Epochs(createEpochs(SEED)),
  disk: undefined,
  flights: new Flights(createFlights({ slots: 64, participants: 1, seed: SEED }), 0),
});

type Asked = { readonly method: string; readonly target: string; readonly fields: readonly string[]; readonly body: string };
type Rules = { readonly key?: string[]; readonly forwardCredentials?: boolean; readonly name?: string };

function planFor({ key, name = 'all' }: Rules): SharingPlan {
  return sharingOf(caching, { methods: ['GET', 'POST'], ...(key === undefined ? {} : { key }) }, name);
}

/** Keys of any number of requests of one route. */
function keysBy(rules: Rules): (asked: Asked) => string {
  const sharing = planFor(rules);
  const bench = benchOf({ upstream: { forwardCredentials: rules.forwardCredentials ?? true } });
  return ({ method, target, fields, body }) => {
    const { exchange, begin } = bench.again();
    begin(`${method} ${target} HTTP/1.1`, 'Host: a.example', ...fields, `Content-Length: ${body.length}`);
    const collector = new BodyCollector(exchange, 1000, () => {});
    collector.take(Buffer.from(body, 'latin1'));
    collector.end();
    const key = sharingKey(exchange, sharing, { collector, isRepeatable: method !== 'POST' });
    exchange.onClientGone();
    return key;
  };
}

const GET: Asked = { method: 'GET', target: '/a', fields: [], body: '' };

test('whole requests have one key if and only if they are the same', () => {
  const keyOf = keysBy({});
  const asked = fc.record({
    method: fc.constantFrom('GET', 'POST'),
    target: fc.constantFrom('/', '/a', '/a?b', '/a?b=1'),
    fields: fc.subarray(['A: 1', 'B: 2', 'A: 1, 2', 'B:  2', 'Accept: a', 'Cookie: a', 'Authorization: a']),
    body: fc.constantFrom('', 'x', 'y', 'xy'),
  });
  const sameAs = ({ method, target, fields, body }: Asked): string =>
    JSON.stringify([method, target, fields.map((line) => line.replace(':  ', ': ')), body]);
  fc.assert(
    fc.property(asked, asked, (a, b) => assert.equal(keyOf(a) === keyOf(b), sameAs(a) === sameAs(b))),
    { numRuns: 300 },
  );
});

test('each rule of what counts', () => {
  const rows: [rules: Rules, a: Partial<Asked>, b: Partial<Asked>, isOne: boolean][] = [
    // Of all fields.
    [{}, { fields: ['X-Forwarded-For: 1.2.3.4'] }, {}, true],
    [{}, { fields: ['traceparent: a'] }, { fields: ['traceparent: b'] }, true],
    [{}, { fields: ['User-Agent: a'] }, { fields: ['User-Agent: b'] }, false],
    [{}, { fields: ['Connection: x-a', 'X-A: 1'] }, { fields: ['Connection: x-a', 'X-A: 2'] }, true],
    [{}, { fields: ['x-a: 1'] }, { fields: ['X-A: 1'] }, true],
    // By name alone.
    [{ key: ['url'] }, { fields: ['User-Agent: a', 'X-A: 1'] }, {}, true],
    [{ key: ['url'] }, { fields: ['Accept-Encoding: gzip'] }, {}, false],
    [{ key: ['url'] }, { fields: ['Range: bytes=0-'] }, {}, false],
    [{ key: ['url', 'x-a'] }, { fields: ['X-A: 1'] }, {}, false],
    [{ key: ['url', 'x-forwarded-for'] }, { fields: ['X-Forwarded-For: 1.2.3.4'] }, {}, false],
    [{ key: ['url'] }, { target: '/b' }, {}, false],
    [{ key: ['body'] }, { target: '/b' }, {}, true],
    [{ key: ['url'] }, { body: 'a' }, { body: 'b' }, true],
    [{ key: ['url', 'body'] }, { body: 'a' }, { body: 'b' }, false],
    // Whoever asks counts always, as far as the upstream is told.
    [{ key: ['url'] }, { fields: ['Cookie: a'] }, { fields: ['Cookie: b'] }, false],
    [{ key: ['url'] }, { fields: ['X-Api-Key: a'] }, { fields: ['X-Api-Key: b'] }, false],
    [{ key: ['url'], forwardCredentials: false }, { fields: ['Cookie: a', 'Authorization: a'] }, {}, true],
    [{ forwardCredentials: false }, { fields: ['Cookie: a', 'Authorization: a'] }, {}, true],
    [{ key: ['url', 'cookie'], forwardCredentials: false }, { fields: ['Cookie: a'] }, {}, false],
    // Methods.
    [{ key: ['url'] }, { method: 'HEAD' }, {}, false],
    [{ key: ['url'] }, { method: 'OPTIONS' }, {}, true],
    [{ key: ['url'] }, { method: 'POST' }, {}, false],
    [{ key: ['method', 'url'] }, { method: 'OPTIONS' }, {}, false],
  ];
  for (const [rules, a, b, isOne] of rows) {
    const keyOf = keysBy(rules);
    assert.equal(keyOf({ ...GET, ...a }) === keyOf({ ...GET, ...b }), isOne, JSON.stringify([rules, a, b]));
  }
});

test('routes have keys of their own, which show nothing of what they are made of', () => {
  const keys = ['all', 'other'].map((name) => keysBy({ name })({ ...GET, fields: ['Authorization: secret'] }));
  assert.notEqual(keys[0], keys[1]);
  for (const key of keys) assert.match(key, /^\nD\n[\w-]{43}$/);
});
