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

test('what is used beyond a quota is overage, and only that', () => {
  const quota = new QuotaSet().quota(MONTH);
  const rows: [used: number, cost: number, left: number, overage: number][] = [
    [0, 0, 1000, 0],
    [1000, 1, 0, 0],
    [1001, 1, 0, 1],
    [1003, 5, 0, 3],
    [2000, 5, 0, 5],
  ];
  for (const [used, cost, left, overage] of rows) {
    assert.equal(quota.remaining(used), left);
    assert.equal(quota.overage(used, cost), overage);
  }
});
