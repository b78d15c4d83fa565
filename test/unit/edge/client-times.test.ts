import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ListenerConfig } from '../../../src/config/types.ts';
import { ClientTimes } from '../../../src/edge/client-times.ts';
import { MinRate } from '../../../src/edge/min-rate.ts';

const TIMEOUTS = { headMs: 100, keepAliveMs: 1000, idleMs: 300 };
const NOT_ITS_TURN = -1;

function timesOf(rate: Partial<ListenerConfig> = {}): { times: ClientTimes; clock: { nowMs: number } } {
  const clock = { nowMs: 5000 };
  const config = { timeouts: TIMEOUTS, minRateBytesPerSec: 0, minRateAfterMs: 1000, ...rate } as ListenerConfig;
  return { times: new ClientTimes(config, clock), clock };
}

for (const [what, arm, limitMs] of [
  ['a request', (times: ClientTimes) => times.awaitRequest(), 1000],
  ['the end of a head', (times: ClientTimes) => times.awaitHead(), 100],
  ['bytes of a body', (times: ClientTimes) => times.awaitBody(), 300],
  ['delivery', (times: ClientTimes) => times.awaitDelivery(), 2000],
  ['the close', (times: ClientTimes) => times.awaitClose(), 2000],
] as const) {
  test(`waiting for ${what} is over after ${limitMs} ms, and told once`, () => {
    const { times, clock } = timesOf();
    arm(times);
    assert.equal(times.judge(clock.nowMs + limitMs - 1, NOT_ITS_TURN), undefined);
    assert.equal(times.judge(clock.nowMs + limitMs, NOT_ITS_TURN), 'due');
    assert.equal(times.judge(clock.nowMs + limitMs + 1, NOT_ITS_TURN), undefined);
  });
}

test('a new connection waits for its first request; where it is not the client that is waited for, nothing is ever due', () => {
  const { times, clock } = timesOf();
  assert.equal(times.judge(clock.nowMs + 1000, NOT_ITS_TURN), 'due');
  times.awaitRequest();
  times.awaitNothing();
  assert.equal(times.judge(clock.nowMs + 1e9, NOT_ITS_TURN), undefined);
});

test('a connection rests a second after its last request', () => {
  const { times, clock } = timesOf();
  assert.equal(times.isResting(clock.nowMs + 1000), false);
  assert.equal(times.isResting(clock.nowMs + 1001), true);
});

test('a client below the least rate is too slow after a whole window, and time that is not its own does not count', () => {
  const { times } = timesOf({ minRateBytesPerSec: 100, minRateAfterMs: 1000 });
  times.awaitNothing();
  assert.equal(times.judge(1, 0), undefined);
  assert.equal(times.judge(1000, 50), undefined);
  assert.equal(times.judge(1002, 50), 'too-slow');
  assert.equal(times.judge(1500, 50), undefined);
  assert.equal(times.judge(1600, NOT_ITS_TURN), undefined);
  assert.equal(times.judge(9000, 50), undefined, 'a window begins anew');
  assert.equal(times.judge(9999, 50), undefined);
  assert.equal(times.judge(10_001, 150), undefined);
});

test('a flow that keeps the rate is never too slow, one that keeps half of it always is, however it is looked at', () => {
  const steps = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 100, maxLength: 300 });
  for (const [share, isSlow] of [
    [1.02, false],
    [0.5, true],
  ] as const) {
    fc.assert(
      fc.property(steps, (stepsMs) => {
        const rate = new MinRate(1000, 500);
        let nowMs = 1000;
        let seen = false;
        for (const stepMs of stepsMs) {
          nowMs += stepMs;
          seen ||= rate.isBelow(nowMs, Math.ceil((nowMs - 1000) * share));
        }
        // Two windows and their last looks: then one whole window has been judged.
        const isLong = nowMs - 1000 > 700;
        if (!isSlow || isLong) assert.equal(seen, isSlow);
      }),
    );
  }
});

test('a rate of 0 is off', () => {
  assert.equal(new MinRate(0, 1000).isOn, false);
  assert.equal(new MinRate(1, 1000).isOn, true);
});
