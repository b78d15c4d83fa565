import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ChunkedDecoder, MAX_CHUNK_EXTENSION_BYTES, MAX_TRAILER_BYTES } from '../../../src/http/chunked.ts';

type Outcome = { status: string; body: string; rest: string };

/** Feeds `text` cut at `cuts` and tells how it ended, what data came, and what was left over. */
function decode(text: string, cuts: readonly number[] = [], decoder = new ChunkedDecoder()): Outcome {
  const bytes = Buffer.from(text, 'latin1');
  const edges = [...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
  let body = '';
  let at = 0;
  for (const end of edges) {
    do {
      at = decoder.next(bytes, at, end);
      if (decoder.status === 'data') body += bytes.toString('latin1', decoder.dataStart, decoder.dataEnd);
    } while (decoder.status === 'data');
    if (decoder.status !== 'more') break;
  }
  return { status: decoder.status, body, rest: decoder.status === 'end' ? bytes.toString('latin1', at) : '' };
}

const whole = (body: string, rest = ''): Outcome => ({ status: 'end', body, rest });

describe('a chunked body', () => {
  const good: [name: string, text: string, body: string][] = [
    ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['several, sizes in any case and with zeros before', '0a\r\n0123456789\r\n00B\r\n0123456789a\r\n000\r\n\r\n', '01234567890123456789a'],
    ['none', '0\r\n\r\n', ''],
    ['many zeros', `${'0'.repeat(127)}1\r\nx\r\n${'0'.repeat(128)}\r\n\r\n`, 'x'],
    ['extensions', '5;a;b=c;d="e;f"\r\nhello\r\n0;last\r\n\r\n', 'hello'],
    ['bad white space before an extension, RFC 9112 7.1.1', '5 \t;a = b\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['trailers', '1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n', 'x'],
    ['line ends in the data', '4\r\n\r\n\r\n\r\n0\r\n\r\n', '\r\n\r\n'],
  ];
  for (const [name, text, body] of good) {
    it(`is decoded at every split: ${name}`, () => {
      for (let cut = 0; cut <= text.length; cut++) assert.deepEqual(decode(text, [cut]), whole(body), `cut at ${cut}`);
      assert.deepEqual(
        decode(
          text,
          [...text].map((_, i) => i),
        ),
        whole(body),
        'byte by byte',
      );
    });
  }

  const bad: [name: string, text: string][] = [
    ['no digit', '\r\n'],
    ['a sign', '-1\r\n'],
    ['a prefix', '0x1\r\n'],
    ['white space before the size', ' 1\r\n'],
    ['white space after the size', '1 \r\n'],
    ['bare LF after the size', '1\nx'],
    ['bare CR after the size', '1\rx'],
    ['bare LF after the data', '1\r\nx\n'],
    ['nothing after the data', '1\r\nx0'],
    ['too much data', '1\r\nxy\r\n'],
    ['a hundred and twenty-nine digits', `${'0'.repeat(128)}1\r\n`],
    ['2^64 and one', '10000000000000001\r\n'],
    ['2^53', '20000000000000\r\n'],
    ['bare LF in an extension', '1;a\nb\r\n'],
    ['bare CR in an extension', '1;a\rb\r\n'],
    ['NUL in an extension', '1;\0\r\n'],
    ['bare LF at the end', '0\r\n\n'],
    ['bare LF after the last size', '0\n\r\n'],
    ['a folded trailer', '0\r\nA: b\r\n c\r\n\r\n'],
    ['a trailer without a colon', '0\r\nA\r\n\r\n'],
    ['a space before the colon of a trailer', '0\r\nA : b\r\n\r\n'],
    ['bare LF in a trailer', '0\r\nA: b\n\r\n'],
    ['bare CR in a trailer', '0\r\nA: b\rc\r\n\r\n'],
    ['NUL in a trailer', '0\r\nA: \0\r\n\r\n'],
    ['too long an extension', `1;${'x'.repeat(MAX_CHUNK_EXTENSION_BYTES)}\r\n`],
    ['long extensions on small chunks', `1;${'x'.repeat(99)}\r\nx\r\n`.repeat(60)],
    ['too long a trailer', `0\r\nA: ${'x'.repeat(MAX_TRAILER_BYTES)}\r\n\r\n`],
  ];
  for (const [name, text] of bad) {
    it(`is refused: ${name}`, () => {
      for (let cut = 0; cut <= Math.min(text.length, 60); cut++) assert.equal(decode(text, [cut]).status, 'fault', `cut at ${cut}`);
    });
  }

  it('takes the largest size, and as long extensions as there is data for them', () => {
    assert.deepEqual(decode('1fffffffffffff\r\nx'), { status: 'more', body: 'x', rest: '' });
    const chunk = `c8;${'x'.repeat(99)}\r\n${'y'.repeat(200)}\r\n`;
    assert.equal(decode(`${chunk.repeat(200)}0\r\n\r\n`).status, 'end');
  });

  it('leaves what follows, and can be reset', () => {
    const decoder = new ChunkedDecoder();
    assert.deepEqual(decode('1\r\nx\r\n0\r\n\r\nHTTP/1.1', [], decoder), whole('x', 'HTTP/1.1'));
    decoder.reset();
    assert.deepEqual(decode('1\r\ny\r\n0\r\n\r\n', [3], decoder), whole('y'));
  });

  it('comes back whatever the chunks and the splits', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1, maxLength: 40 })), fc.array(fc.nat(400)), (chunks, cuts) => {
        const data = chunks.map((chunk) => Buffer.from(chunk).toString('latin1'));
        const text = `${data.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
        assert.deepEqual(decode(text, cuts), whole(data.join('')));
      }),
      { numRuns: 1000 },
    );
  });
});
