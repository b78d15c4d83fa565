import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ClientPhase } from '../../../src/edge/client-phase.ts';
import type { NodeServer } from '../../../src/edge/node-listener.ts';
import type { RequestBody } from '../../../src/edge/request-body.ts';
import { type IntakeOwner, RequestIntake } from '../../../src/edge/request-intake.ts';
import { FieldMarks } from '../../../src/http/field-marks.ts';
import type { RequestRefusal } from '../../../src/http/refusal.ts';
import { RequestHead } from '../../../src/http/request-head.ts';
import type { Loan } from '../../../src/upstream/sink.ts';

const LIMITS = { maxHeadBytes: 2000, maxTargetBytes: 1000, maxFields: 50, maxConnections: 10 };

/** A connection that serves each request at once, or when it is told to, and a socket that is played by the test. */
class Bench implements IntakeOwner {
  /** Head of each request as text, then its body; a refusal or fault as its word. */
  readonly seen: string[] = [];
  phase: ClientPhase = 'idle';
  readonly shared = Buffer.alloc(64 * 1024);
  readonly intake: RequestIntake;
  /** Pieces that a slow upstream still refers to, with what they held when they were lent. */
  readonly kept: { readonly bytes: Buffer; readonly text: string }[] = [];
  answersAtOnce = true;
  keepsPieces = false;
  discards = false;
  /** The answer ends while the last bytes of its request are handed on. */
  answersInside = false;
  waiting = 0;
  begun = 0;
  private reading: Buffer;
  private body = '';

  constructor() {
    const server = {
      sharedRead: this.shared,
      config: { limits: LIMITS },
      takeHead: () => new RequestHead(new FieldMarks(LIMITS.maxFields)),
      giveHead: () => {},
    } as unknown as NodeServer;
    this.reading = this.shared;
    // A socket that is gone has no handle: the reader does nothing, and the test reads in its place.
    this.intake = new RequestIntake(this, server, { destroyed: true, _handle: null } as unknown as Socket);
  }

  /** As the kernel would: the bytes are put into the buffer that was given last. */
  read(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += this.reading.length) {
      const piece = bytes.subarray(at, at + this.reading.length);
      this.reading.fill(0xee);
      this.reading.set(piece);
      const { intake } = this as unknown as { intake: { onRead(length: number): Buffer | undefined } };
      this.reading = intake.onRead(piece.length) ?? this.reading;
      // Other connections use the shared one meanwhile.
      if (this.reading !== this.shared) this.shared.fill(0xdd);
    }
  }

  /** The answer is out: the next request may come. */
  answer(): void {
    this.waiting--;
    this.phase = 'idle';
    this.intake.goOn();
  }

  onBytes(): void {}
  onHeadBegun(): void {
    this.begun++;
  }
  onHead(head: RequestHead, body: RequestBody): void {
    this.body = '';
    this.seen.push(head.text);
    if (body.isWhole) this.end();
    else this.phase = this.discards ? 'discarding' : 'uploading';
  }
  onRefusal(refusal: RequestRefusal): void {
    this.seen.push(refusal);
    this.phase = 'closing';
    this.intake.drop();
  }
  onBodyBytes(bytes: Buffer): Loan {
    const text = bytes.toString('latin1');
    this.body += text;
    if (this.keepsPieces) this.kept.push({ bytes, text });
    if (this.answersInside && this.intake.body.isWhole) this.end();
    return this.keepsPieces ? 'kept' : 'released';
  }
  onBodyEnd(): void {
    this.end();
  }
  onBodyFault(): void {
    this.seen.push('fault');
    this.phase = 'closing';
    this.intake.drop();
  }
  onDiscarded(): void {
    this.end();
  }
  onException(error: unknown): void {
    throw error;
  }

  private end(): void {
    this.seen.push(this.body);
    this.waiting++;
    if (this.answersAtOnce) this.answer();
    else this.phase = 'answering';
  }
}

type Request = { readonly head: string; readonly coded: string; readonly body: string };

const requestArbitrary: fc.Arbitrary<Request> = fc
  .record({
    target: fc.constantFrom('/', '/a', '/a?b'),
    fields: fc.array(fc.constantFrom('X: 1', 'X: 2', 'Accept: */*'), { maxLength: 3 }),
    emptyLines: fc.nat({ max: 2 }),
    form: fc.constantFrom('none' as const, 'length' as const, 'chunked' as const),
    chunks: fc.array(fc.stringMatching(/^[a-z\r\n]{1,60}$/), { minLength: 1, maxLength: 4 }),
  })
  .map(({ target, fields, emptyLines, form, chunks }) => {
    const body = form === 'none' ? '' : chunks.join('');
    const framing = form === 'none' ? [] : [form === 'length' ? `Content-Length: ${body.length}` : 'Transfer-Encoding: chunked'];
    const lines = [`${form === 'none' ? 'GET' : 'POST'} ${target} HTTP/1.1`, 'Host: a', ...fields, ...framing];
    const head = `${lines.join('\r\n')}\r\n\r\n`;
    const chunked = `${chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('')}0\r\n\r\n`;
    return { head, body, coded: '\r\n'.repeat(emptyLines) + head + (form === 'chunked' ? chunked : body) };
  });

