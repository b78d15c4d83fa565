import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { DirectWriter } from '../../../src/base/direct-writer.ts';
import { AnswerWriter } from '../../../src/edge/answer-writer.ts';
import type { AnswerFraming } from '../../../src/exchange/client-port.ts';
import { parseReply } from '../../harness/http-reply.ts';

const BLOCK = 'X-A: 1\r\n';
const NONE: AnswerFraming = { kind: 'none' };
const UNKNOWN: AnswerFraming = { kind: 'unknown' };
const ofLength = (bytes: number): AnswerFraming => ({ kind: 'length', bytes });

/** Keeps what is written; `isHeld` says whether the kernel left the bytes with us. */
class FakeWire {
  readonly writes: string[] = [];
  isHeld = false;
  isFull = false;
  writeText(text: string): void {
    this.writes.push(text);
  }
  writeBytes(bytes: Buffer): boolean {
    this.writes.push(bytes.toString('latin1'));
    return this.isHeld;
  }
  writeAround(before: string, bytes: Buffer, after: string): boolean {
    this.writes.push(before + bytes.toString('latin1') + after);
    return this.isHeld;
  }
  get text(): string {
    return this.writes.join('');
  }
}

function writerOf(): { writer: AnswerWriter; wire: FakeWire } {
  const wire = new FakeWire();
  return { writer: new AnswerWriter(wire as unknown as DirectWriter), wire };
}

for (const [what, minor, isKept, framing, lengthWhenNone, expected] of [
  ['a length', 1, true, ofLength(2), -1, 'Content-Length: 2\r\n'],
  ['an unknown length, in chunks', 1, true, UNKNOWN, -1, 'Transfer-Encoding: chunked\r\n'],
  ['no body and nothing to tell', 1, true, NONE, -1, ''],
  ['no body but a length to tell (HEAD)', 1, true, NONE, 7, 'Content-Length: 7\r\n'],
  ['the last answer', 1, false, ofLength(2), -1, 'Content-Length: 2\r\nConnection: close\r\n'],
  ['HTTP/1.0 that may go on', 0, true, ofLength(2), -1, 'Content-Length: 2\r\nConnection: keep-alive\r\n'],
  ['HTTP/1.0, unknown length', 0, false, UNKNOWN, -1, 'Connection: close\r\n'],
] as const) {
  test(`the head of ${what} has exactly these framing fields (RFC 9112 6.3, 9.3)`, () => {
    const { writer, wire } = writerOf();
    writer.minor = minor;
    writer.isKeptAlive = isKept;
    writer.writeHead('200 OK', BLOCK, framing, lengthWhenNone);
    writer.flush();
    assert.equal(wire.text, `HTTP/1.1 200 OK\r\n${BLOCK}${expected}\r\n`);
    assert.equal(writer.isUntilClose, minor === 0 && framing.kind === 'unknown');
  });
}

test('head, small body and end leave in one write', () => {
  const { writer, wire } = writerOf();
  writer.writeHead('200 OK', BLOCK, UNKNOWN, -1);
  assert.equal(writer.writeBody(Buffer.from('abc')), 'released');
  writer.finish();
  assert.deepEqual(wire.writes, [`HTTP/1.1 200 OK\r\n${BLOCK}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`]);
  assert.equal(writer.takeBytesWritten(), wire.text.length);
  assert.equal(writer.takeBytesWritten(), 0);
});

test('a large piece is written as it is lent, and said to be kept where the kernel left it with us', () => {
  for (const isHeld of [true, false]) {
    const { writer, wire } = writerOf();
    wire.isHeld = isHeld;
    writer.writeHead('200 OK', BLOCK, ofLength(20_000), -1);
    assert.equal(writer.writeBody(Buffer.alloc(20_000, 97)), isHeld ? 'kept' : 'released');
    assert.equal(wire.writes.length, 1);
    assert.ok(wire.text.endsWith(`Content-Length: 20000\r\n\r\n${'a'.repeat(20_000)}`));
  }
});

test('an answer without a body has none, whatever is written; an empty piece is no last chunk', () => {
  const { writer, wire } = writerOf();
  writer.writeHead('304 Not Modified', BLOCK, NONE, -1);
  writer.writeBody(Buffer.from('abc'));
  writer.finish();
  writer.writeHead('200 OK', BLOCK, UNKNOWN, -1);
  writer.writeBody(Buffer.alloc(0));
  writer.writeBody(Buffer.from('x'));
  writer.finish();
  assert.equal(
    wire.text,
    `HTTP/1.1 304 Not Modified\r\n${BLOCK}\r\nHTTP/1.1 200 OK\r\n${BLOCK}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n`,
  );
});

test('interim answers stand before the final one', () => {
  const { writer, wire } = writerOf();
  writer.writeInformational('HTTP/1.1 100 Continue\r\n\r\n');
  writer.writeHead('200 OK', '', ofLength(0), -1);
  writer.finish();
  assert.equal(wire.text, 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
});

/** One answer as a property test draws it. */
const answers = fc.record({
  status: fc.constantFrom('200 OK', '404 Not Found', '204 No Content'),
  block: fc.constantFrom('', BLOCK, 'X-A: 2\r\n'),
  isKeptAlive: fc.boolean(),
  minor: fc.constantFrom(0, 1),
  isKnown: fc.boolean(),
  pieces: fc.array(fc.nat({ max: 40_000 }), { maxLength: 4 }),
});

test('whatever was written before, every answer is read by a strict reader as what it was meant to be', () => {
  fc.assert(
    fc.property(fc.array(answers, { minLength: 1, maxLength: 6 }), (drawn) => {
      const { writer, wire } = writerOf();
      for (const { status, block, isKeptAlive, minor, isKnown, pieces } of drawn) {
        const isBodiless = status.startsWith('204');
        const body = Buffer.concat(pieces.map((size, i) => Buffer.alloc(size, 97 + i)));
        wire.writes.length = 0;
        writer.minor = minor;
        writer.isKeptAlive = isKeptAlive;
        writer.writeHead(status, block, isBodiless ? NONE : isKnown ? ofLength(body.length) : UNKNOWN, -1);
        for (const [i, size] of pieces.entries()) writer.writeBody(Buffer.alloc(size, 97 + i));
        writer.finish();
        const parsed = parseReply(Buffer.from(wire.text, 'latin1'), 'GET', true);
        assert.equal(parsed.kind, 'message');
        if (parsed.kind !== 'message') return;
        assert.equal(parsed.length, wire.text.length);
        assert.equal(`${parsed.message.status} ${parsed.message.reason}`, status);
        assert.ok(parsed.message.body.equals(isBodiless ? Buffer.alloc(0) : body));
        assert.equal(parsed.message.field('x-a'), /X-A: (\d)/.exec(block)?.[1]);
        const told = parsed.message.field('connection');
        assert.equal(told, isKeptAlive ? (minor === 0 ? 'keep-alive' : undefined) : 'close');
      }
    }),
    { numRuns: 200 },
  );
});
