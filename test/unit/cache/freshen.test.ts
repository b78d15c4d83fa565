import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admit, type ExchangeTimes } from '../../../src/cache/admit.ts';
import { combine } from '../../../src/cache/combine.ts';
import { type Freshening, freshen, freshenByHead } from '../../../src/cache/freshen.ts';
import {
  BIT_HEADERS_ONLY,
  BIT_PARTIAL,
  N_BITS,
  N_COMPLETE_LENGTH,
  N_DATE,
  N_EPOCH,
  N_FIRST_BYTE,
  N_FRESH_UNTIL,
  N_LIFETIME,
  N_RESPONSE_TIME,
  N_STALE_IF_ERROR,
  N_STATUS,
} from '../../../src/cache/numbers.ts';
import { decodeMeta, type StoredMeta, type StoredView } from '../../../src/cache/stored.ts';
import type { RouteCacheConfig } from '../../../src/config/types.ts';
import { formatHttpDate } from '../../../src/http/http-date.ts';
import { asked, policy, requestHead, responseHead } from './model-cache.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const at = (sec: number): string => formatHttpDate(NOW + sec * 1000);
const THEN: ExchangeTimes = { requestMs: 0, responseMs: 0, responseEpochMs: NOW };
const LATER: ExchangeTimes = { requestMs: 60_000, responseMs: 60_000, responseEpochMs: NOW + 60_000 };
const HOUR = 'Cache-Control: max-age=3600';

type Made = {
  readonly status?: string;
  readonly request?: readonly string[];
  readonly start?: string;
  readonly body?: string;
  readonly config?: Partial<RouteCacheConfig>;
};

function view(
  lines: readonly string[],
  { status = '200 OK', request = [], start = 'GET /a', body = '0123456789', config = {} }: Made = {},
): StoredView {
  const response = responseHead(status, `Date: ${at(0)}`, ...lines, `Content-Length: ${body.length}`);
  const admission = admit(asked(requestHead(`${start} HTTP/1.1`, ...request), policy(config)), response, THEN);
  assert.ok(admission.kind === 'store', JSON.stringify(admission));
  admission.numbers[N_EPOCH] = 7;
  return { meta: metaOf(admission.meta), numbers: admission.numbers, flags: 0, bodyLength: body.length };
}

function metaOf(text: string): StoredMeta {
  const meta = decodeMeta(text);
  assert.ok(meta !== undefined);
  return meta;
}

type Updated = Extract<Freshening, { kind: 'updated' }> & { readonly head: StoredMeta };
const freshened = (stored: StoredView, lines: readonly string[], made: Made = {}): Updated | 'mismatch' => {
  const request = asked(requestHead(`${made.start ?? 'GET /a'} HTTP/1.1`, ...(made.request ?? [])), policy(made.config));
  const freshening = freshen(request, stored, responseHead('304 Not Modified', ...lines), LATER);
  return freshening.kind === 'mismatch' ? 'mismatch' : { ...freshening, head: metaOf(freshening.meta) };
};
const updated = (stored: StoredView, lines: readonly string[], made: Made = {}): Updated => {
  const result = freshened(stored, lines, made);
  assert.ok(result !== 'mismatch');
  return result;
};

test('a 304 is about the entry that its validators name (RFC 9111 4.3.4)', () => {
  const rows: readonly (readonly [why: string, stored: readonly string[], lines: readonly string[], isAbout: boolean])[] = [
    ['the same strong tag', ['ETag: "a"'], ['ETag: "a"'], true],
    ['another strong tag', ['ETag: "a"'], ['ETag: "b"'], false],
    ['a weak form of it', ['ETag: "a"'], ['ETag: W/"a"'], true],
    ['another weak one', ['ETag: W/"a"'], ['ETag: W/"b"'], false],
    ['a tag, where none was stored', [`Last-Modified: ${at(-9)}`], ['ETag: "b"'], false],
    ['the same date', [`Last-Modified: ${at(-9)}`], [`Last-Modified: ${at(-9)}`], true],
    ['another date', [`Last-Modified: ${at(-9)}`], [`Last-Modified: ${at(-8)}`], false],
    ['the tag, and another date', ['ETag: "a"', `Last-Modified: ${at(-9)}`], ['ETag: "a"', `Last-Modified: ${at(-8)}`], true],
    ['nothing: the one that was asked about', ['ETag: "a"'], [], true],
  ];
  for (const [why, stored, lines, isAbout] of rows) assert.equal(freshened(view([HOUR, ...stored]), lines) !== 'mismatch', isAbout, why);
});

