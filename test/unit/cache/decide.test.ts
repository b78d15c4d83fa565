import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admit } from '../../../src/cache/admit.ts';
import { Decision, decide, validationLines } from '../../../src/cache/decide.ts';
import { FLAG_INVALID, FLAG_STALE } from '../../../src/cache/numbers.ts';
import { mayServeOnError } from '../../../src/cache/on-error.ts';
import { decodeMeta, type StoredView } from '../../../src/cache/stored.ts';
import type { RouteCacheConfig } from '../../../src/config/types.ts';
import { formatHttpDate } from '../../../src/http/http-date.ts';
import { asked, policy, requestHead, responseHead } from './model-cache.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const at = (sec: number): string => formatHttpDate(NOW + sec * 1000);
const ARRIVAL = 5000;
const HOUR = 'Cache-Control: max-age=3600';
const TAG = 'ETag: "a"';

type Made = {
  readonly lines: readonly string[];
  readonly status?: string;
  readonly request?: readonly string[];
  readonly start?: string;
  readonly body?: string;
  readonly flags?: number;
  readonly config?: Partial<RouteCacheConfig>;
};

/** A response as it is stored, `ARRIVAL` ms after the clock began. */
function view({ lines, status = '200 OK', request = [], start = 'GET /a', body = '0123456789', flags = 0, config = {} }: Made): StoredView {
  const response = responseHead(status, `Date: ${at(0)}`, ...lines, `Content-Length: ${body.length}`);
  const asking = asked(requestHead(`${start} HTTP/1.1`, ...request), policy(config));
  const admission = admit(asking, response, { requestMs: ARRIVAL, responseMs: ARRIVAL, responseEpochMs: NOW });
  assert.ok(admission.kind === 'store', JSON.stringify(admission));
  const meta = decodeMeta(admission.meta);
  assert.ok(meta !== undefined);
  return { meta, numbers: admission.numbers, flags, bodyLength: body.length };
}

type Asked = {
  readonly lines?: readonly string[];
  readonly start?: string;
  readonly sec?: number;
  readonly config?: Partial<RouteCacheConfig>;
};

function decided(candidates: readonly StoredView[], { lines = [], start = 'GET /a', sec = 0, config = {} }: Asked = {}): Decision {
  const into = new Decision();
  decide(asked(requestHead(`${start} HTTP/1.1`, ...lines), policy(config)), candidates, ARRIVAL + sec * 1000, into);
  return into;
}

const shown = ({ kind, reason }: Decision): string => (kind === 'serve' || kind === 'refuse' ? kind : `${kind} ${reason}`);

test('without an entry the origin is asked, and why is told', () => {
  assert.equal(shown(decided([])), 'forward uri-miss');
  assert.equal(shown(decided([view({ lines: [HOUR, 'Vary: foo'], request: ['Foo: 1'] })])), 'forward vary-miss');
  assert.equal(shown(decided([], { start: 'PUT /a' })), 'forward method');
  assert.equal(shown(decided([], { start: 'OPTIONS /a' })), 'forward method');
  assert.deepEqual(
    [decided([]).mayStore, decided([], { start: 'PUT /a' }).mayStore, decided([], { start: 'POST /a' }).mayStore],
    [true, false, true],
  );
});

const FRESH = view({ lines: [HOUR, TAG, `Last-Modified: ${at(-3000)}`] });

