import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MAX_LINE_BYTES } from '../../../src/observe/access-line.ts';
import { AccessLog } from '../../../src/observe/access-log.ts';
import { AccessRecord } from '../../../src/observe/access-record.ts';

const BUFFER_BYTES = 128 * 1024;

/** A log with a writer that keeps every chunk until told, and a turn of the loop that ends when told. */
function rig(buffers = 2) {
  const held: Uint8Array[] = [];
  let text = '';
  let drops = 0;
  let scheduled: (() => void)[] = [];
  const log = new AccessLog((chunk) => held.push(chunk), {
    bufferBytes: BUFFER_BYTES,
    maxQueuedBytes: buffers * BUFFER_BYTES,
    onDrop: () => {
      drops += 1;
    },
    schedule: (flush) => scheduled.push(flush),
  });
  return {
    log,
    held,
    drops: () => drops,
    scheduled: () => scheduled.length,
    endTurn: () => {
      const due = scheduled;
      scheduled = [];
      for (const flush of due) flush();
    },
    /** Reads the chunk as late as may be, so that memory that was reused too early shows. */
    finishWrite: (at = 0) => {
      const [chunk] = held.splice(at, 1);
      text += Buffer.from(chunk!).toString('latin1');
      log.onWritten(chunk!);
    },
    lines: () => text.split('\n').slice(0, -1),
  };
}

function recordOf(target: string): AccessRecord {
  const record = new AccessRecord();
  record.requestId = 'k3v9x0qa-2-1f07';
  record.method = 'GET';
  record.target = target;
  record.status = 200;
  record.timeMs = Date.UTC(2026, 0, 31, 12, 0, 0, 7);
  record.totalMs = 1.2345;
  return record;
}

test('a record becomes one line of JSON with what it has and without what it has not', () => {
  const { log, endTurn, finishWrite, lines } = rig();
  const record = recordOf('/a?b=1');
  record.waitMs = 3;
  record.connectMs = 0.25;
  record.outcome = 'cut';
  log.write(record);
  endTurn();
  finishWrite();
  assert.deepEqual(JSON.parse(lines()[0]!), {
    time: '2026-01-31T12:00:00.007Z',
    requestId: 'k3v9x0qa-2-1f07',
    method: 'GET',
    target: '/a?b=1',
    status: 200,
    outcome: 'cut',
    bytesReceived: 0,
    bytesSent: 0,
    retries: 0,
    waitMs: 3,
    connectMs: 0.25,
    totalMs: 1.235,
  });
});

test('every text field reaches the line, whatever bytes it holds', () => {
  const bytes = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
  const { log, endTurn, finishWrite, lines } = rig();
  const record = recordOf(bytes);
  Object.assign(record, { listener: 'l', route: 'r', upstream: 'u', endpoint: 'http://e:1', host: 'h:1', protocol: 'HTTP/1.1' });
  Object.assign(record, {
    clientAddress: '::1',
    peerAddress: '10.0.0.1',
    userAgent: bytes,
    referer: bytes,
    proxyError: 'connection_refused',
  });
  log.write(record);
  endTurn();
  finishWrite();
  const line = JSON.parse(lines()[0]!);
  assert.deepEqual([line.target, line.userAgent, line.referer], [bytes, bytes, bytes]);
  assert.deepEqual([line.listener, line.route, line.upstream, line.endpoint, line.host], ['l', 'r', 'u', 'http://e:1', 'h:1']);
  assert.deepEqual([line.protocol, line.client, line.peer, line.proxyError], ['HTTP/1.1', '::1', '10.0.0.1', 'connection_refused']);
});

test('the records of one turn leave in one chunk, in order', () => {
  const { log, held, endTurn, finishWrite, lines, scheduled } = rig();
  for (let at = 0; at < 50; at += 1) log.write(recordOf(`/${at}`));
  assert.equal(scheduled(), 1);
  assert.equal(held.length, 0);
  endTurn();
  assert.equal(held.length, 1);
  finishWrite();
  assert.deepEqual(
    lines().map((line) => JSON.parse(line).target),
    Array.from({ length: 50 }, (_, at) => `/${at}`),
  );
  assert.equal(log.unwrittenBytes, 0);
});

test('a full buffer leaves before the turn ends', () => {
  const { log, held } = rig();
  for (let at = 0; at < 1000; at += 1) log.write(recordOf(`/${'x'.repeat(200)}`));
  assert.ok(held.length >= 1);
});

