import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MAX_INFORMATIONAL, ResponseReader } from '../../src/upstream/reader.ts';
import { type Outcome, readSlowly } from './slow-response.ts';

/** The reader under test, fed with `text` cut at `cuts`. `used`: bytes taken up to the end of the response. */
function readFast(text: string, isHead: boolean, cuts: readonly number[]): Outcome & { status: string } {
  const reader = new ResponseReader({ maxHeadBytes: 4000, maxFields: 12 });
  const bytes = Buffer.from(text, 'latin1');
  const edges = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
  const events: string[] = [];
  let body = '';
  let at = 0;
  reader.begin(isHead);
  for (const end of edges) {
    do {
      at = reader.next(bytes, at, end);
      if (reader.status === 'body') body += bytes.toString('latin1', reader.dataStart, reader.dataEnd);
      if (reader.status === 'informational') events.push(`informational ${reader.head.status}`);
      if (reader.status === 'head')
        events.push(`head ${reader.head.status} ${reader.bodyLength} ${reader.head.keepAlive} ${fields(reader)}`);
    } while (!['more', 'end', 'fault'].includes(reader.status));
    if (reader.status !== 'more') break;
  }
  const isEnd = reader.status === 'end' || (reader.status === 'more' && reader.endOfStream());
  return { kind: isEnd ? 'whole' : 'not-whole', status: reader.status, events, body, used: isEnd ? at : 0 };
}

function fields(reader: ResponseReader): string {
  const { marks, text } = reader.head;
  const all: string[] = [];
  for (let i = 0; i < marks.count; i++) {
    all.push(`${text.slice(marks.starts[i], marks.nameEnds[i])}=${text.slice(marks.valueStarts[i], marks.valueEnds[i])}`);
  }
  return all.join('|');
}

const rarely = <T>(often: fc.Arbitrary<T>, seldom: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: often, weight: 6 }, { arbitrary: seldom, weight: 1 });
const field = rarely(
  fc.constantFrom(
    'Content-Length: 5',
    'content-length:5',
    'Content-Length: 5, 5',
    'Content-Length: 0',
    'Transfer-Encoding: chunked',
    'Connection: close',
    'Connection: keep-alive',
    'X-A: b',
    'Date:  today \t',
    'Empty:',
  ),
  fc.constantFrom(
    'Content-Length: 6',
    'Transfer-Encoding: gzip',
    'Transfer-Encoding: foo',
    'A : b',
    ' folded',
    'no colon',
    'Content-Length: -1',
    'A: \x01',
    '',
  ),
);
const chunk = fc
  .tuple(fc.string({ minLength: 1, maxLength: 20, unit: 'binary-ascii' }), fc.constantFrom('', ';a=b', ' ;x', ';"q"'))
  .map(([data, extension]) => `${data.length.toString(16)}${extension}\r\n${data}\r\n`);
const body = fc.oneof(
  fc.constant('hello'),
  fc.constant(''),
  fc.string({ maxLength: 20, unit: 'binary-ascii' }),
  fc
    .tuple(fc.array(chunk, { maxLength: 5 }), fc.constantFrom('', 'T: v\r\n', 'bad\r\n'))
    .map(([all, trailer]) => `${all.join('')}0\r\n${trailer}\r\n`),
);
const statusLine = rarely(
  fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.0 200 OK', 'HTTP/1.1 204 ', 'HTTP/1.1 304', 'HTTP/1.1 500 Oh no'),
  fc.constantFrom('HTTP/2.0 200 OK', 'HTTP/1.1 20 OK', 'http/1.1 200 OK', 'HTTP/1.1 101 Switching', 'HTTP/1.12 200 OK'),
);
const interim = fc.constantFrom('', '', '', 'HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 Early\r\nContent-Length: x\r\nLink: a\r\n\r\n');
const message = fc
  .tuple(interim, statusLine, fc.array(field, { maxLength: 5 }), body, fc.constantFrom('', '', 'HTTP/1.1 200 OK\r\n\r\n'))
  .map(
    ([first, line, lines, content, surplus]) => `${first}${line}\r\n${lines.map((each) => `${each}\r\n`).join('')}\r\n${content}${surplus}`,
  );
const mutation = fc.tuple(
  fc.nat(400),
  fc.constantFrom('drop', 'put', 'double', 'cut'),
  fc.constantFrom('\r', '\n', '\0', ' ', ':', '\t', '0', 'f', ';', ',', '\xff'),
);
const mutated = fc.tuple(message, fc.array(mutation, { maxLength: 3 })).map(([text, mutations]) =>
  mutations.reduce((now, [place, kind, byte]) => {
    const at = place % (now.length + 1);
    if (kind === 'drop') return now.slice(0, at) + now.slice(at + 1);
    if (kind === 'put') return now.slice(0, at) + byte + now.slice(at);
    if (kind === 'double') return now.slice(0, at) + now.slice(Math.max(0, at - 7), at) + now.slice(at);
    return now.slice(0, Math.max(at, 1));
  }, text),
);
const cuts = fc.array(fc.nat(300), { maxLength: 6 });

describe('the response reader', () => {
  it('takes what an obvious reader takes, with the same result, and nothing else', () => {
    let whole = 0;
    fc.assert(
      fc.property(mutated, fc.boolean(), cuts, (text, isHead, places) => {
        const slow = readSlowly(text, isHead);
        const { status, ...fast } = readFast(text, isHead, places);
        if (slow.kind === 'whole') {
          whole++;
          assert.deepEqual(fast, slow);
        } else {
          assert.equal(fast.kind, 'not-whole', status);
        }
      }),
      { numRuns: 10_000 },
    );
    // Else the fuzzer only compares refusals.
    assert.ok(whole > 2000, `only ${whole} whole responses`);
  });

  it('does not depend on how the bytes are split', () => {
    fc.assert(
      fc.property(mutated, fc.boolean(), cuts, (text, isHead, places) => {
        const byteByByte = [...text].map((_, i) => i);
        const once = readFast(text, isHead, []);
        assert.deepEqual(readFast(text, isHead, places), once);
        assert.deepEqual(readFast(text, isHead, byteByByte), once);
      }),
      { numRuns: 5000 },
    );
  });

  it('refuses what can never become a head before it is whole', () => {
    for (const text of ['<html>', 'HTTX', 'HTTP/1.1 200 OK\nA', 'HTTP/1.1 200 OK\r\n\nA', '\r\n']) {
      assert.equal(readFast(text, false, []).status, 'fault', JSON.stringify(text));
    }
    for (const text of ['H', 'HTTP/', 'HTTP/1.1 200 OK\r\nA']) assert.equal(readFast(text, false, []).status, 'more', text);
  });

  it('bounds heads, fields and interim answers', () => {
    const head = (length: number): string => `HTTP/1.1 200 OK\r\nA: ${'x'.repeat(length - 24)}\r\n\r\n`;
    for (const places of [[], [10], [3000]]) {
      assert.equal(readFast(head(4000), false, places).kind, 'whole');
      assert.equal(readFast(head(4001), false, places).status, 'fault');
    }
    const interims = (count: number): string => 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(count);
    assert.equal(readFast(interims(MAX_INFORMATIONAL), false, []).status, 'more');
    assert.equal(readFast(interims(MAX_INFORMATIONAL + 1), false, []).status, 'fault');
  });
});
