import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QuotaConfig } from '../../../src/config/limit-types.ts';
import { QuotaSet } from '../../../src/usage/quota-set.ts';

const MONTH: QuotaConfig = {
  name: 'month',
  amount: 1000,
  per: 'month',
  timeZone: 'Europe/Berlin',
  cost: { kind: 'fixed', amount: 1 },
  action: 'reject',
};

test('a quota tells when its time began and how long it lasts, an hour back on the wall clock included', () => {
  const quota = new QuotaSet().quota(MONTH);
  const november = Date.parse('2026-10-31T23:00:00Z');
  assert.equal(quota.startSec(november), november / 1000);
  assert.equal(quota.resetMs(november), Date.parse('2026-11-30T23:00:00Z') - november);
  assert.equal(quota.startSec(november - 1), Date.parse('2026-09-30T22:00:00Z') / 1000);
  assert.equal(quota.resetMs(november - 1), 1);
  assert.equal(quota.startSec(november), november / 1000);
});

test('nothing is left of a quota that is used up or gone beyond', () => {
  const quota = new QuotaSet().quota(MONTH);
  for (const [used, left] of [
    [0, 1000],
    [999, 1],
    [1000, 0],
    [2000, 0],
  ] as const)
    assert.equal(quota.remaining(used), left);
});