const sequence = fc.record({
  requests: fc.array(requestArbitrary, { minLength: 1, maxLength: 6 }),
  cuts: fc.array(fc.nat(), { maxLength: 20 }),
});

function splitAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const edges = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((a, b) => a - b);
  return edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
}

const expectedOf = (requests: readonly Request[]): string[] => requests.flatMap(({ head, body }) => [head, body]);
const wireOf = (requests: readonly Request[]): Buffer => Buffer.from(requests.map(({ coded }) => coded).join(''), 'latin1');

test('any sequence of requests cut anywhere gives the same heads and bodies', () => {
  fc.assert(
    fc.property(sequence, fc.boolean(), ({ requests, cuts }, keepsPieces) => {
      const bench = new Bench();
      bench.keepsPieces = keepsPieces;
      for (const piece of splitAt(wireOf(requests), cuts)) bench.read(piece);
      assert.deepEqual(bench.seen, expectedOf(requests));
      for (const { bytes, text } of bench.kept) assert.equal(bytes.toString('latin1'), text, 'a kept piece was overwritten');
    }),
    { numRuns: 1000 },
  );
});

test('an answer that ends while the last bytes of its request are handed on lets the next request begin', () => {
  const bench = new Bench();
  bench.answersInside = true;
  const request = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n';
  for (const piece of [`${request}ok${request}`, 'ok', `${request}ok`]) bench.read(Buffer.from(piece));
  assert.deepEqual(bench.seen, [request, 'ok', request, 'ok', request, 'ok']);
});

test('requests that come while one is being answered wait, and come in their order', () => {
  fc.assert(
    fc.property(sequence, fc.array(fc.boolean()), ({ requests, cuts }, answers) => {
      const bench = new Bench();
      bench.answersAtOnce = false;
      for (const [i, piece] of splitAt(wireOf(requests), cuts).entries()) {
        bench.read(piece);
        assert.ok(bench.waiting <= 1, 'one at a time');
        if (answers[i] && bench.waiting > 0) bench.answer();
      }
      for (let i = 0; bench.waiting > 0 && i <= requests.length; i++) bench.answer();
      assert.deepEqual(bench.seen, expectedOf(requests));
      assert.equal(bench.intake.hasHeld, false);
    }),
    { numRuns: 500 },
  );
});

test('bodies that nobody wants are read over, and the next request is found behind them', () => {
  fc.assert(
    fc.property(sequence, ({ requests, cuts }) => {
      const bench = new Bench();
      bench.discards = true;
      for (const piece of splitAt(wireOf(requests), cuts)) bench.read(piece);
      assert.deepEqual(
        bench.seen,
        requests.flatMap(({ head }) => [head, '']),
      );
    }),
  );
});

test('what cannot become a head is refused, wherever it is cut, and nothing behind it is read', () => {
  const bad = fc.constantFrom(
    ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'bad-host'],
    ['GET / HTTP/1.1\r\n\r\n', 'missing-host'],
    ['GET / HTTP/1.1\r\nHost: a\n\r\n\r\n', 'malformed-field'],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(2000)}\r\n\r\n`, 'head-too-large'],
    ['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'fault'],
  );
  fc.assert(
    fc.property(sequence, bad, ({ requests, cuts }, [text, word]) => {
      const bench = new Bench();
      const wire = Buffer.concat([wireOf(requests), Buffer.from(`${text}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`)]);
      for (const piece of splitAt(wire, cuts)) bench.read(piece);
      const [last, ...before] = bench.seen.toReversed();
      assert.equal(last, word);
      const whole = before.toReversed().slice(0, requests.length * 2);
      assert.deepEqual(whole, expectedOf(requests));
      assert.ok(!bench.seen.some((seen) => seen.includes('smuggled')));
    }),
    { numRuns: 300 },
  );
});

test('a head that trickles in is begun once a piece has come and it is not whole', () => {
  const bench = new Bench();
  bench.read(Buffer.from('GET / HT'));
  assert.equal(bench.begun, 1);
  bench.read(Buffer.from('TP/1.1\r\nHost: a\r\n\r\n'));
  assert.equal(bench.seen.length, 2);
});

test('small chunks that came together are handed on together, however they were kept before', () => {
  for (const keepsPieces of [false, true]) {
    const bench = new Bench();
    bench.keepsPieces = keepsPieces;
    let pieces = 0;
    const { onBodyBytes } = bench;
    bench.onBodyBytes = (bytes) => {
      pieces++;
      return onBodyBytes.call(bench, bytes);
    };
    const chunks = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(97 + (i % 26)));
    const head = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n';
    bench.read(Buffer.from(`${head}${chunks.map((chunk) => `1\r\n${chunk}\r\n`).join('')}0\r\n\r\n`));
    assert.deepEqual(bench.seen, [head, chunks.join('')]);
    for (const { bytes, text } of bench.kept) assert.equal(bytes.toString('latin1'), text, 'a kept piece was overwritten');
    assert.ok(pieces < 10, `${pieces} pieces`);
  }
});