const CLIENT: readonly (readonly [why: string, asked: Asked, expected: string])[] = [
  ['fresh', {}, 'serve'],
  ['fresh to its last moment', { sec: 3599.999 }, 'serve'],
  ['stale', { sec: 3600 }, 'revalidate stale'],
  ['5.2.1.4 no-cache', { lines: ['Cache-Control: no-cache'] }, 'revalidate request'],
  ['5.4 Pragma: no-cache', { lines: ['Pragma: no-cache'] }, 'revalidate request'],
  ['5.4 Pragma does not count beside Cache-Control', { lines: ['Pragma: no-cache', 'Cache-Control: foo'] }, 'serve'],
  ['5.4 another Pragma', { lines: ['Pragma: foo'] }, 'serve'],
  ['5.2.1.1 max-age=0', { lines: ['Cache-Control: max-age=0'], sec: 0.5 }, 'revalidate request'],
  ['5.2.1.1 max-age, young enough', { lines: ['Cache-Control: max-age=5'], sec: 5 }, 'serve'],
  ['5.2.1.1 max-age, too old', { lines: ['Cache-Control: max-age=5'], sec: 5.1 }, 'revalidate request'],
  ['5.2.1.3 min-fresh, enough left', { lines: ['Cache-Control: min-fresh=600'], sec: 3000 }, 'serve'],
  ['5.2.1.3 min-fresh, too little left', { lines: ['Cache-Control: min-fresh=600'], sec: 3001 }, 'revalidate request'],
  ['5.2.1.2 max-stale', { lines: ['Cache-Control: max-stale=10'], sec: 3610 }, 'serve'],
  ['5.2.1.2 max-stale, too stale', { lines: ['Cache-Control: max-stale=10'], sec: 3611 }, 'revalidate stale'],
  ['5.2.1.2 any staleness', { lines: ['Cache-Control: max-stale'], sec: 99999 }, 'serve'],
  ['5.2.1.2 with max-age', { lines: ['Cache-Control: max-stale, max-age=10'], sec: 3610 }, 'revalidate stale'],
  ['5.2.1.5 no-store', { lines: ['Cache-Control: no-store'] }, 'forward request'],
  ['5.2.1.7 only-if-cached, fresh', { lines: ['Cache-Control: only-if-cached'] }, 'serve'],
  ['5.2.1.7 only-if-cached, stale', { lines: ['Cache-Control: only-if-cached'], sec: 3600 }, 'refuse'],
  ['5.2.1.7 only-if-cached, stale accepted', { lines: ['Cache-Control: only-if-cached, max-stale'], sec: 3600 }, 'serve'],
  ['5.2.1.7 only-if-cached, no-cache', { lines: ['Cache-Control: only-if-cached, no-cache'] }, 'refuse'],
  ['directives that are not for requests', { lines: ['Cache-Control: must-revalidate, private, foo="no-cache"'] }, 'serve'],
  ['a route that does not listen', { lines: ['Cache-Control: no-cache, no-store'], config: { ignoreClientCacheControl: true } }, 'serve'],
  ['… but refuses still', { lines: ['Cache-Control: only-if-cached'], sec: 3600, config: { ignoreClientCacheControl: true } }, 'refuse'],
  ['HEAD of GET', { start: 'HEAD /a' }, 'serve'],
  ['HEAD, stale', { start: 'HEAD /a', sec: 3600 }, 'revalidate stale'],
  ['Authorization does not keep from what is stored', { lines: ['Authorization: x'] }, 'serve'],
  ['a condition', { lines: ['If-None-Match: "b"'] }, 'serve'],
  ['If-Match that holds', { lines: ['If-Match: "a"'] }, 'serve'],
  ['If-Match that does not', { lines: ['If-Match: "b"'] }, 'forward request'],
  ['If-Unmodified-Since that does not hold', { lines: [`If-Unmodified-Since: ${at(-9000)}`] }, 'forward request'],
  ['If-Match that does not, only-if-cached', { lines: ['If-Match: "b"', 'Cache-Control: only-if-cached'] }, 'refuse'],
  ['a range', { lines: ['Range: bytes=0-1'] }, 'serve'],
];

test('what the client says of age, staleness and conditions, RFC 9111 section 5.2.1', () => {
  for (const [why, one, expected] of CLIENT) assert.equal(shown(decided([FRESH], one)), expected, why);
});

