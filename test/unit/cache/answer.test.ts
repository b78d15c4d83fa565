import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { admit } from '../../../src/cache/admit.ts';
import { answerStored, type StoredAnswer } from '../../../src/cache/answer.ts';
import { decodeMeta, type StoredView } from '../../../src/cache/stored.ts';
import { formatHttpDate } from '../../../src/http/http-date.ts';
import { asked, requestHead, responseHead } from './model-cache.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const MODIFIED = `Last-Modified: ${formatHttpDate(NOW - 9000)}`;
const BODY = '0123456789ABCDEFGHIJ';
const LINES = [`Date: ${formatHttpDate(NOW)}`, 'Cache-Control: max-age=60', 'ETag: "a"', MODIFIED, 'Content-Type: text/plain'];

function view(status = '200 OK', lines: readonly string[] = LINES, request: readonly string[] = [], body = BODY): StoredView {
  const response = responseHead(status, ...lines, `Content-Length: ${body.length}`);
  const admission = admit(asked(requestHead('GET /a HTTP/1.1', ...request)), response, {
    requestMs: 0,
    responseMs: 7.125,
    responseEpochMs: NOW,
  });
  assert.ok(admission.kind === 'store');
  const meta = decodeMeta(admission.meta);
  assert.ok(meta !== undefined);
  return { meta, numbers: admission.numbers, flags: 0, bodyLength: body.length };
}

const WHOLE = view();
const answered = (lines: readonly string[], stored = WHOLE, start = 'GET /a'): StoredAnswer =>
  answerStored(asked(requestHead(`${start} HTTP/1.1`, ...lines)), stored);

function bodyOf(answer: StoredAnswer, body = BODY): string {
  return answer.segments.map((segment) => (segment.kind === 'text' ? segment.text : body.slice(segment.from, segment.to))).join('');
}

test('a plain request gets the whole, and always the same object', () => {
  assert.equal(answered([]).kind, 'whole');
  assert.equal(answered([]), answered(['X: 1']));
  assert.equal(answered([], WHOLE, 'HEAD /a').kind, 'whole');
});

test('a condition that the stored response meets is answered 304, without what describes a body (RFC 9110 15.4.5)', () => {
  for (const line of ['If-None-Match: "a"', `If-Modified-Since: ${formatHttpDate(NOW)}`, 'If-None-Match: W/"a"']) {
    const answer = answered([line]);
    assert.deepEqual([answer.kind, answer.statusText, answer.bodyBytes], ['not-modified', '304 Not Modified', 0], line);
    for (const name of ['etag', 'date', 'vary', 'cache-control', 'expires', 'content-location', 'last-modified'])
      assert.ok(!answer.dropped.includes(name), name);
    assert.ok(answer.dropped.includes('content-type'));
  }
  assert.equal(answered(['If-None-Match: "a"'], WHOLE, 'HEAD /a').kind, 'not-modified');
  assert.equal(answered(['If-None-Match: "b"']).kind, 'whole');
  assert.equal(answered(['If-None-Match: "a"', 'Range: bytes=0-1']).kind, 'not-modified', 'RFC 9110 13.2.2: conditions come first');
  assert.equal(answered(['If-None-Match: "b"', 'Range: bytes=0-1']).kind, 'range');
  assert.equal(answered(['If-None-Match: "a"'], view('404 Not Found')).kind, 'whole', '13.2.1: they count for successes alone');
});

test('one range (RFC 9110 15.3.7.1)', () => {
  const answer = answered(['Range: bytes=5-9']);
  assert.deepEqual(
    [answer.kind, answer.statusText, answer.lines, answer.bodyBytes],
    ['range', '206 Partial Content', 'Content-Range: bytes 5-9/20\r\n', 5],
  );
  assert.equal(bodyOf(answer), '56789');
  assert.equal(bodyOf(answered(['Range: bytes=-1'])), 'J');
  assert.equal(bodyOf(answered(['Range: bytes=18-'])), 'IJ');
  assert.equal(bodyOf(answered(['Range: bytes=0-3,2-5'])), '012345', 'what overlaps is one');
});

