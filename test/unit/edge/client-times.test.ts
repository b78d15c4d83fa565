import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListenerConfig } from '../../../src/config/types.ts';
import { ClientTimes } from '../../../src/edge/client-times.ts';

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
  assert.equal(times.judge(10_000, 150), undefined);
});
