import type { Numbers } from '../../../src/base/numbers.ts';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Admission, admit, type ExchangeTimes } from '../../../src/cache/admit.ts';
import {
  BIT_HEADERS_ONLY,
  BIT_HEURISTIC,
  BIT_MUST_REVALIDATE,
  BIT_NEGATIVE,
  BIT_NO_CACHE,
  BIT_NO_VARY_SEARCH,
  BIT_PARTIAL,
  BIT_STRONG_VALIDATOR,
  BIT_VALIDATOR,
  BIT_VARY,
  N_BITS,
  N_COMPLETE_LENGTH,
  N_DATE,
  N_FIRST_BYTE,
  N_FRESH_UNTIL,
  N_INITIAL_AGE,
  N_LAST_MODIFIED,
  N_LIFETIME,
  N_STALE_IF_ERROR,
  N_STALE_WHILE_REVALIDATE,
  N_STATUS,
  N_USELESS_AFTER,
} from '../../../src/cache/numbers.ts';
import { decodeMeta, epochNames, type StoredMeta } from '../../../src/cache/stored.ts';
import type { RouteCacheConfig } from '../../../src/config/types.ts';
import { formatHttpDate } from '../../../src/http/http-date.ts';
import { asked, policy, requestHead, responseHead } from './model-cache.ts';

const NOW = Date.UTC(2026, 10, 24, 12, 0, 0, 900);
const TIMES: ExchangeTimes = { requestMs: 5000, responseMs: 5000, responseEpochMs: NOW };
const at = (sec: number): string => formatHttpDate(Math.floor(NOW / 1000) * 1000 + sec * 1000);
const DATE = `Date: ${at(0)}`;

type Case = {
  readonly response: readonly string[];
  readonly status?: string;
  readonly request?: readonly string[];
  readonly start?: string;
  readonly config?: Partial<RouteCacheConfig>;
  readonly times?: Partial<ExchangeTimes>;
  readonly digest?: string;
};

function admitted({ response, status = '200 OK', request = [], start = 'GET /a', config = {}, times = {}, digest = '' }: Case): Admission {
  const head = requestHead(`${start} HTTP/1.1`, ...request);
  return admit(asked(head, policy(config), digest), responseHead(status, ...response), { ...TIMES, ...times });
}

function stored(one: Case): { numbers: Numbers; meta: StoredMeta; bodyBytes: number; key: string } {
  const admission = admitted(one);
  assert.equal(admission.kind, 'store', JSON.stringify(one));
  assert.ok(admission.kind === 'store');
  const meta = decodeMeta(admission.meta);
  assert.ok(meta !== undefined);
  return { ...admission, meta };
}

const outcome = (one: Case): string => {
  const admission = admitted(one);
  return admission.kind === 'store' ? 'store' : admission.reason;
};

const HOUR = 'Cache-Control: max-age=3600';
const TAG = 'ETag: "a"';

