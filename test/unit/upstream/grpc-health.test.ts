import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { healthRequest, readHealthResponse } from '../../../src/upstream/health/grpc-health.ts';

/** A message behind its five bytes. */
const framed = (...bytes: readonly number[]): Buffer => Buffer.from([0, 0, 0, 0, bytes.length, ...bytes]);

test('a question names the service, or nothing for the server as a whole', () => {
  assert.deepEqual([...healthRequest('')], [0, 0, 0, 0, 0]);
  assert.deepEqual([...healthRequest('ab')], [0, 0, 0, 0, 4, 0x0a, 2, 0x61, 0x62]);
  const long = healthRequest('x'.repeat(200));
  assert.deepEqual([...long.subarray(0, 8)], [0, 0, 0, 0, 203, 0x0a, 200, 1]);
});

test('an answer is read by the protobuf rules: absent is zero, the last one counts, unknown fields are passed over', () => {
  const rows = [
    [framed(), 'UNKNOWN'],
    [framed(0x08, 0), 'UNKNOWN'],
    [framed(0x08, 1), 'SERVING'],
    [framed(0x08, 2), 'NOT_SERVING'],
    [framed(0x08, 3), 'SERVICE_UNKNOWN'],
    [framed(0x08, 99), 'UNKNOWN'],
    [framed(0x08, 2, 0x08, 1), 'SERVING'],
    [framed(0x08, 0x81, 0x80, 0), 'SERVING'],
    [framed(0x12, 3, 1, 2, 3, 0x08, 1), 'SERVING'],
    [framed(0x15, 1, 2, 3, 4, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x08, 1), 'SERVING'],
    [framed(0x08), 'malformed'],
    [framed(0x12, 9, 1), 'malformed'],
    [framed(0x0b), 'malformed'],
    [Buffer.from([0, 0, 0, 0, 2, 8]), 'malformed'],
    [Buffer.from([1, 0, 0, 0, 2, 8, 1]), 'malformed'],
    [Buffer.alloc(0), 'malformed'],
  ] as const;
  for (const [bytes, status] of rows) assert.equal(readHealthResponse(bytes), status, bytes.toString('hex'));
});

test('no bytes break the reader', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => void readHealthResponse(framed(...bytes))));
});