const RESPONSES: readonly (readonly [why: string, made: Made, asked: Asked, expected: string])[] = [
  ['5.2.2.4 no-cache', { lines: ['Cache-Control: no-cache, max-age=60', TAG] }, {}, 'revalidate stale'],
  [
    '5.2.2.4 no-cache, whatever the client takes',
    { lines: ['Cache-Control: no-cache, max-age=60', TAG] },
    { lines: ['Cache-Control: max-stale'] },
    'revalidate stale',
  ],
  ['5.2.2.2 must-revalidate, fresh', { lines: ['Cache-Control: max-age=60, must-revalidate'] }, {}, 'serve'],
  [
    '5.2.2.2 must-revalidate, stale',
    { lines: ['Cache-Control: max-age=60, must-revalidate'] },
    { sec: 61, lines: ['Cache-Control: max-stale'] },
    'forward stale',
  ],
  [
    '5.2.2.8 proxy-revalidate, stale',
    { lines: ['Cache-Control: max-age=60, proxy-revalidate'] },
    { sec: 61, lines: ['Cache-Control: max-stale'] },
    'forward stale',
  ],
  [
    '5.2.2.10 s-maxage, stale',
    { lines: ['Cache-Control: s-maxage=60'] },
    { sec: 61, lines: ['Cache-Control: max-stale'] },
    'forward stale',
  ],
  ['stale without validator', { lines: ['Cache-Control: max-age=60'] }, { sec: 61 }, 'forward stale'],
  ['a 404 is not asked about', { lines: ['Cache-Control: max-age=60', TAG], status: '404 X' }, { sec: 61 }, 'forward stale'],
  ['conditions do not count for a 404', { lines: [HOUR, TAG], status: '404 X' }, { lines: ['If-Match: "b"'] }, 'serve'],
  ['soft purge', { lines: [HOUR, TAG], flags: FLAG_STALE }, {}, 'revalidate stale'],
  ['soft purge, the client takes stale', { lines: [HOUR, TAG], flags: FLAG_STALE }, { lines: ['Cache-Control: max-stale'] }, 'serve'],
  ['invalidated', { lines: [HOUR, TAG], flags: FLAG_INVALID }, { lines: ['Cache-Control: max-stale'] }, 'revalidate stale'],
  ['an answer to HEAD is none to GET', { lines: [HOUR], start: 'HEAD /a', body: '' }, {}, 'forward miss'],
  ['an answer to HEAD is one to HEAD', { lines: [HOUR], start: 'HEAD /a', body: '' }, { start: 'HEAD /a' }, 'serve'],
];

test('what the response says, RFC 9111 section 5.2.2', () => {
  for (const [why, made, one, expected] of RESPONSES) assert.equal(shown(decided([view(made)], one)), expected, why);
});

test('stale while revalidate: served, and due to be refreshed (RFC 5861 section 3)', () => {
  const swr = view({ lines: ['Cache-Control: max-age=10, stale-while-revalidate=20', TAG] });
  const served = decided([swr], { sec: 15 });
  assert.deepEqual([served.kind, served.isStale, served.isRefreshDue, served.ageSec, served.ttlSec], ['serve', true, true, 15, -5]);
  assert.equal(decided([swr], { sec: 5 }).isRefreshDue, false);
  assert.equal(shown(decided([swr], { sec: 30 })), 'revalidate stale');
  assert.equal(shown(decided([swr], { sec: 15, lines: ['Cache-Control: no-cache'] })), 'revalidate stale');
  assert.equal(shown(decided([swr], { sec: 15, lines: ['Cache-Control: max-age=12'] })), 'revalidate stale');
  const accepted = decided([swr], { sec: 15, lines: ['Cache-Control: max-stale'] });
  assert.deepEqual([accepted.kind, accepted.isRefreshDue], ['serve', false]);
  const never = view({ lines: ['Cache-Control: max-age=0, stale-while-revalidate=20'] });
  assert.equal(decided([never], { sec: 1 }).isRefreshDue, true, 'stale from the start');
  const purged = view({ lines: ['Cache-Control: max-age=10, stale-while-revalidate=20', TAG], flags: FLAG_STALE });
  assert.deepEqual([decided([purged]).kind, decided([purged]).isRefreshDue, decided([purged]).ttlSec], ['serve', true, 0]);
  const invalid = view({ lines: ['Cache-Control: max-age=10, stale-while-revalidate=20', TAG], flags: FLAG_INVALID });
  assert.equal(shown(decided([invalid])), 'revalidate stale');
});

test('age and time left are told in whole seconds', () => {
  const of = ({ ageSec, ttlSec, isStale }: Decision): unknown[] => [ageSec, ttlSec, isStale];
  assert.deepEqual(of(decided([FRESH], { sec: 1.9 })), [1, 3598, false]);
  assert.deepEqual(of(decided([FRESH], { sec: 3600.5 })), [3600, -1, true]);
  assert.deepEqual(of(decided([view({ lines: [HOUR, 'Age: 30'] })], { sec: 3 })), [33, 3567, false]);
  assert.deepEqual(of(decided([view({ lines: ['Cache-Control: no-cache', TAG] })], { sec: 3 })), [3, 0, true]);
});

