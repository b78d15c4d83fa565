import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PassiveHealthConfig } from '../../../src/config/health-types.ts';
import { EJECTION_REASONS } from '../../../src/observe/labels.ts';
import { CELL, createEndpointMemory, WORD } from '../../../src/upstream/endpoint-memory.ts';
import { EndpointWatch } from '../../../src/upstream/endpoint-watch.ts';
import { Ejections } from '../../../src/upstream/health/ejections.ts';
import { OutlierDetector } from '../../../src/upstream/health/outlier-detector.ts';
import { type EjectionReason, judgeInterval, judgeRuns, type Performance } from '../../../src/upstream/health/outlier-judge.ts';

const CONFIG: PassiveHealthConfig = {
  consecutive5xx: 5,
  consecutiveGateway: 0,
  consecutiveLocal: 5,
  intervalMs: 10_000,
  ejectForMs: 30_000,
  maxEjectForMs: 300_000,
  maxEjected: 0.1,
  successRate: undefined,
  failureShare: undefined,
  latency: undefined,
  speedsUpChecks: true,
};
const SUCCESS = { ...CONFIG, successRate: { minHosts: 5, minRequests: 100, stdev: 1.9 } };
const FAILURES = { ...CONFIG, failureShare: { from: 0.85, minHosts: 5, minRequests: 50 } };
const LATENCY = { ...CONFIG, latency: { quantile: 0.99, factor: 3, minMs: 10, minHosts: 3, minRequests: 50 } };

const performance = (slot: number, requests: number, failures: number, quantileMs = 0): Performance => ({
  slot,
  requests,
  failures,
  quantileMs,
});

test('runs eject at their bounds, and a bound of zero never does', () => {
  const runs = [
    { slot: 0, fiveXx: 4, gateway: 4, local: 4 },
    { slot: 1, fiveXx: 5, gateway: 0, local: 0 },
    { slot: 2, fiveXx: 4, gateway: 99, local: 0 },
    { slot: 3, fiveXx: 0, gateway: 0, local: 6 },
  ];
  assert.deepEqual(
    judgeRuns(runs, CONFIG).map(({ slot, reason }) => `${slot} ${reason}`),
    ['1 consecutive-5xx', '3 consecutive-local'],
  );
  const gateway = { ...CONFIG, consecutive5xx: 0, consecutiveLocal: 0, consecutiveGateway: 5 };
  assert.deepEqual(
    judgeRuns(runs, gateway).map(({ slot, reason }) => `${slot} ${reason}`),
    ['2 consecutive-gateway'],
  );
});

test('success rate: below the mean less 1.9 standard deviations, the worst first', () => {
  const good = Array.from({ length: 9 }, (_, slot) => performance(slot, 100, 1));
  assert.deepEqual(
    judgeInterval([...good, performance(9, 100, 50)], SUCCESS).map(({ slot }) => slot),
    [9],
  );
  // Two of them: mean 0.8918, deviation 0.1962, least 0.519. One rate is above that.
  const two = [...good, performance(9, 100, 50), performance(10, 100, 60)];
  assert.deepEqual(
    judgeInterval(two, SUCCESS).map(({ slot }) => slot),
    [10],
  );
  assert.deepEqual(judgeInterval(good, SUCCESS), []);
});

test('success rate: too few endpoints, or too few requests, are not judged', () => {
  const four = [0, 1, 2].map((slot) => performance(slot, 100, 0));
  assert.deepEqual(judgeInterval([...four, performance(3, 100, 100)], SUCCESS), []);
  const idle = [0, 1, 2, 3].map((slot) => performance(slot, 100, 0));
  assert.deepEqual(judgeInterval([...idle, performance(4, 99, 99)], SUCCESS), []);
});

test('failure share: from 85 % on', () => {
  const five = [0, 1, 2].map((slot) => performance(slot, 100, 10));
  const verdicts = judgeInterval([...five, performance(3, 100, 85), performance(4, 100, 84)], FAILURES);
  assert.deepEqual(
    verdicts.map(({ slot, reason }) => [slot, reason]),
    [[3, 'failure-share']],
  );
});

test('latency: above three times the median of the others, never below the least time', () => {
  const slow = [performance(0, 100, 0, 20), performance(1, 100, 0, 30), performance(2, 100, 0, 76)];
  assert.deepEqual(
    judgeInterval(slow, LATENCY).map(({ slot, reason }) => [slot, reason]),
    [[2, 'latency']],
  );
  assert.deepEqual(judgeInterval([performance(0, 100, 0, 1), performance(1, 100, 0, 1), performance(2, 100, 0, 9)], LATENCY), []);
  assert.deepEqual(judgeInterval([performance(0, 100, 0, 20), performance(1, 100, 0, 900)], LATENCY), [], 'two are too few');
});

test('the words of the judge are those of the metrics', () => {
  const reasons: Readonly<Record<EjectionReason, true>> = {
    'consecutive-5xx': true,
    'consecutive-gateway': true,
    'consecutive-local': true,
    'success-rate': true,
    'failure-share': true,
    latency: true,
  };
  assert.deepEqual(Object.keys(reasons).sort(), [...EJECTION_REASONS].sort());
});