test('fields of the 304 take the place of stored ones, the others stay (RFC 9111 3.2)', () => {
  const stored = view([
    'Cache-Control: max-age=1',
    'ETag: "a"',
    'A: 1',
    'B: 1',
    'B: 2',
    'Content-Type: text/plain',
    'Content-Encoding: gzip',
  ]);
  const { head } = updated(stored, [`Date: ${at(60)}`, 'ETag: "a"', 'b: 3', 'C: 4', 'Content-Type: text/html', HOUR]);
  const kept = ['A: 1', 'Content-Encoding: gzip', `Date: ${at(60)}`, 'ETag: "a"', 'b: 3', 'C: 4', 'Content-Type: text/html', HOUR];
  assert.equal(head.head, `HTTP/1.1 200 OK\r\n${kept.join('\r\n')}\r\n\r\n`);
});

test('what describes the stored bytes, the hop, and what is not to be stored is not taken over', () => {
  const stored = view([HOUR, 'ETag: "a"', 'Content-Encoding: gzip', 'X-A: 1']);
  const odd = [
    'Content-Length: 99',
    'Content-Encoding: br',
    'Content-Range: bytes 0-1/2',
    'Connection: x-hop',
    'X-Hop: 1',
    'Keep-Alive: timeout=1',
    'Age: 5',
  ];
  const { head } = updated(stored, [
    `Date: ${at(60)}`,
    ...odd,
    'Set-Cookie: a=b',
    'Cache-Control: max-age=5, no-cache="x-secret"',
    'X-Secret: 1',
  ]);
  const kept = ['ETag: "a"', 'Content-Encoding: gzip', 'X-A: 1', `Date: ${at(60)}`, 'Cache-Control: max-age=5, no-cache="x-secret"'];
  assert.equal(head.head, `HTTP/1.1 200 OK\r\n${kept.join('\r\n')}\r\n\r\n`);
  const told = { config: { storeSetCookie: true } };
  assert.match(updated(view([HOUR, 'ETag: "a"'], told), ['Set-Cookie: a=c'], told).head.head, /Set-Cookie: a=c/);
});

test('freshness is reckoned anew, from what both say together', () => {
  const stored = view(['Cache-Control: max-age=10', 'ETag: "a"', 'Age: 9']);
  const { numbers, mayKeep } = updated(stored, [`Date: ${at(60)}`]);
  assert.equal(numbers[N_LIFETIME], 10, 'the stored lifetime holds where the 304 has none');
  assert.equal(numbers[N_RESPONSE_TIME], 60_000);
  assert.equal(numbers[N_FRESH_UNTIL], 70_000, 'the stored Age plays no part any more');
  assert.equal(numbers[N_DATE], NOW + 60_000);
  assert.equal(numbers[N_EPOCH], 7);
  assert.equal(mayKeep, true);
  assert.equal(updated(stored, [`Date: ${at(60)}`, 'Age: 4']).numbers[N_FRESH_UNTIL], 66_000, 'its own does');
  assert.equal(updated(stored, []).numbers[N_FRESH_UNTIL], 70_000, 'without Date it is of now');
  assert.equal(updated(stored, [`Date: ${at(60)}`, HOUR]).numbers[N_LIFETIME], 3600);
});

test('what a 304 forbids to store answers once and is not kept', () => {
  const stored = view([HOUR, 'ETag: "a"', 'X: 1']);
  for (const line of ['Cache-Control: no-store', 'Cache-Control: private, max-age=60', 'Vary: *']) {
    const { mayKeep, numbers } = updated(stored, [line], { config: { staleIfErrorMs: 60_000 } });
    assert.equal(mayKeep, false, line);
    assert.deepEqual(
      [N_FRESH_UNTIL, N_STALE_IF_ERROR].map((n) => numbers[n]),
      [Number.NEGATIVE_INFINITY, 0],
      'nobody else may use it while it is there',
    );
  }
});

