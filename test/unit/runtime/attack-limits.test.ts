import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';
import type { EventLog } from '../../../src/observe/log.ts';
import { LimitHash } from '../../../src/policy/limit-hash.ts';
import { LimitBook } from '../../../src/runtime/limits/limit-book.ts';
import { LimitHost } from '../../../src/runtime/limits/limit-host.ts';

const QUIET: EventLog = { info: () => {}, warn: () => {}, error: () => {} };
const TEXT = `
consumers: { list: [{ name: acme, keys: [acme-secret], tier: free }] }
tiers: { free: { quotas: [2/month] } }
limits: { memory: 1MiB }
routes: [{ name: api, match: /, respond: 200, tiers: { default: free } }]
`;

function configOf(text: string): GatewayConfig {
  const read = loadConfig(text, { fileName: 'sluice.yaml', env: {} });
  assert.ok(read.kind === 'ok');
  return read.config;
}

test('a flood of one-time addresses leaves the quotas of those who are listed standing', () => {
  const config = configOf(TEXT);
  const host = new LimitHost(1, QUIET);
  assert.equal(typeof host.prepare(host.planned(config)), 'object');
  const { tables } = host;
  assert.ok(tables !== undefined);
  const { quotas, seed } = tables;
  const book = new LimitBook(config);
  const acme = book.consumer('acme');
  assert.ok(acme !== undefined);
  const [rule] = book.setOf('api', acme)?.quotas ?? [];
  assert.ok(rule !== undefined);
  const hash = new LimitHash(seed);
  const startSec = rule.quota.startSec(Date.now());
  const use = (text: string): boolean => {
    hash.aim(rule.identity, text);
    return quotas.take(hash.low, hash.high, startSec, rule.config.amount, 1);
  };
  for (let i = 0; quotas.stats().withoutCell < 20_000; i++) use(`\x01${i}`);
  assert.deepEqual([use('acme'), use('acme'), use('acme')], [true, true, false]);
});

test('quotas of their own for many consumers take room for each of these, and no more', () => {
  const list = Array.from({ length: 1000 }, (_, i) => `{ name: c${i}, quotas: [{ name: q${i}, amount: 9, per: month }] }`);
  const host = new LimitHost(1, QUIET);
  host.prepare(
    configOf(`consumers: { list: [${list.join(', ')}] }
tiers: { free: { quotas: [2/month] } }
limits: { memory: 1MiB }
routes: [{ name: api, match: /, respond: 200, tiers: true }]`),
  );
  assert.ok((host.tables?.segments.quotas.byteLength ?? Infinity) < 2 ** 20);
});