const ROWS: readonly (readonly [why: string, one: Case, expected: string])[] = [
  ['RFC 9111 3: max-age', { response: [HOUR] }, 'store'],
  ['3: s-maxage', { response: ['Cache-Control: s-maxage=5'] }, 'store'],
  ['3: Expires', { response: [DATE, `Expires: ${at(60)}`] }, 'store'],
  ['3: a status that may be guessed at, with Last-Modified', { response: [DATE, `Last-Modified: ${at(-1000)}`] }, 'store'],
  ['3: nothing stated, no validator', { response: [DATE] }, 'no-freshness'],
  ['3: nothing stated, a validator: to be asked about', { response: [DATE, TAG] }, 'store'],
  ['3: a status that may not be guessed at, with a validator alone', { response: [DATE, TAG], status: '201 Created' }, 'no-freshness'],
  ['3: that status, public', { response: [DATE, TAG, 'Cache-Control: public'], status: '201 Created' }, 'store'],
  ['3: that status, explicit', { response: [HOUR], status: '201 Created' }, 'store'],
  ['15.1: an unknown status, explicit', { response: [HOUR], status: '599 Whatever' }, 'store'],
  ['an unknown status, nothing stated', { response: [DATE, `Last-Modified: ${at(-1000)}`], status: '599 Whatever' }, 'no-freshness'],
  ['an unknown status, public', { response: [DATE, `Last-Modified: ${at(-1000)}`, 'Cache-Control: public'], status: '599 X' }, 'store'],
  ['a validator of a 404 is no use', { response: [DATE, TAG], status: '404 Not Found' }, 'no-freshness'],
  ['not from 304', { response: [HOUR], status: '304 Not Modified' }, 'status'],
  ['not from 412', { response: [HOUR], status: '412 Precondition Failed' }, 'status'],
  ['not from 416', { response: [HOUR], status: '416 Range Not Satisfiable' }, 'status'],
  ['not beyond 599', { response: [HOUR], status: '600 X' }, 'status'],
  ['5.2.2.5: no-store', { response: ['Cache-Control: no-store, max-age=60'] }, 'no-store'],
  [
    '5.2.2.3: must-understand overrides it for a status that is understood',
    { response: ['Cache-Control: no-store, must-understand, max-age=60'] },
    'store',
  ],
  [
    '5.2.2.3: and not for another',
    { response: ['Cache-Control: no-store, must-understand, max-age=60'], status: '599 X' },
    'not-understood',
  ],
  [
    '5.2.2.3: alone it forbids what is not understood',
    { response: ['Cache-Control: must-understand, max-age=60'], status: '299 X' },
    'not-understood',
  ],
  ['5.2.2.7: private', { response: ['Cache-Control: private, max-age=60'] }, 'private'],
  ['5.2.2.7: private fields', { response: ['Cache-Control: private="x-user", max-age=60'] }, 'store'],
  ['3.5: Authorization', { response: [HOUR], request: ['Authorization: Basic eA=='] }, 'authorization'],
  ['3.5: Authorization, public', { response: ['Cache-Control: public, max-age=60'], request: ['Authorization: x'] }, 'store'],
  ['3.5: Authorization, s-maxage', { response: ['Cache-Control: s-maxage=60'], request: ['Authorization: x'] }, 'store'],
  [
    '3.5: Authorization, must-revalidate',
    { response: ['Cache-Control: must-revalidate, max-age=60'], request: ['Authorization: x'] },
    'store',
  ],
  [
    '3.5: Authorization, proxy-revalidate is not among them',
    { response: ['Cache-Control: proxy-revalidate, max-age=60'], request: ['Authorization: x'] },
    'authorization',
  ],
  ['Set-Cookie', { response: [HOUR, 'Set-Cookie: a=b'] }, 'set-cookie'],
  ['Set-Cookie, told', { response: [HOUR, 'Set-Cookie: a=b'], config: { storeSetCookie: true } }, 'store'],
  ['Set-Cookie, which is not stored', { response: ['Cache-Control: max-age=60, no-cache="set-cookie"', 'Set-Cookie: a=b'] }, 'store'],
  ['a Cookie of the request does not matter', { response: [HOUR], request: ['Cookie: a=b'] }, 'store'],
  ['4.1: Vary: *', { response: [HOUR, 'Vary: *'] }, 'vary-any'],
  ['4.1: Vary: a field, *', { response: [HOUR, 'Vary: foo', 'Vary: *'] }, 'vary-any'],
  ['stale as it comes', { response: [DATE, 'Cache-Control: max-age=0'] }, 'already-stale'],
  ['stale as it comes, by Age', { response: [DATE, 'Cache-Control: max-age=10', 'Age: 15'] }, 'already-stale'],
  ['stale as it comes, with a validator', { response: [DATE, 'Cache-Control: max-age=0', TAG] }, 'store'],
  ['stale as it comes, and allowed so', { response: [DATE, 'Cache-Control: max-age=0, stale-while-revalidate=60'] }, 'store'],
  ['stale as it comes, the route allows it', { response: [DATE, 'Cache-Control: max-age=0'], config: { staleIfErrorMs: 1000 } }, 'store'],
  ['no-cache without a validator', { response: ['Cache-Control: no-cache, max-age=60'] }, 'no-freshness'],
  ['no-cache with one', { response: ['Cache-Control: no-cache', TAG] }, 'store'],
  ['too big', { response: [HOUR, 'Content-Length: 101'], config: { maxObjectBytes: 100 } }, 'too-big'],
  ['just not too big', { response: [HOUR, 'Content-Length: 100'], config: { maxObjectBytes: 100 } }, 'store'],
  [
    'an answer to HEAD has no body',
    { response: [HOUR, 'Content-Length: 101'], start: 'HEAD /a', config: { maxObjectBytes: 100 } },
    'store',
  ],
  ['POST', { response: [HOUR], start: 'POST /a' }, 'method'],
  ['RFC 9110 9.3.3: POST that says it is what GET would get', { response: [HOUR, 'Content-Location: /a'], start: 'POST /a' }, 'store'],
  ['9.3.3: by another name', { response: [HOUR, 'Content-Location: http://h.example:80/a'], start: 'POST /a' }, 'store'],
  ['9.3.3: of another resource', { response: [HOUR, 'Content-Location: /b'], start: 'POST /a' }, 'method'],
  ['9.3.3: with nothing stated', { response: [DATE, TAG, 'Content-Location: /a'], start: 'POST /a' }, 'method'],
  ['PUT', { response: [HOUR, 'Content-Location: /a'], start: 'PUT /a' }, 'method'],
  [
    'a part, asked for',
    { response: [HOUR, 'Content-Range: bytes 0-4/10', 'Content-Length: 5'], status: '206 Partial Content', request: ['Range: bytes=0-4'] },
    'store',
  ],
  [
    'a part, not asked for',
    { response: [HOUR, 'Content-Range: bytes 0-4/10', 'Content-Length: 5'], status: '206 Partial Content' },
    'partial',
  ],
  [
    'a part without place',
    { response: [HOUR, 'Content-Length: 5'], status: '206 Partial Content', request: ['Range: bytes=0-4'] },
    'partial',
  ],
  [
    'a part of another length',
    { response: [HOUR, 'Content-Range: bytes 4-9/10', 'Content-Length: 5'], status: '206 Partial Content', request: ['Range: bytes=-5'] },
    'partial',
  ],
  ['QUERY', { response: [HOUR], start: 'QUERY /a', config: { methods: ['QUERY'] }, digest: 'x' }, 'store'],
  [
    'RFC 9213: the targeted field stands in the place of the other',
    { response: ['Cache-Control: no-store', 'CDN-Cache-Control: max-age=60'] },
    'store',
  ],
  ['RFC 9213: it forbids alone', { response: [HOUR, 'CDN-Cache-Control: no-store'] }, 'no-store'],
  ['RFC 9213: private', { response: [HOUR, 'CDN-Cache-Control: private'] }, 'private'],
  ['RFC 9213: Expires does not count beside it', { response: [DATE, `Expires: ${at(60)}`, 'CDN-Cache-Control: foo'] }, 'no-freshness'],
  ['RFC 9213: invalid, so as if absent', { response: ['Cache-Control: no-store', 'CDN-Cache-Control: max-age="60"'] }, 'no-store'],
  ['5.4: Pragma of a response means nothing', { response: [HOUR, 'Pragma: no-cache'] }, 'store'],
  ['a route that caches HEAD alone', { response: [HOUR], config: { methods: ['HEAD'] } }, 'method'],
];