test('no line is longer than its bound, whatever a client sends', () => {
  const { log, endTurn, finishWrite, lines } = rig();
  const record = new AccessRecord();
  const long = '\u0000'.repeat(70_000);
  for (const key of [
    'requestId',
    'listener',
    'route',
    'upstream',
    'endpoint',
    'method',
    'target',
    'host',
    'protocol',
    'clientAddress',
    'peerAddress',
    'userAgent',
    'referer',
    'proxyError',
    'retryGivenUp',
  ] as const) {
    record[key] = long;
  }
  for (const key of ['status', 'bytesReceived', 'bytesSent', 'retries'] as const) record[key] = -(2 ** 53) + 1;
  for (const key of ['queueMs', 'routeMs', 'waitMs', 'connectMs', 'responseMs', 'bodyMs', 'totalMs'] as const) record[key] = 9e12;
  record.timeMs = 1e12;
  log.write(record);
  endTurn();
  finishWrite();
  assert.ok(lines()[0]!.length < MAX_LINE_BYTES);
  JSON.parse(lines()[0]!);
});

test('when the writer is behind, records are dropped and counted, and the log takes up again after it', () => {
  const { log, held, drops, endTurn, finishWrite, lines } = rig(2);
  let written = 0;
  while (drops() === 0) {
    log.write(recordOf(`/${written}/${'y'.repeat(500)}`));
    written += 1;
  }
  for (let at = 0; at < 9; at += 1) log.write(recordOf('/lost'));
  assert.equal(log.droppedTotal, 10);
  assert.equal(drops(), 10);
  assert.ok(log.unwrittenBytes <= 2 * BUFFER_BYTES);
  while (held.length > 0) finishWrite();
  log.write(recordOf('/back'));
  endTurn();
  while (held.length > 0) finishWrite();
  const targets = lines().map((line) => JSON.parse(line).target as string);
  assert.equal(targets.length, written - 1 + 1);
  assert.equal(targets.at(-1), '/back');
  assert.ok(!targets.includes('/lost'));
  assert.equal(log.droppedTotal, 10);
  assert.equal(log.unwrittenBytes, 0);
});

test('no byte of a chunk changes before it is given back, in whatever order that is', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('write' as const), length: fc.nat(8000) }),
    fc.record({ kind: fc.constant('turn' as const), length: fc.constant(0) }),
    fc.record({ kind: fc.constant('finish' as const), length: fc.nat(9) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { log, held, drops, endTurn, finishWrite, lines } = rig(3);
      let wrote = 0;
      for (const { kind, length } of steps) {
        if (kind === 'write') {
          log.write(recordOf(`/${wrote}/${'z'.repeat(length)}`));
          wrote += 1;
        } else if (kind === 'turn') endTurn();
        else if (held.length > 0) finishWrite(length % held.length);
      }
      endTurn();
      while (held.length > 0) finishWrite();
      const numbers = lines().map((line) => Number(JSON.parse(line).target.split('/')[1]));
      assert.equal(new Set(numbers).size, numbers.length);
      assert.equal(numbers.length, wrote - drops());
      assert.equal(log.unwrittenBytes, 0);
    }),
    { numRuns: 40 },
  );
});

test('a writer that is done at once is fine', () => {
  let text = '';
  const log: AccessLog = new AccessLog(
    (chunk) => {
      text += Buffer.from(chunk).toString('latin1');
      log.onWritten(chunk);
    },
    { bufferBytes: BUFFER_BYTES, maxQueuedBytes: BUFFER_BYTES, onDrop: () => assert.fail('dropped'), schedule: () => {} },
  );
  for (let at = 0; at < 3000; at += 1) {
    log.write(recordOf(`/${at}`));
    if (at % 7 === 0) log.flush();
  }
  log.flush();
  assert.equal(text.split('\n').length - 1, 3000);
});

test('a chunk that was never handed out breaks the programme', () => {
  assert.throws(() => rig().log.onWritten(new Uint8Array(4)), /was handed out/);
});

test('a record that was reset is like a new one', () => {
  const record = recordOf('/x');
  for (const key of Object.keys(record) as (keyof AccessRecord)[]) {
    if (typeof record[key] === 'number') Object.assign(record, { [key]: 5 });
    if (typeof record[key] === 'string') Object.assign(record, { [key]: 'used' });
  }
  record.reset();
  assert.deepEqual(record, new AccessRecord());
});
