import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MinRate } from '../../../src/base/min-rate.ts';

test('a flow is judged window by window, over the time that really passed', () => {
  const rate = new MinRate(100, 1000);
  assert.equal(rate.isBelow(5000, 0), false);
  assert.equal(rate.isBelow(5999, 0), false);
  assert.equal(rate.isBelow(6000, 100), false);
  assert.equal(rate.isBelow(6999, 100), false);
  assert.equal(rate.isBelow(8000, 299), true, 'two seconds and not one');
});

test('a fast start does not hide a stall', () => {
  const rate = new MinRate(100, 1000);
  rate.isBelow(1, 0);
  assert.equal(rate.isBelow(1001, 1e9), false);
  assert.equal(rate.isBelow(2001, 1e9), true);
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
