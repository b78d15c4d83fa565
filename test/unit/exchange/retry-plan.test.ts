import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deadlineLine, msLeftBy } from '../../../src/exchange/deadline.ts';
import { backoffMs, objectionTo, type RetryFacts, type RetryPlan, retryAfterMs, statusSet } from '../../../src/exchange/retry-plan.ts';

const plan: RetryPlan = {
  config: {
    attempts: 3,
    conditions: ['reset'],
    statuses: [],
    methods: ['GET'],
    backoffMinMs: 25,
    backoffMaxMs: 250,
    maxBodyBytes: 10,
    honoursRetryAfter: true,
  },
  statuses: statusSet([{ fromStatus: 502, toStatus: 504 }]),
  methods: new Set(['GET']),
};
const facts: RetryFacts = { method: 'GET', attempts: 1, isBodySpent: false, isUnsent: false, isOnce: false };

test('what speaks against another try, the plainest first', () => {
  assert.equal(objectionTo(plan, facts), undefined);
  assert.equal(objectionTo(plan, { ...facts, attempts: 3 }), 'attempts');
  assert.equal(objectionTo(plan, { ...facts, isBodySpent: true }), 'body');
  assert.equal(objectionTo(plan, { ...facts, method: 'POST' }), 'method');
  assert.equal(objectionTo(plan, { ...facts, method: 'POST', isUnsent: true }), undefined);
  assert.equal(objectionTo(plan, { ...facts, isOnce: true }), 'method');
});

test('a wait is random below a bound that doubles, and never above the last', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (retry, random) => {
      const ms = backoffMs(plan.config, retry, random);
      assert.ok(ms >= 0 && ms <= Math.min(250, 25 * 2 ** (retry - 1)));
    }),
  );
  assert.equal(backoffMs(plan.config, 2, 0.5), 25);
});

test('a set of statuses has those of its ranges alone', () => {
  const { statuses } = plan;
  assert.deepEqual(
    [501, 502, 503, 504, 505].map((status) => statuses[status]),
    [0, 1, 1, 1, 0],
  );
});

test('Retry-After is a number of seconds or a date; what is neither is none', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(retryAfterMs('3', nowMs), 3000);
  assert.equal(retryAfterMs('Thu, 01 Jan 2026 00:00:05 GMT', nowMs), 5000);
  assert.equal(retryAfterMs('Wed, 31 Dec 2025 00:00:05 GMT', nowMs), 0);
  for (const none of [undefined, '', '-1', '1.5', 'soon', '99999999999']) assert.equal(retryAfterMs(none, nowMs), undefined);
});

test('deadlines are read and told in both forms', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(msLeftBy('grpc-timeout', '5S', nowMs), 5000);
  assert.equal(msLeftBy('grpc-timeout', '250m', nowMs), 250);
  assert.equal(msLeftBy('x-request-deadline', '2026-01-01T00:00:02.500Z', nowMs), 2500);
  assert.equal(msLeftBy('x-request-deadline', '2025-01-01T00:00:00Z', nowMs), 0);
  for (const bad of [undefined, '', '5', 'S', '123456789S', '5X']) assert.equal(msLeftBy('grpc-timeout', bad, nowMs), undefined);
  for (const bad of ['tomorrow', '1767225600', '2026-13-01T00:00:00Z']) assert.equal(msLeftBy('x-request-deadline', bad, nowMs), undefined);
  assert.equal(deadlineLine('grpc-timeout', 1234.9, nowMs), 'grpc-timeout: 1234m\r\n');
  assert.equal(deadlineLine('x-request-deadline', 500, nowMs), 'X-Request-Deadline: 2026-01-01T00:00:00.500Z\r\n');
  assert.equal(deadlineLine('grpc-timeout', -5, nowMs), 'grpc-timeout: 0m\r\n');
});