test('the origin is asked with all validators, in the words that it used (RFC 9111 4.3.1)', () => {
  const lines = (made: readonly string[]): string =>
    decided([view({ lines: ['Cache-Control: max-age=1', ...made] })], { sec: 2 }).addedLines;
  assert.equal(lines([TAG]), 'If-None-Match: "a"\r\n');
  assert.equal(lines(['ETag: W/"a"']), 'If-None-Match: W/"a"\r\n');
  assert.equal(lines(['ETag: bare']), 'If-None-Match: bare\r\n');
  assert.equal(lines([`Last-Modified: ${at(-9)}`]), `If-Modified-Since: ${at(-9)}\r\n`);
  assert.equal(lines([TAG, `Last-Modified: ${at(-9)}`]), `If-None-Match: "a"\r\nIf-Modified-Since: ${at(-9)}\r\n`);
  assert.equal(lines([]), '');
  assert.equal(validationLines(FRESH), `If-None-Match: "a"\r\nIf-Modified-Since: ${at(-3000)}\r\n`);
});

test('conditions of the client are kept from the origin where its answer is to be stored, and ranges never', () => {
  const rows: readonly (readonly [why: string, candidates: readonly StoredView[], asked: Asked, isStripped: boolean, mayStore: boolean])[] =
    [
      ['a miss with a condition', [], { lines: ['If-None-Match: "x"'] }, true, true],
      ['a miss with a date', [], { lines: [`If-Modified-Since: ${at(0)}`] }, true, true],
      ['a miss without', [], {}, false, true],
      ['a miss with a range', [], { lines: ['Range: bytes=0-1', 'If-Range: "x"'] }, false, true],
      ['a miss with both', [], { lines: ['Range: bytes=0-1', 'If-None-Match: "x"'] }, false, true],
      ['If-Match is for the origin', [], { lines: ['If-Match: "x"'] }, false, true],
      ['a miss of HEAD', [], { start: 'HEAD /a', lines: ['If-None-Match: "x"'] }, false, true],
      ['no-store', [], { lines: ['If-None-Match: "x"', 'Cache-Control: no-store'] }, false, false],
      ['stale, with our own condition', [FRESH], { sec: 3601, lines: ['If-None-Match: "x"'] }, true, true],
      ['stale, and a range: what has changed comes in part', [FRESH], { sec: 3601, lines: ['Range: bytes=0-1'] }, false, true],
      ['If-Match that does not hold', [FRESH], { lines: ['If-Match: "b"'] }, false, true],
    ];
  for (const [why, candidates, one, isStripped, mayStore] of rows) {
    const decision = decided(candidates, one);
    assert.deepEqual([decision.isStripped, decision.mayStore], [isStripped, mayStore], why);
  }
});

test('of several that match the most recent by Date is chosen, and the newest of equals (RFC 9111 4.1)', () => {
  const made = (date: number, tag: string): StoredView => {
    const one = view({ lines: [HOUR, `ETag: "${tag}"`] });
    one.numbers[8] = NOW + date * 1000;
    return one;
  };
  const [old, young, twin] = [made(-60, 'old'), made(0, 'young'), made(0, 'twin')];
  assert.equal(decided([old, young]).chosen, young);
  assert.equal(decided([young, old]).chosen, young);
  assert.equal(decided([young, twin]).chosen, young);
  const german = view({ lines: [HOUR, 'Vary: Accept-Language'], request: ['Accept-Language: de'] });
  const english = view({ lines: [HOUR, 'Vary: Accept-Language'], request: ['Accept-Language: en'] });
  assert.equal(decided([german, english], { lines: ['Accept-Language: en'] }).chosen, english);
  assert.equal(decided([german, english], { lines: ['Accept-Language: fr'] }).chosen, null);
  assert.equal(decided([german, old], { lines: ['Accept-Language: de'] }).chosen, german, 'both match, one is younger');
});

const PART: Made = { lines: [HOUR, TAG, 'Content-Range: bytes 10-19/40'], status: '206 Partial Content', request: ['Range: bytes=10-19'] };