test('whatever the verdicts, never more than the share is ejected, and one always may be', () => {
  const rows = fc.array(fc.record({ slot: fc.nat(19), afterMs: fc.nat(20_000), isInterval: fc.boolean() }), { maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20 }), fc.double({ min: 0, max: 1, noNaN: true }), rows, (total, maxEjected, steps) => {
      const ejections = new Ejections({ ...CONFIG, maxEjected });
      let nowMs = 0;
      for (const { slot, afterMs, isInterval } of steps) {
        nowMs += afterMs;
        ejections.expire(nowMs);
        if (isInterval) ejections.onInterval();
        const before = ejections.ejected;
        const ejection = ejections.eject(slot % total, total, nowMs);
        if (before === 0) assert.ok(ejection !== undefined, 'one always may be');
        assert.ok(ejections.ejected <= Math.max(1, Math.floor(total * maxEjected)));
        if (ejection !== undefined) assert.ok(ejection.forMs >= CONFIG.ejectForMs && ejection.forMs <= CONFIG.maxEjectForMs);
      }
    }),
  );
});

test('each ejection that follows soon is longer, up to the bound, and quiet intervals take it back', () => {
  const ejections = new Ejections({ ...CONFIG, maxEjectForMs: 100_000 });
  let nowMs = 0;
  const eject = (): number => {
    const forMs = ejections.eject(7, 10, nowMs)?.forMs ?? 0;
    nowMs += forMs;
    assert.deepEqual(ejections.expire(nowMs), [7]);
    return forMs;
  };
  assert.deepEqual([eject(), eject(), eject(), eject(), eject()], [30_000, 60_000, 90_000, 100_000, 100_000]);
  // The first of these is not a whole interval without.
  for (let i = 0; i < 4; i++) ejections.onInterval();
  assert.equal(ejections.times(7), 1);
  assert.equal(eject(), 60_000);
  for (let i = 0; i < 10; i++) ejections.onInterval();
  assert.equal(eject(), 30_000);
});

/** Ten endpoints that two workers ask. */
function scene(config: PassiveHealthConfig) {
  const memory = createEndpointMemory(2);
  const told: string[] = [];
  const slots = Array.from({ length: 10 }, (_, slot) => slot);
  for (const slot of slots) memory.clearSlot(slot);
  const detector = new OutlierDetector(config, memory, {
    onEjected: ({ slot, reason }, { forMs }) => told.push(`${slot} ${reason} ${forMs}`),
    onRestored: (slot, reason) => told.push(`${slot} ${reason}`),
    onFailures: (slot) => told.push(`${slot} failed`),
  });
  detector.useSlots(slots);
  const watch = (worker: number, slot: number): EndpointWatch => new EndpointWatch(memory, { worker, slot }, null);
  return { memory, detector, told, watch, slots };
}

test('a run over two workers ejects, and its time being over begins it anew', () => {
  const { detector, told, watch } = scene({ ...CONFIG, ejectForMs: 1000 });
  detector.tick(0);
  for (let i = 0; i < 4; i++) watch(i % 2, 3).onAnswer(500, 1);
  detector.tick(50);
  assert.deepEqual(told.splice(0), ['3 failed']);
  watch(0, 3).onAnswer(500, 1);
  detector.tick(100);
  assert.deepEqual(told.splice(0), ['3 failed', '3 consecutive-5xx 1000']);
  for (let nowMs = 150; nowMs < 1100; nowMs += 50) detector.tick(nowMs);
  assert.deepEqual(told, []);
  detector.tick(1100);
  detector.tick(1150);
  assert.deepEqual(told, ['3 time is over']);
});

test('an endpoint that passes a check is restored at once; one that is not ejected is not told of', () => {
  const { detector, told, watch } = scene(CONFIG);
  for (let i = 0; i < 5; i++) watch(0, 3).onFailure('reset');
  detector.tick(0);
  detector.onChecked(3);
  detector.onChecked(4);
  detector.tick(50);
  assert.deepEqual(told, ['3 failed', '3 consecutive-local 30000', '3 passed a check']);
});

test('rates and times are those of one interval, not of all time', () => {
  const { detector, told, watch, slots, memory } = scene({
    ...LATENCY,
    ...FAILURES,
    latency: LATENCY.latency,
    consecutive5xx: 0,
    maxEjected: 1,
  });
  for (const slot of slots) memory.countsOf(0, slot)[CELL.ERRORS_5XX] = 1000;
  detector.useSlots([]);
  detector.useSlots(slots);
  detector.tick(0);
  const traffic = (statusOf: (slot: number) => number, msOf: (slot: number) => number): void => {
    for (const slot of slots) for (let i = 0; i < 100; i++) watch(i % 2, slot).onAnswer(statusOf(slot), msOf(slot));
  };
  traffic(
    () => 200,
    () => 20,
  );
  detector.tick(10_000);
  assert.deepEqual(told.splice(0), []);
  traffic(
    (slot) => (slot === 2 ? 500 : 200),
    (slot) => (slot === 5 ? 200 : 20),
  );
  detector.tick(20_000);
  assert.deepEqual(told.splice(0), ['2 failed', '2 failure-share 30000', '5 latency 30000']);
});

test('an endpoint that goes takes its ejection along', () => {
  const { detector, told, watch, slots, memory } = scene(CONFIG);
  for (let i = 0; i < 5; i++) watch(0, 3).onAnswer(503, 1);
  detector.tick(0);
  detector.useSlots(slots.filter((slot) => slot !== 3));
  assert.equal(detector.ejections.ejected, 0);
  Atomics.store(memory.words, memory.wordAt(4, WORD.CONSECUTIVE_5XX), 5);
  detector.tick(50);
  assert.deepEqual(told, ['3 failed', '3 consecutive-5xx 30000', '4 failed', '4 consecutive-5xx 30000']);
});