test('what may be stored, one row a rule', () => {
  for (const [why, one, expected] of ROWS) assert.equal(outcome(one), expected, why);
});

const LIFETIMES: readonly (readonly [why: string, one: Case, sec: number])[] = [
  ['4.2.1: s-maxage first', { response: [DATE, 'Cache-Control: max-age=1, s-maxage=60', `Expires: ${at(5)}`] }, 60],
  ['4.2.1: then max-age', { response: [DATE, 'Cache-Control: max-age=7', `Expires: ${at(60)}`] }, 7],
  ['4.2.1: then Expires less Date', { response: [`Date: ${at(-20)}`, `Expires: ${at(60)}`] }, 80],
  ['6.6.1: an invalid Date is when it came', { response: ['Date: foo', `Expires: ${at(10)}`] }, 9.1],
  ['5.3: invalid Expires is past', { response: [DATE, 'Expires: 0', TAG] }, 0],
  ['5.3: two Expires are invalid', { response: [DATE, `Expires: ${at(60)}`, `Expires: ${at(60)}`, TAG] }, 0],
  ['5.3: Expires before Date', { response: [DATE, `Expires: ${at(-60)}`, TAG] }, 0],
  ['1.2.2: no more than 2^31', { response: ['Cache-Control: max-age=99999999999'] }, 2 ** 31],
  ['4.2.2: a tenth of the time unchanged', { response: [DATE, `Last-Modified: ${at(-1000)}`] }, 100],
  ['4.2.2: no more than a day', { response: [DATE, `Last-Modified: ${at(-100 * 86400)}`] }, 86400],
  ['4.2.2: changed after Date', { response: [DATE, `Last-Modified: ${at(5)}`, TAG] }, 0],
  ['heuristic off', { response: [DATE, `Last-Modified: ${at(-1000)}`], config: { heuristic: { fraction: 0, maxMs: 0 } } }, 0],
  ['default of the route before the heuristic', { response: [DATE, `Last-Modified: ${at(-1000)}`], config: { defaultTtlMs: 30_000 } }, 30],
  ['default of the route, stated is stated', { response: [DATE, 'Cache-Control: max-age=5'], config: { defaultTtlMs: 30_000 } }, 5],
  ['default of the route, for a 404 too', { response: [DATE], status: '404 Not Found', config: { defaultTtlMs: 30_000 } }, 30],
  [
    'negative before it',
    {
      response: [DATE],
      status: '404 Not Found',
      config: { defaultTtlMs: 30_000, negativeTtl: [{ fromStatus: 404, toStatus: 404, ttlMs: 10_000 }] },
    },
    10,
  ],
  [
    'negative of a status that may not be guessed at',
    { response: [DATE], status: '503 X', config: { negativeTtl: [{ fromStatus: 500, toStatus: 599, ttlMs: 1000 }] } },
    1,
  ],
  [
    'override: at least',
    {
      response: [DATE, 'Cache-Control: max-age=1'],
      config: { ttl: [{ fromStatus: 200, toStatus: 299, minTtlMs: 5000, maxTtlMs: undefined, forceTtlMs: undefined }] },
    },
    5,
  ],
  [
    'override: at most',
    { response: [DATE, HOUR], config: { ttl: [{ fromStatus: 100, toStatus: 599, minTtlMs: 0, maxTtlMs: 5000, forceTtlMs: undefined }] } },
    5,
  ],
  [
    'override: forced, whatever is stated',
    {
      response: [DATE, 'Cache-Control: max-age=0'],
      config: { ttl: [{ fromStatus: 200, toStatus: 200, minTtlMs: 0, maxTtlMs: undefined, forceTtlMs: 60_000 }] },
    },
    60,
  ],
  [
    'override: forced, where nothing is stated',
    { response: [DATE], config: { ttl: [{ fromStatus: 200, toStatus: 200, minTtlMs: 0, maxTtlMs: undefined, forceTtlMs: 60_000 }] } },
    60,
  ],
  [
    'override of another status',
    { response: [DATE, HOUR], config: { ttl: [{ fromStatus: 404, toStatus: 404, minTtlMs: 0, maxTtlMs: 1, forceTtlMs: undefined }] } },
    3600,
  ],
];

