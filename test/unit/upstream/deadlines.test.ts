import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deadlineAfter, idleLimitMs, isPast, MinRate, NEVER_MS } from '../../../src/upstream/deadlines.ts';

describe('a deadline', () => {
  it('is none for a limit of 0', () => {
    assert.equal(deadlineAfter(1000, 0), NEVER_MS);
    assert.equal(isPast(NEVER_MS, 1e12), false);
  });

  it('is past from its time on', () => {
    const deadlineMs = deadlineAfter(1000, 50);
    assert.deepEqual(
      [1049, 1050, 1051].map((nowMs) => isPast(deadlineMs, nowMs)),
      [false, true, true],
    );
  });
});

describe('the idle limit', () => {
  const rows: [idleTimeoutMs: number, hintSec: number, expectedMs: number][] = [
    [60_000, -1, 60_000],
    [0, -1, Number.POSITIVE_INFINITY],
    [60_000, 5, 4000],
    [0, 5, 4000],
    [2000, 5, 2000],
    [60_000, 1, 500],
    [60_000, 0, 0],
  ];
  for (const [idleTimeoutMs, hintSec, expectedMs] of rows) {
    it(`with our ${idleTimeoutMs} ms and the origin's ${hintSec} s is ${expectedMs} ms`, () => {
      assert.equal(idleLimitMs(idleTimeoutMs, hintSec), expectedMs);
    });
  }
});

describe('a minimum rate', () => {
  it('is judged window by window', () => {
    const rate = new MinRate(100, 1000);
    rate.start(5000);
    rate.add(100);
    assert.equal(rate.isTooSlow(5999), false);
    assert.equal(rate.isTooSlow(6000), false);
    rate.add(99);
    assert.equal(rate.isTooSlow(6999), false);
    assert.equal(rate.isTooSlow(7000), true);
  });

  it('does not let a fast start hide a stall', () => {
    const rate = new MinRate(100, 1000);
    rate.start(0);
    rate.add(1e9);
    assert.equal(rate.isTooSlow(1000), false);
    assert.equal(rate.isTooSlow(2000), true);
  });

  it('does not count the time of a pause', () => {
    const rate = new MinRate(100, 1000);
    rate.start(0);
    rate.add(100);
    rate.pause(500);
    rate.pause(600);
    assert.equal(rate.isTooSlow(10_000), false);
    rate.resume(10_000);
    rate.resume(10_100);
    assert.equal(rate.isTooSlow(10_499), false);
    assert.equal(rate.isTooSlow(10_500), false);
    assert.equal(rate.isTooSlow(11_500), true);
  });

  it('of 0 is never too slow', () => {
    const rate = new MinRate(0, 1000);
    rate.start(0);
    assert.equal(rate.isTooSlow(1e9), false);
  });
});