test('a part answers one range within it, and nothing else (RFC 9111 3.3)', () => {
  const part = view(PART);
  const rows: readonly (readonly [why: string, lines: readonly string[], expected: string])[] = [
    ['the same', ['Range: bytes=10-19'], 'serve'],
    ['within', ['Range: bytes=12-15'], 'serve'],
    ['before', ['Range: bytes=9-15'], 'forward partial'],
    ['beyond', ['Range: bytes=15-20'], 'forward partial'],
    ['an open end', ['Range: bytes=15-'], 'forward partial'],
    ['two', ['Range: bytes=10-11,13-14'], 'forward partial'],
    ['a suffix elsewhere', ['Range: bytes=-5'], 'forward partial'],
    ['malformed', ['Range: bytes=x'], 'forward partial'],
    ['If-Range that holds', ['Range: bytes=12-15', 'If-Range: "a"'], 'serve'],
    ['If-Range that does not', ['Range: bytes=12-15', 'If-Range: "b"'], 'forward partial'],
    ['the whole', [], 'forward partial'],
    ['a condition that holds', ['Range: bytes=12-15', 'If-None-Match: "a"'], 'serve'],
  ];
  for (const [why, lines, expected] of rows) assert.equal(shown(decided([part], { lines })), expected, why);
  const last = view({ ...PART, lines: [HOUR, TAG, 'Content-Range: bytes 30-39/40'], request: ['Range: bytes=-10'] });
  assert.equal(shown(decided([last], { lines: ['Range: bytes=-5'] })), 'serve');
  assert.equal(shown(decided([last], { lines: ['Range: bytes=35-'] })), 'serve');
  const unknown = view({ ...PART, lines: [HOUR, TAG, 'Content-Range: bytes 10-19/*'] });
  assert.equal(shown(decided([unknown], { lines: ['Range: bytes=12-15'] })), 'serve');
  assert.equal(shown(decided([unknown], { lines: ['Range: bytes=15-'] })), 'forward partial');
  assert.equal(shown(decided([part], { start: 'HEAD /a' })), 'forward miss', 'its fields are not those of the whole');
  assert.equal(shown(decided([part], { lines: ['Range: bytes=9-15', 'Cache-Control: only-if-cached'] })), 'refuse');
  assert.equal(decided([part, FRESH], { lines: ['Range: bytes=9-15'] }).chosen, FRESH, 'one that has it all is chosen before');
  assert.equal(shown(decided([part], { lines: ['Range: bytes=12-15'], sec: 3601 })), 'forward stale');
});

test('what a part lacks to be whole is asked for alone, under a strong validator (RFC 9111 3.4)', () => {
  const rest = (range: string, tag: string, lines: readonly string[] = []): string => {
    const { addedLines, asksForRest } = decided([view({ ...PART, lines: [HOUR, tag, `Content-Range: bytes ${range}`] })], { lines });
    assert.equal(asksForRest, addedLines !== '');
    return addedLines;
  };
  assert.equal(rest('0-9/40', TAG), 'Range: bytes=10-\r\nIf-Range: "a"\r\n');
  assert.equal(rest('0-9/*', TAG), 'Range: bytes=10-\r\nIf-Range: "a"\r\n');
  assert.equal(rest('30-39/40', TAG), 'Range: bytes=0-29\r\nIf-Range: "a"\r\n');
  assert.equal(rest('10-19/40', TAG), '', 'two pieces are missing');
  assert.equal(rest('0-9/40', 'ETag: W/"a"'), '');
  assert.equal(rest('0-9/40', 'X-No: tag'), '');
  assert.equal(rest('0-9/40', TAG, ['If-None-Match: "b"']), '');
  assert.equal(rest('0-9/40', TAG, ['Range: bytes=5-15']), '');
});

test('what does not vary with all of the query answers other queries', () => {
  const one = view({ lines: [HOUR, 'No-Vary-Search: params=("utm")'], start: 'GET /a?utm=1&x=2' });
  assert.equal(decided([one], { start: 'GET /a?x=2&utm=7' }).kind, 'serve');
  assert.equal(decided([one], { start: 'GET /a?x=3' }).kind, 'forward');
});