test('the freshness lifetime', () => {
  for (const [why, one, sec] of LIFETIMES)
    assert.ok(Math.abs((stored(one).numbers[N_LIFETIME] ?? -1) - sec) < 1e-9, `${why}: ${stored(one).numbers[N_LIFETIME]}`);
});

test('the age as it comes (RFC 9111 4.2.3)', () => {
  const age = (one: Case): number => stored(one).numbers[N_INITIAL_AGE] ?? -1;
  assert.equal(age({ response: [DATE, HOUR] }), 0, 'the fraction of a second that Date does not tell is no age');
  assert.equal(age({ response: [`Date: ${at(-30)}`, HOUR] }), 30, 'apparent age');
  assert.equal(age({ response: [`Date: ${at(30)}`, HOUR] }), 0, 'a clock that is ahead');
  assert.equal(age({ response: [DATE, HOUR, 'Age: 40'], times: { requestMs: 3000 } }), 42, 'the delay counts');
  assert.equal(age({ response: [`Date: ${at(-60)}`, HOUR, 'Age: 40'] }), 60, 'the greater of the two');
  assert.equal(age({ response: [HOUR], times: { requestMs: 2500 } }), 2.5, 'no Date: when it came');
  assert.equal(stored({ response: [DATE, HOUR, 'Age: 40'] }).numbers[N_FRESH_UNTIL], 5000 + 3_560_000);
});

