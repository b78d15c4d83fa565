import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConnectionTimes } from '../../../src/upstream/connection-times.ts';
import type { ConnectionPlan } from '../../../src/upstream/plan.ts';

const TIMEOUTS = { connectMs: 100, responseMs: 200, idleMs: 300 };
const NO_HINT = -1;

function timesOf(rate: Partial<ConnectionPlan> = {}): { times: ConnectionTimes; clock: { nowMs: number } } {
  const clock = { nowMs: 5000 };
  const plan = { timeouts: TIMEOUTS, pool: { idleTimeoutMs: 400 }, minRateBytesPerSec: 0, minRateAfterMs: 1000, ...rate } as ConnectionPlan;
  return { times: new ConnectionTimes(plan, clock), clock };
}

const sending = (times: ConnectionTimes): void => times.awaitRequestBody();
const reading = (times: ConnectionTimes): void => {
  times.awaitHead();
  times.awaitBody();
};

for (const [what, arm, limitMs] of [
  ['the handshake', () => {}, 100],
  ['a head', (times: ConnectionTimes) => times.awaitHead(), 200],
  ['bytes of a body', reading, 300],
  ['the next request', (times: ConnectionTimes) => void times.awaitRequest(NO_HINT), 400],
  ['what came before a broken write', (times: ConnectionTimes) => times.onWriteBroken(), 100],
] as const) {
  test(`waiting for ${what} is over after ${limitMs} ms`, () => {
    const { times, clock } = timesOf();
    arm(times);
    assert.equal(times.judge(clock.nowMs + limitMs - 1, true), undefined);
    assert.equal(times.judge(clock.nowMs + limitMs, true), 'due');
  });
}

test('the origin has a limit for the request body only while it does not take what is there', () => {
  const { times, clock } = timesOf();
  sending(times);
  assert.equal(times.judge(clock.nowMs + 1e9, false), undefined);
  times.onFull(1000);
  assert.equal(times.judge(clock.nowMs + 300, false), 'due');
  assert.equal(times.goesOnTaking(1000), false);
  clock.nowMs += 300;
  assert.equal(times.goesOnTaking(999), true);
  assert.equal(times.judge(clock.nowMs + 299, false), undefined);
  assert.equal(times.judge(clock.nowMs + 300, false), 'due');
  times.onDrain();
  assert.equal(times.judge(clock.nowMs + 1e9, false), undefined);
});

for (const [how, arm] of [
  ['that is whole', reading],
  [
    'to a request that broke off',
    (times: ConnectionTimes): void => {
      times.onWriteBroken();
      times.awaitBody();
    },
  ],
] as const) {
  test(`nothing is due of a body ${how} while we do not read it, and after it the time begins anew`, () => {
    const { times, clock } = timesOf();
    arm(times);
    const phase = times.phase;
    times.pause();
    times.noteProgress();
    assert.equal(times.judge(clock.nowMs + 1e9, true), undefined);
    clock.nowMs += 1e9;
    times.resume();
    assert.equal(times.judge(clock.nowMs + 99, true), undefined);
    assert.equal(times.judge(clock.nowMs + 300, true), 'due');
    assert.equal(times.phase, phase);
  });
}

test('a body below the least rate is too slow, unless its request is not whole or we have paused', () => {
  const { times, clock } = timesOf({
    minRateBytesPerSec: 100,
    minRateAfterMs: 1000,
    timeouts: { ...TIMEOUTS, idleMs: 0 } as ConnectionPlan['timeouts'],
  });
  const lookAfter = (ms: number, isRequestWhole = true): string | undefined => {
    clock.nowMs += ms;
    return times.judge(clock.nowMs, isRequestWhole);
  };
  reading(times);
  for (let i = 0; i < 5; i++) assert.equal(lookAfter(1000, false), undefined);
  assert.equal(lookAfter(0), undefined, 'the first look begins a window');
  times.onBodyBytes(100);
  assert.equal(lookAfter(1000), undefined);
  times.onBodyBytes(99);
  assert.equal(lookAfter(999), undefined);
  times.pause();
  assert.equal(lookAfter(1e6), undefined);
  times.resume();
  assert.equal(lookAfter(1), undefined, 'a window begins anew');
  assert.equal(lookAfter(1000), 'too-slow');
  reading(times);
  assert.equal(lookAfter(1e6), undefined, 'another body, another window');
});

test('a connection is open from its first wait for a request to its end, and after it nothing is due', () => {
  const { times, clock } = timesOf();
  assert.equal(times.isOpen, false);
  assert.equal(times.awaitRequest(NO_HINT), true);
  assert.equal(times.isOpen, true);
  assert.equal(times.awaitRequest(0), false, 'the origin keeps it no longer');
  times.end();
  assert.equal(times.isOpen, false);
  assert.equal(times.judge(clock.nowMs + 1e9, true), undefined);
});