const ERRORS: readonly (readonly [why: string, made: Made, asked: Asked, status: number, expected: boolean])[] = [
  ['RFC 5861 4: within the window', { lines: ['Cache-Control: max-age=1, stale-if-error=60'] }, { sec: 30 }, 503, true],
  ['no answer at all', { lines: ['Cache-Control: max-age=1, stale-if-error=60'] }, { sec: 30 }, 0, true],
  ['past the window', { lines: ['Cache-Control: max-age=1, stale-if-error=60'] }, { sec: 61 }, 503, false],
  ['500, 502, 504', { lines: ['Cache-Control: max-age=1, stale-if-error=60'] }, { sec: 30 }, 502, true],
  ['501 is no such error', { lines: ['Cache-Control: max-age=1, stale-if-error=60'] }, { sec: 30 }, 501, false],
  ['404 is an answer', { lines: ['Cache-Control: max-age=1, stale-if-error=60'] }, { sec: 30 }, 404, false],
  ['nobody has allowed it', { lines: ['Cache-Control: max-age=1'] }, { sec: 30 }, 0, false],
  ['the route allows it', { lines: ['Cache-Control: max-age=1'], config: { staleIfErrorMs: 60_000 } }, { sec: 30 }, 0, true],
  ['the client allows it', { lines: ['Cache-Control: max-age=1'] }, { sec: 30, lines: ['Cache-Control: stale-if-error=60'] }, 0, true],
  [
    'not against must-revalidate',
    { lines: ['Cache-Control: max-age=1, must-revalidate'], config: { staleIfErrorMs: 60_000 } },
    { sec: 30, lines: ['Cache-Control: stale-if-error=60'] },
    0,
    false,
  ],
  [
    'not against proxy-revalidate',
    { lines: ['Cache-Control: max-age=1, proxy-revalidate'], config: { staleIfErrorMs: 60_000 } },
    { sec: 30 },
    0,
    false,
  ],
  ['not against s-maxage', { lines: ['Cache-Control: s-maxage=1'], config: { staleIfErrorMs: 60_000 } }, { sec: 30 }, 0, false],
  [
    'not against no-cache',
    { lines: ['Cache-Control: no-cache', TAG], config: { staleIfErrorMs: 60_000 } },
    { sec: 0, lines: ['Cache-Control: stale-if-error=60'] },
    0,
    false,
  ],
  ['not when invalidated', { lines: ['Cache-Control: max-age=1, stale-if-error=60'], flags: FLAG_INVALID }, { sec: 0 }, 0, false],
  ['when softly purged', { lines: ['Cache-Control: max-age=1, stale-if-error=60'], flags: FLAG_STALE }, { sec: 0 }, 0, true],
  [
    'not a part for the whole',
    { ...PART, lines: ['Cache-Control: max-age=1, stale-if-error=60', 'Content-Range: bytes 10-19/40'] },
    { sec: 2 },
    0,
    false,
  ],
  [
    'a part for a part of it',
    { ...PART, lines: ['Cache-Control: max-age=1, stale-if-error=60', 'Content-Range: bytes 10-19/40'] },
    { sec: 2, lines: ['Range: bytes=12-13'] },
    0,
    true,
  ],
];

test('stale in place of an error, RFC 5861 section 4 and RFC 9111 section 4.2.4', () => {
  for (const [why, made, { lines = [], start = 'GET /a', sec = 0 }, status, expected] of ERRORS) {
    const request = asked(requestHead(`${start} HTTP/1.1`, ...lines));
    assert.equal(mayServeOnError(request, view(made), ARRIVAL + sec * 1000, status), expected, why);
  }
});

test('a decision that is used again keeps nothing', () => {
  const into = new Decision();
  const requests = [...CLIENT, ...CLIENT.toReversed()];
  for (const [why, { lines = [], start = 'GET /a', sec = 0, config = {} }, expected] of requests) {
    decide(asked(requestHead(`${start} HTTP/1.1`, ...lines), policy(config)), [FRESH], ARRIVAL + sec * 1000, into);
    assert.equal(shown(into), expected, why);
  }
  decide(asked(requestHead('GET /a HTTP/1.1')), [], ARRIVAL, into);
  assert.deepEqual(into, Object.assign(new Decision(), { reason: 'uri-miss', mayStore: true }));
});