test('serving stale is allowed by the response, else by the route, and forbidden by what demands revalidation', () => {
  const allowances = (
    cc: string,
    config: Partial<RouteCacheConfig> = { staleWhileRevalidateMs: 7000, staleIfErrorMs: 8000 },
  ): unknown[] => {
    const { numbers } = stored({ response: [`Cache-Control: ${cc}`, TAG], config });
    return [numbers[N_STALE_WHILE_REVALIDATE], numbers[N_STALE_IF_ERROR]];
  };
  assert.deepEqual(allowances('max-age=1'), [7, 8]);
  assert.deepEqual(allowances('max-age=1', {}), [0, 0]);
  assert.deepEqual(allowances('max-age=1, stale-while-revalidate=3, stale-if-error=4'), [3, 4]);
  assert.deepEqual(allowances('max-age=1, stale-while-revalidate=0, stale-if-error=0'), [0, 0], 'the response says no');
  for (const cc of ['must-revalidate', 'proxy-revalidate', 'no-cache']) {
    assert.deepEqual(allowances(`max-age=1, stale-while-revalidate=3, stale-if-error=4, ${cc}`), [0, 0], cc);
  }
  assert.deepEqual(allowances('s-maxage=1'), [0, 0], '5.2.2.10');
  assert.deepEqual(allowances('s-maxage=1, stale-while-revalidate=3'), [3, 0], 'said in the same breath');
});

test('an entry is of use until nothing could be made of it', () => {
  const until = (one: Case): number => (stored(one).numbers[N_USELESS_AFTER] ?? 0) - TIMES.responseMs;
  assert.equal(until({ response: [HOUR] }), 3_600_000);
  assert.equal(until({ response: ['Cache-Control: max-age=10, stale-if-error=20, stale-while-revalidate=5'] }), 30_000);
  assert.ok(until({ response: [HOUR, TAG] }) > 3_600_000 * 2);
  assert.ok(until({ response: ['Cache-Control: no-cache', TAG] }) > 3_600_000);
});

test('bits tell what a decision asks', () => {
  const bits = (one: Case): number => stored(one).numbers[N_BITS] ?? 0;
  assert.equal(bits({ response: [HOUR] }), 0);
  assert.equal(bits({ response: [HOUR, TAG] }), BIT_VALIDATOR | BIT_STRONG_VALIDATOR);
  assert.equal(bits({ response: [HOUR, 'ETag: W/"a"'] }), BIT_VALIDATOR);
  assert.equal(bits({ response: [HOUR, `Last-Modified: ${at(-9)}`] }), BIT_VALIDATOR);
  assert.equal(bits({ response: [HOUR, 'Last-Modified: never'] }), 0, 'what is no date is no validator');
  assert.equal(bits({ response: [DATE, `Last-Modified: ${at(-1000)}`] }), BIT_VALIDATOR | BIT_HEURISTIC);
  assert.equal(
    bits({ response: ['Cache-Control: no-cache', TAG] }),
    BIT_VALIDATOR | BIT_STRONG_VALIDATOR | BIT_NO_CACHE | BIT_MUST_REVALIDATE,
  );
  assert.equal(bits({ response: ['Cache-Control: s-maxage=1'] }), BIT_MUST_REVALIDATE);
  assert.equal(bits({ response: [HOUR, 'Vary: foo'] }), BIT_VARY);
  assert.equal(bits({ response: [HOUR], start: 'HEAD /a' }), BIT_HEADERS_ONLY);
  assert.equal(
    bits({ response: [DATE], status: '404 X', config: { negativeTtl: [{ fromStatus: 404, toStatus: 404, ttlMs: 9000 }] } }),
    BIT_NEGATIVE,
  );
  assert.equal(bits({ response: [HOUR, 'No-Vary-Search: key-order'] }), BIT_NO_VARY_SEARCH);
  assert.equal(bits({ response: [HOUR, 'No-Vary-Search: key-order'], config: { noVarySearch: false } }), 0);
});

test('the stored head has neither fields of the hop, nor framing, nor age, nor what is named as not to be stored', () => {
  const hop = [
    'Connection: close, X-Hop',
    'X-Hop: 1',
    'Keep-Alive: timeout=5',
    'Proxy-Authenticate: x',
    'Proxy-Authorization: x',
    'Proxy-Authentication-Info: x',
  ];
  const more = ['Proxy-Connection: x', 'TE: x', 'Trailer: x', 'Upgrade: x', 'Transfer-Encoding: chunked', 'Age: 5'];
  const named = ['Cache-Control: no-cache="x-a", private="x-b", max-age=60', 'X-A: 1', 'X-B: 1'];
  const { meta } = stored({ response: [DATE, ...hop, ...more, ...named, 'X-C: 1', 'Content-Type: text/plain'] });
  assert.equal(meta.head, `HTTP/1.1 200 OK\r\n${DATE}\r\n${named[0]}\r\nX-C: 1\r\nContent-Type: text/plain\r\n\r\n`);
  assert.equal(stored({ response: [HOUR, 'Content-Length: 3'] }).bodyBytes, 3);
  assert.equal(stored({ response: [HOUR, 'Transfer-Encoding: chunked'] }).bodyBytes, -1);
});