test('several ranges are parts with a boundary that is in no body by design (RFC 9110 15.3.7.2)', () => {
  const answer = answered(['Range: bytes=0-1,5-6,-1']);
  const boundary = /boundary=(\S+)\r\n/.exec(answer.lines)?.[1] ?? '';
  assert.match(boundary, /^sluice-part-[a-z\d]+$/);
  assert.equal(answer.lines, `Content-Type: multipart/byteranges; boundary=${boundary}\r\n`);
  assert.ok(answer.dropped.includes('content-type'));
  const part = (range: string, text: string): string =>
    `--${boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes ${range}/20\r\n\r\n${text}\r\n`;
  assert.equal(bodyOf(answer), `${part('0-1', '01')}${part('5-6', '56')}${part('19-19', 'J')}--${boundary}--\r\n`);
  assert.equal(answer.bodyBytes, bodyOf(answer).length);
  const untyped = answered(['Range: bytes=0-1,5-6'], view('200 OK', LINES.slice(0, 4)));
  assert.ok(!bodyOf(untyped).includes('Content-Type'));
});

test('ranges outside of the whole are 416, and those that are not understood are ignored', () => {
  const answer = answered(['Range: bytes=20-']);
  assert.deepEqual(
    [answer.kind, answer.statusText, answer.lines, answer.bodyBytes],
    ['unsatisfiable', '416 Range Not Satisfiable', 'Content-Range: bytes */20\r\n', 0],
  );
  for (const range of ['bytes=x', 'items=0-1', 'bytes=5-4', `bytes=${Array.from({ length: 17 }, (_, i) => `${i}-${i}`).join()}`]) {
    assert.equal(answered([`Range: ${range}`]).kind, 'whole', range);
  }
  assert.equal(answered(['Range: bytes=0-1'], WHOLE, 'HEAD /a').kind, 'whole', 'RFC 9110 14.2: of GET alone');
  assert.equal(answered(['Range: bytes=0-1'], view('404 Not Found')).kind, 'whole');
  assert.equal(answered(['Range: bytes=0-1'], view('200 OK', LINES, [], '')).kind, 'whole');
});

test('If-Range that does not hold asks for the whole (RFC 9110 13.1.5)', () => {
  assert.equal(answered(['Range: bytes=0-1', 'If-Range: "a"']).kind, 'range');
  assert.equal(answered(['Range: bytes=0-1', 'If-Range: "b"']).kind, 'whole');
  assert.equal(answered(['Range: bytes=0-1', `If-Range: ${MODIFIED.slice(15)}`]).kind, 'range');
  assert.equal(answered(['Range: bytes=0-1', `If-Range: ${formatHttpDate(NOW)}`]).kind, 'whole');
});

test('a stored part answers what lies within it, told by its place in the whole', () => {
  const part = view('206 Partial Content', [...LINES, 'Content-Range: bytes 100-119/500'], ['Range: bytes=100-119']);
  const answer = answered(['Range: bytes=105-109'], part);
  assert.deepEqual([answer.kind, answer.lines, bodyOf(answer)], ['range', 'Content-Range: bytes 105-109/500\r\n', '56789']);
  assert.equal(answered(['Range: bytes=105-109', 'If-None-Match: "a"'], part).kind, 'not-modified');
});

test('whatever is asked, the segments lie within the body and their sum is told', () => {
  const range = fc
    .tuple(fc.nat(25), fc.option(fc.nat(25), { nil: undefined }))
    .map(([first, last]) => `${first}-${last === undefined ? '' : first + last}`);
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 6 }), (specs) => {
      const answer = answered([`Range: bytes=${specs.join(',')}`]);
      for (const segment of answer.segments)
        if (segment.kind === 'stored') assert.ok(segment.from >= 0 && segment.from < segment.to && segment.to <= BODY.length);
      assert.equal(bodyOf(answer).length, answer.bodyBytes);
    }),
  );
});
