import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deadlineAfter, idleLimitMs, isPast, NEVER_MS } from '../../../src/upstream/deadlines.ts';

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