test('a 304 to somebody with credentials leaves the entry as it was for the others (RFC 9111 3.5)', () => {
  const stored = view(['Cache-Control: max-age=10', 'ETag: "a"', 'X: 1']);
  const authorized = { request: ['Authorization: x'] };
  const { mayKeep, numbers, head } = updated(stored, [HOUR, 'X: 2'], authorized);
  assert.equal(mayKeep, true);
  assert.deepEqual(head, stored.meta);
  assert.deepEqual(numbers, stored.numbers);
  const shared = updated(stored, ['Cache-Control: public, max-age=3600', 'X: 2'], authorized);
  assert.deepEqual([shared.mayKeep, shared.numbers[N_LIFETIME]], [true, 3600], 'unless the origin says that it is for all');
});

test('variants, tags and groups follow the updated fields', () => {
  const stored = view([HOUR, 'ETag: "a"', 'Vary: foo', 'Cache-Tag: a', 'Cache-Groups: "g"'], { request: ['Foo: 1'] });
  const { head } = updated(stored, ['Cache-Tag: b', 'Vary: foo, bar'], { request: ['Foo: 1', 'Bar: 2'] });
  assert.deepEqual([head.vary, head.tags, head.groups], [['bar', '=2', 'foo', '=1'], ['b'], ['g']]);
});

test('status and body stay those that are stored', () => {
  const stored = view([HOUR, 'ETag: "a"'], { status: '203 Other' });
  const { numbers, head } = updated(stored, []);
  assert.equal(numbers[N_STATUS], 203);
  assert.match(head.head, /^HTTP\/1\.1 203 Other\r\n/);
  const part = view([HOUR, 'ETag: "a"', 'Content-Range: bytes 10-19/40'], {
    status: '206 Partial Content',
    request: ['Range: bytes=10-19'],
  });
  const still = updated(part, []).numbers;
  assert.deepEqual(
    [N_STATUS, N_FIRST_BYTE, N_COMPLETE_LENGTH].map((n) => still[n]),
    [206, 10, 40],
  );
});

test('an answer to HEAD updates what GET got, or makes it invalid (RFC 9111 4.3.5)', () => {
  const stored = view(['Cache-Control: max-age=1', 'ETag: "a"', `Last-Modified: ${at(-9)}`, 'A: 1']);
  const by = (lines: readonly string[]): Freshening =>
    freshenByHead(asked(requestHead('HEAD /a HTTP/1.1')), stored, responseHead('200 OK', ...lines), LATER);
  const rows: readonly (readonly [why: string, lines: readonly string[], isSame: boolean])[] = [
    ['the same validators', ['ETag: "a"', `Last-Modified: ${at(-9)}`, 'Content-Length: 10'], true],
    ['the tag alone', ['ETag: "a"'], true],
    ['the date alone', [`Last-Modified: ${at(-9)}`], false],
    ['none: it went out as a condition, and did not come back', [HOUR], false],
    ['another tag', ['ETag: "b"'], false],
    ['a weak form', ['ETag: W/"a"'], false],
    ['another date', [`Last-Modified: ${at(-8)}`], false],
    ['another length', ['ETag: "a"', 'Content-Length: 11'], false],
  ];
  for (const [why, lines, isSame] of rows) assert.equal(by(lines).kind !== 'mismatch', isSame, why);
  const bare = view(['Cache-Control: max-age=1']);
  const byBare = (lines: readonly string[]): Freshening =>
    freshenByHead(asked(requestHead('HEAD /a HTTP/1.1')), bare, responseHead('200 OK', ...lines), LATER);
  assert.deepEqual([byBare([HOUR]).kind, byBare(['ETag: "a"']).kind], ['updated', 'mismatch'], 'of what has none');
  const result = by([HOUR, 'ETag: "a"', 'A: 2', 'Content-Length: 10']);
  assert.ok(result.kind === 'updated');
  assert.equal(result.numbers[N_LIFETIME], 3600);
  assert.equal((result.numbers[N_BITS] ?? 0) & BIT_HEADERS_ONLY, 0, 'the body is still there');
  assert.match(metaOf(result.meta).head, /A: 2\r\n/);
});

const PART_REQUEST = ['Range: bytes=10-19'];
const part = (range: string, tag = '"a"', body = '0123456789'): StoredView =>
  view([HOUR, `ETag: ${tag}`, 'A: 1', `Content-Range: bytes ${range}`], { status: '206 Partial Content', request: PART_REQUEST, body });