test('a Date is added where there is none that can be read (RFC 9110 6.6.1)', () => {
  assert.equal(stored({ response: [HOUR] }).meta.head, `HTTP/1.1 200 OK\r\n${HOUR}\r\nDate: ${at(0)}\r\n\r\n`);
  assert.equal(stored({ response: ['Date: foo', HOUR] }).meta.head, `HTTP/1.1 200 OK\r\n${HOUR}\r\nDate: ${at(0)}\r\n\r\n`);
  assert.equal(stored({ response: ['Date: foo', HOUR] }).numbers[N_DATE], NOW);
});

test('the meta tells validators, variants, tags and groups', () => {
  const { meta, numbers } = stored({
    response: [
      DATE,
      HOUR,
      'ETag: W/"x"',
      `Last-Modified: ${at(-9)}`,
      'Vary: Foo, Accept-Encoding, Bar',
      'Surrogate-Key: a b  c',
      'Cache-Tag: c,d , e',
      'Cache-Groups: "g1", "g 2"',
    ],
    request: ['Foo: x, y', 'Accept-Encoding: br, gzip'],
    start: 'GET /a?b=1&a=2',
  });
  assert.equal(meta.uri, 'http://h.example/a?a=2&b=1');
  assert.deepEqual(meta.vary, ['accept-encoding', '=br,gzip', 'bar', '', 'foo', '=x,y']);
  assert.deepEqual(meta.tags, ['a', 'b', 'c', 'd', 'e']);
  assert.deepEqual(meta.groups, ['g1', 'g 2']);
  assert.deepEqual([meta.entityTag, meta.lastModified], ['W/"x"', at(-9)]);
  assert.equal(numbers[N_LAST_MODIFIED], Date.parse(at(-9)));
  assert.deepEqual(epochNames(meta), [meta.uri, 't a', 't b', 't c', 't d', 't e', 'g http://h.example g1', 'g http://h.example g 2']);
  assert.deepEqual(stored({ response: [HOUR, 'Cache-Groups: a, "b"'] }).meta.groups, [], 'what is no list of strings is ignored');
});

test('a part is kept with its place, and as a whole if it is all', () => {
  const part = (range: string, length: number): ReturnType<typeof stored> =>
    stored({
      response: [DATE, HOUR, `Content-Range: ${range}`, `Content-Length: ${length}`],
      status: '206 Partial Content',
      request: ['Range: bytes=0-'],
    });
  const some = part('bytes 4-9/20', 6);
  assert.deepEqual(
    [N_STATUS, N_FIRST_BYTE, N_COMPLETE_LENGTH].map((n) => some.numbers[n]),
    [206, 4, 20],
  );
  assert.equal((some.numbers[N_BITS] ?? 0) & BIT_PARTIAL, BIT_PARTIAL);
  assert.equal(some.bodyBytes, 6);
  assert.equal(some.meta.head.includes('Content-Range'), false);
  const all = part('bytes 0-19/20', 20);
  assert.deepEqual(
    [N_STATUS, N_FIRST_BYTE, N_COMPLETE_LENGTH].map((n) => all.numbers[n]),
    [200, 0, 20],
  );
  assert.equal((all.numbers[N_BITS] ?? 0) & BIT_PARTIAL, 0);
  assert.equal(all.meta.head.startsWith('HTTP/1.1 200 OK\r\n'), true);
  assert.equal(part('bytes 4-9/*', 6).numbers[N_COMPLETE_LENGTH], -1);
});

test('what does not vary with all of the query is kept under a key without it', () => {
  const { key, meta } = stored({ response: [HOUR, 'No-Vary-Search: params=("utm")'], start: 'GET /a?utm=1&x=2' });
  assert.equal(key, 'route\nS\nhttp://h.example/a\n');
  assert.equal(meta.uri, 'http://h.example/a?utm=1&x=2');
  assert.deepEqual(epochNames(meta), ['S http://h.example/a']);
  assert.equal(stored({ response: [HOUR], start: 'GET /a?utm=1&x=2' }).key, 'route\nG\nhttp://h.example/a?utm=1&x=2\n');
});
