import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgePartialHead, skipEmptyLines } from '../../../src/edge/early-refusal.ts';
import { ReadBuffers } from '../../../src/edge/read-buffers.ts';
import { RequestBody } from '../../../src/edge/request-body.ts';
import { Stash } from '../../../src/edge/stash.ts';
import { FieldMarks } from '../../../src/http/field-marks.ts';
import { RequestHead } from '../../../src/http/request-head.ts';

// ---- stash ---------------------------------------------------------------------------------------------------------------

test('a stash gives back what was put in, in any pieces and turns', () => {
  const steps = fc.array(fc.oneof(fc.uint8Array({ maxLength: 700 }), fc.constant('take' as const)), { maxLength: 40 });
  fc.assert(
    fc.property(steps, (drawn) => {
      const stash = new Stash();
      let model = Buffer.alloc(0);
      for (const step of drawn) {
        if (step === 'take') {
          const taken = stash.take();
          assert.ok(taken.equals(model));
          model = Buffer.alloc(0);
        } else {
          const from = Buffer.concat([Buffer.from('xx'), step, Buffer.from('y')]);
          stash.append(from, 2, 2 + step.length);
          from.fill(0);
          model = Buffer.concat([model, step]);
        }
        assert.equal(stash.length, model.length);
        assert.ok(stash.peek().equals(model));
      }
    }),
  );
});

test('what was taken out of a stash stays as it is when the stash is filled again', () => {
  const stash = new Stash();
  stash.append(Buffer.from('abc'), 0, 3);
  const taken = stash.take();
  stash.append(Buffer.from('xyz'), 0, 3);
  assert.equal(taken.toString(), 'abc');
});

// ---- read buffers --------------------------------------------------------------------------------------------------------

test('a body that goes on is read into a buffer of its own, and never two connections into one', () => {
  const shared = Buffer.alloc(64 * 1024);
  const [one, two] = [new ReadBuffers(shared), new ReadBuffers(shared)];
  assert.equal(one.slot.turn(), undefined);
  one.useOwn();
  two.useOwn();
  assert.equal(one.slot.filled, shared, 'the reader learns of another only at the end of a read');
  const [own, other] = [one.slot.turn(), two.slot.turn()];
  assert.ok(own !== undefined && own !== shared && own !== other);
  assert.equal(one.slot.filled, own);
  one.useOwn();
  assert.equal(one.slot.turn(), undefined);
  one.useShared();
  assert.equal(one.slot.turn(), shared);
});

test('a piece that is still in use keeps its buffer from being read into', () => {
  const buffers = new ReadBuffers(Buffer.alloc(1024));
  buffers.useOwn();
  const own = buffers.slot.turn() as Buffer;
  buffers.leave(own);
  const next = buffers.slot.turn();
  assert.ok(next !== undefined && next !== own);
  buffers.leave(own);
  assert.equal(buffers.slot.turn(), undefined, 'an earlier one is not read into anyhow');
});

test('a piece of the shared buffer is lent as a copy, one of an own buffer as it stands', () => {
  const buffers = new ReadBuffers(Buffer.from('shared'));
  const copy = buffers.pieceOf(buffers.shared, 0, 3);
  buffers.shared.fill('x');
  assert.equal(copy.toString(), 'sha');
  const own = Buffer.from('own');
  const piece = buffers.pieceOf(own, 0, 2);
  own.fill('y');
  assert.equal(piece.toString(), 'yy');
});

// ---- request body --------------------------------------------------------------------------------------------------------

function bodyOf(head: Partial<RequestHead>): RequestBody {
  const body = new RequestBody();
  body.begin(Object.assign(new RequestHead(new FieldMarks(1)), head));
  return body;
}

/** Reads one body from pieces; gives its data, how many bytes it took, and how it ended. */
function readBody(body: RequestBody, pieces: readonly Buffer[]): { data: string; used: number; end: 'whole' | 'fault' | 'open' } {
  let data = '';
  let used = 0;
  for (const piece of pieces) {
    let at = 0;
    while (at < piece.length && !body.isWhole && !body.isFaulty) {
      const next = body.next(piece, at, piece.length);
      assert.ok(next > at || body.isFaulty);
      data += piece.toString('latin1', body.dataStart, body.dataEnd);
      used += next - at;
      at = next;
    }
  }
  return { data, used, end: body.isFaulty ? 'fault' : body.isWhole ? 'whole' : 'open' };
}

function splitAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  return edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
}

test('a body of a length is that many bytes, whatever the pieces, and nothing behind it', () => {
  fc.assert(
    fc.property(fc.nat({ max: 300 }), fc.string({ maxLength: 40 }), fc.array(fc.nat()), (length, behind, cuts) => {
      const content = 'x'.repeat(length);
      const read = readBody(bodyOf({ contentLength: length }), splitAt(Buffer.from(content + behind), cuts));
      assert.deepEqual(read, { data: content, used: length, end: 'whole' });
    }),
  );
});

test('a chunked body is its data, whatever the pieces, and nothing behind it', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 80 })), fc.array(fc.nat()), (sizes, cuts) => {
      const chunks = sizes.map((size, i) => String.fromCharCode(97 + (i % 26)).repeat(size));
      const coded = `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\nX: 1\r\n\r\n`;
      const read = readBody(bodyOf({ isChunked: true }), splitAt(Buffer.from(`${coded}GET /`), cuts));
      assert.deepEqual(read, { data: chunks.join(''), used: coded.length, end: 'whole' });
    }),
  );
});

test('a fault is told, and a new body is read afresh by the same object', () => {
  const body = bodyOf({ isChunked: true });
  assert.equal(readBody(body, [Buffer.from('3\r\nabcd')]).end, 'fault');
  body.begin(Object.assign(new RequestHead(new FieldMarks(1)), { isChunked: true }));
  assert.equal(readBody(body, [Buffer.from('1\r\na\r\n0\r\n\r\n')]).end, 'whole');
  body.begin(new RequestHead(new FieldMarks(1)));
  assert.equal(body.isWhole, true);
});

// ---- early refusal -------------------------------------------------------------------------------------------------------

for (const [text, expected] of [
  ['', undefined],
  ['GET / HTTP/1.1', undefined],
  ['GET / HTTP/1.1\r', undefined],
  ['GET / HTTP/1.1\r\nHost: a\tb\r\n', undefined],
  ['GET / HTTP/1.1\r\nX: \xe4\xff', undefined],
  ['GET / HTTP/1.1\n', 'malformed-request-line'],
  ['\x16\x03\x01\x02\x00\x01', 'malformed-request-line'],
  ['GET\0', 'malformed-request-line'],
  ['GET / HTTP/1.1\r\nHost: a\n', 'malformed-field'],
  ['GET / HTTP/1.1\r\nHost: a\rb', 'malformed-field'],
  ['GET / HTTP/1.1\r\nX: \0', 'malformed-field'],
] as const) {
  test(`the begun head ${JSON.stringify(text)} is ${expected ?? 'waited for'}`, () => {
    assert.equal(judgePartialHead(Buffer.from(text, 'latin1'), 0), expected);
  });
}

test('empty lines before a request are skipped, half of one is not', () => {
  const skip = (text: string): number => skipEmptyLines(Buffer.from(text), 0, text.length);
  assert.deepEqual([skip('GET'), skip('\r\nGET'), skip('\r\n\r\nG'), skip('\r'), skip('\r\n\r'), skip('\r\n')], [0, 2, 4, 0, 2, 2]);
});