const arrived = (stored: StoredView, range: string, length: number, tag = '"a"'): ReturnType<typeof combine> =>
  combine(
    asked(requestHead('GET /a HTTP/1.1', 'Range: bytes=0-9')),
    stored,
    responseHead('206 Partial Content', `ETag: ${tag}`, 'A: 2', `Content-Range: bytes ${range}`, `Content-Length: ${length}`),
    LATER,
  );

test('parts under one strong tag are put together where they touch (RFC 9111 3.4)', () => {
  const rows: readonly (readonly [why: string, stored: StoredView, range: string, pieces: string | undefined, place: readonly number[]])[] =
    [
      ['behind', part('0-9/40'), '10-19/40', 'stored 0-10, new 0-10', [206, 0, 40]],
      ['before', part('10-19/40'), '0-9/40', 'new 0-10, stored 0-10', [206, 0, 40]],
      ['overlapping behind', part('0-9/40'), '5-19/40', 'stored 0-10, new 5-15', [206, 0, 40]],
      ['overlapping before', part('10-19/40'), '0-14/40', 'new 0-10, stored 0-10', [206, 0, 40]],
      ['around', part('10-19/40'), '5-24/40', 'new 0-5, stored 0-10, new 15-20', [206, 5, 40]],
      ['within', part('10-19/40'), '12-13/40', 'stored 0-10', [206, 10, 40]],
      ['to the whole', part('0-9/20'), '10-19/20', 'stored 0-10, new 0-10', [200, 0, 20]],
      ['the length was not known', part('0-9/*'), '10-19/20', 'stored 0-10, new 0-10', [200, 0, 20]],
      ['the length is not known', part('0-9/*'), '10-19/*', 'stored 0-10, new 0-10', [206, 0, -1]],
      ['over a whole', view([HOUR, 'ETag: "a"']), '2-3/10', 'stored 0-10', [200, 0, 10]],
      ['a gap', part('0-9/40'), '11-19/40', undefined, []],
      ['another length of the whole', part('0-9/40'), '10-19/41', undefined, []],
      ['stored beyond the end', part('10-19/*'), '0-9/15', undefined, []],
    ];
  for (const [why, stored, range, pieces, place] of rows) {
    const [first = 0, last = 0] = range.split(/[-/]/).map(Number);
    const result = arrived(stored, range, last - first + 1);
    if (pieces === undefined) assert.equal(result.kind, 'apart', why);
    else {
      assert.ok(result.kind === 'combined', why);
      assert.equal(result.pieces.map(({ from, start, end }) => `${from} ${start}-${end}`).join(', '), pieces, why);
      const { numbers, bodyBytes } = result.admission;
      assert.deepEqual(
        [N_STATUS, N_FIRST_BYTE, N_COMPLETE_LENGTH].map((n) => numbers[n]),
        place,
        why,
      );
      assert.equal(
        bodyBytes,
        result.pieces.reduce((sum, { start, end }) => sum + end - start, 0),
        why,
      );
      assert.equal(result.isWhole, place[0] === 200, why);
      assert.equal(((numbers[N_BITS] ?? 0) & BIT_PARTIAL) === 0, result.isWhole, why);
    }
  }
});

test('parts are not put together without a strong tag, or where the answer contradicts itself', () => {
  assert.equal(arrived(part('0-9/40', '"b"'), '10-19/40', 10).kind, 'apart');
  assert.equal(arrived(part('0-9/40', 'W/"a"'), '10-19/40', 10, 'W/"a"').kind, 'apart');
  assert.equal(arrived(part('0-9/40'), '10-19/40', 9).kind, 'apart');
  assert.equal(
    combine(asked(requestHead('GET /a HTTP/1.1')), part('0-9/40'), responseHead('206 Partial Content', 'ETag: "a"'), LATER).kind,
    'apart',
  );
});

test('fields of the new part take the place of the stored ones', () => {
  const result = arrived(part('0-9/20'), '10-19/20', 10);
  assert.ok(result.kind === 'combined');
  const { head } = metaOf(result.admission.meta);
  assert.equal(head, `HTTP/1.1 200 OK\r\n${HOUR}\r\nETag: "a"\r\nA: 2\r\nDate: ${at(60)}\r\n\r\n`);
});
