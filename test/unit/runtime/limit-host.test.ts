import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';
import type { EventLog } from '../../../src/observe/log.ts';
import { NOBODY } from '../../../src/policy/consumers.ts';
import type { LimitAnswer, LimitQuestion } from '../../../src/runtime/limits/limit-answers.ts';
import { LimitBook } from '../../../src/runtime/limits/limit-book.ts';
import { answerAboutLimits } from '../../../src/runtime/limits/limit-commands.ts';
import { LimitHost } from '../../../src/runtime/limits/limit-host.ts';
import { hashKey } from '../../../src/runtime/limits/limit-key-hash.ts';
import { quotaFile } from '../../../src/runtime/quotas/quota-schema.ts';
import { LimitHash } from '../../../src/policy/limit-hash.ts';
import { folderFor } from './records-kit.ts';

const QUIET: EventLog = { info: () => {}, warn: () => {}, error: () => {} };

const CONSUMERS = `
consumers: { list: [{ name: acme, keys: [acme-secret], tier: free }, { name: other, keys: [other-secret] }] }
tiers:
  free: { limits: [100/1h, 1000/1d], quotas: [5000/month] }
  paid: { limits: [10000/1h], quotas: [90000/month] }
`;
const ROUTES = `
routes:
  - { name: api, match: /api, respond: 200, tiers: { default: free }, limits: [{ name: burst, key: [ip, { header: X-Tenant }], rate: 10/1s }] }
  - { name: one, match: /one, respond: 200, limits: [{ key: ip, rate: 7/1m }, { name: at-once, key: consumer, concurrency: 3 }] }
  - { name: two, match: /two, respond: 200, limits: [{ key: ip, rate: 7/1m }] }
`;

function configOf(text: string): GatewayConfig {
  const read = loadConfig(text, { fileName: 'sluice.yaml', env: {} });
  assert.ok(read.kind === 'ok', read.kind === 'bad' ? read.problems.map(formatProblem).join('\n') : '');
  return read.config;
}

class Kit {
  readonly host = new LimitHost(4, QUIET);
  base: GatewayConfig;
  config: GatewayConfig;
  replans = 0;

  constructor(text: string) {
    this.base = configOf(text);
    this.config = this.host.planned(this.base);
    assert.equal(typeof this.host.prepare(this.config), 'object');
  }

  /** A reload to another text, or (moves) to the same. */
  replan(base = this.base): void {
    const after = this.host.planned(base);
    this.host.carry(this.config, after);
    this.base = base;
    this.config = after;
  }

  /** As a worker does for a request. */
  use(consumer: string, limit: string, cost: number): boolean {
    const book = new LimitBook(this.config);
    const entry = book.entriesOf(book.consumer(consumer) ?? NOBODY).find(({ rule }) => rule.config.name === limit);
    const tables = this.host.tables;
    assert.ok(tables !== undefined && entry !== undefined, limit);
    const hash = new LimitHash(tables.seed);
    const { rule } = entry;
    hashKey(hash, rule.identity, consumer);
    if (rule.kind === 'rate') return tables.limits.take(rule.rate, hash.low, hash.high, this.host.nowMs(), cost, 0);
    if (rule.kind === 'quota') return tables.quotas.take(hash.low, hash.high, rule.quota.startSec(Date.now()), rule.config.amount, cost);
    return tables.concurrency.acquire(hash.low, hash.high, rule.config.max) >= 0;
  }

  async ask(kind: LimitQuestion['kind'], query: string, body?: unknown): Promise<LimitAnswer> {
    const scene = {
      host: this.host,
      config: this.config,
      base: this.base,
      log: QUIET,
      replan: async () => {
        this.replans += 1;
        this.replan();
        return [];
      },
    };
    const about = new URLSearchParams(query);
    return answerAboutLimits(kind === 'move' ? { kind, about, body } : { kind, about }, scene);
  }

  /** What is left of each of a consumer's limits. */
  async left(name: string): Promise<Record<string, unknown>> {
    const answer = await this.ask('consumer', `name=${name}`);
    assert.ok(answer.kind === 'ok');
    const { limits } = answer.value as { limits: { limit: string; remaining: unknown }[] };
    return Object.fromEntries(limits.map(({ limit, remaining }) => [limit, remaining]));
  }
}

function valueIn(answer: LimitAnswer): Record<string, unknown> {
  assert.ok(answer.kind === 'ok', answer.kind === 'ok' ? '' : answer.problems.join());
  return { ...answer.value };
}

test('a plan without limits makes no tables, and once made they stay', () => {
  const host = new LimitHost(2, QUIET);
  const plain = configOf('routes: [{ respond: 200 }]');
  assert.equal(host.prepare(plain), undefined);
  assert.equal(host.tables, undefined);
  const segments = host.prepare(configOf(CONSUMERS + ROUTES));
  assert.ok(typeof segments === 'object');
  host.prepare(plain);
  assert.equal(host.prepare(configOf(`limits: { memory: 64MiB }\n${CONSUMERS}${ROUTES}`)), segments);
  assert.deepEqual(host.restartNeeds(configOf(`limits: { memory: 64MiB }\n${CONSUMERS}${ROUTES}`)), ['limits.memory']);
});

test('who is moved to another tier keeps what he has used, there and back', async () => {
  const kit = new Kit(CONSUMERS + ROUTES);
  assert.ok(kit.use('acme', 'free-100-per-1h', 40));
  assert.ok(kit.use('acme', 'month', 7));
  valueIn(await kit.ask('move', 'name=acme', { tier: 'paid' }));
  assert.equal(kit.replans, 1);
  assert.deepEqual(await kit.left('acme'), { 'paid-10000-per-1h': 9960, month: 89_993, 'at-once': 3 });
  assert.ok(kit.use('acme', 'paid-10000-per-1h', 10));
  valueIn(await kit.ask('move', 'name=acme', { tier: null }));
  assert.deepEqual(await kit.left('acme'), { 'free-100-per-1h': 50, 'free-1000-per-1d': 1000, month: 4993, 'at-once': 3 });
});

test('who comes down has used what he has used', async () => {
  const kit = new Kit(CONSUMERS.replace('tier: free', 'tier: paid') + ROUTES);
  assert.ok(kit.use('acme', 'paid-10000-per-1h', 5000));
  valueIn(await kit.ask('move', 'name=acme', { tier: 'free' }));
  assert.equal((await kit.left('acme'))['free-100-per-1h'], 0);
  assert.equal(kit.use('acme', 'free-100-per-1h', 1), false);
});

test('a tier that gets another rate keeps what its consumers have used, and those of others are as they were', async () => {
  const kit = new Kit(CONSUMERS + ROUTES);
  assert.ok(kit.use('acme', 'free-100-per-1h', 30));
  assert.ok(kit.use('acme', 'free-1000-per-1d', 30));
  kit.replan(configOf(CONSUMERS.replace('100/1h', '200/1h') + ROUTES));
  assert.deepEqual(await kit.left('acme'), { 'free-200-per-1h': 170, 'free-1000-per-1d': 970, month: 5000, 'at-once': 3 });
  assert.deepEqual(await kit.left('other'), { 'free-200-per-1h': 200, 'free-1000-per-1d': 1000, month: 5000, 'at-once': 3 });
});

test('a move is on disk before it is confirmed, and holds over a restart until it is taken back', async (t: TestContext) => {
  const text = `store: ${folderFor(t)}\n${CONSUMERS}${ROUTES}`;
  const first = new Kit(text);
  assert.deepEqual(valueIn(await first.ask('move', 'name=acme', { tier: 'paid' })), {
    consumer: 'acme',
    tier: 'paid',
    configuredTier: 'free',
    keptOnDisk: true,
  });
  const second = new Kit(text);
  assert.equal(valueIn(await second.ask('consumer', 'name=acme'))['tier'], 'paid');
  await second.ask('move', 'name=acme', { tier: null });
  assert.equal(valueIn(await new Kit(text).ask('consumer', 'name=acme'))['isMoved'], false);
});

test('a store that cannot be used is told, and what is limited is limited all the same', async (t: TestContext) => {
  const folder = folderFor(t);
  mkdirSync(join(folder, 'data'));
  writeFileSync(join(folder, 'data', 'usage'), 'a file in the place of a folder');
  const kit = new Kit(`store: ${join(folder, 'data')}\n${CONSUMERS}${ROUTES}`);
  assert.equal(kit.host.isDurable, false);
  assert.equal(kit.host.keeping(kit.config), undefined);
  assert.equal(valueIn(await kit.ask('move', 'name=acme', { tier: 'paid' }))['keptOnDisk'], false);
  assert.equal((await kit.left('acme'))['paid-10000-per-1h'], 10_000);
});

test('a store that somebody else is writing to, however long, is known all the same', (t: TestContext) => {
  const folder = folderFor(t);
  const text = `${CONSUMERS}${ROUTES}store: { path: "${folder}" }\n`;
  const before = new Kit(text);
  const writer = new DatabaseSync(quotaFile(folder));
  t.after(() => writer.close());
  writer.exec('BEGIN IMMEDIATE');
  const startedMs = performance.now();
  const after = new Kit(text);
  assert.equal(after.host.isDurable, true);
  assert.deepEqual(after.host.tables?.seed, before.host.tables?.seed);
  assert.ok(performance.now() - startedMs < 1_500, 'nobody waited');
});

test('a store that cannot be had yet is kept in mind for what is counted, one that never can is not', (t: TestContext) => {
  const folder = folderFor(t);
  const text = `${CONSUMERS}${ROUTES}store: { path: "${folder}" }\n`;
  const before = new Kit(text);
  const writer = new DatabaseSync(quotaFile(folder));
  t.after(() => writer.close());
  writer.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
  const after = new Kit(text);
  assert.equal(after.host.isDurable, false);
  assert.equal(after.host.keeping(after.config)?.storePath, before.host.keeping(before.config)?.storePath);
});

test('a key of a limit is looked up and reset by words', async () => {
  const kit = new Kit(CONSUMERS + ROUTES);
  kit.use('acme', 'free-100-per-1h', 5);
  const look = valueIn(await kit.ask('look', 'limit=free-100-per-1h&key=acme'));
  assert.deepEqual([look['remaining'], look['tier'], look['by']], [95, 'free', ['consumer']]);
  assert.equal(valueIn(await kit.ask('reset', 'limit=free-100-per-1h&key=acme'))['wasUsed'], true);
  assert.equal(valueIn(await kit.ask('look', 'limit=free-100-per-1h&key=acme'))['remaining'], 100);
  assert.equal(valueIn(await kit.ask('look', 'limit=burst&key=192.0.2.1&key=shop'))['remaining'], 10);
  assert.equal(valueIn(await kit.ask('look', 'limit=at-once&key=acme'))['inFlight'], 0);
});

test('questions that cannot be answered say what is wrong', async () => {
  const kit = new Kit(CONSUMERS + ROUTES);
  const problemOf = async (kind: LimitQuestion['kind'], query: string, body?: unknown): Promise<string> => {
    const answer = await kit.ask(kind, query, body);
    return answer.kind === 'ok' ? 'ok' : `${answer.kind}: ${answer.problems.join()}`;
  };
  assert.equal(await problemOf('look', ''), 'bad: which `limit`?');
  assert.equal(await problemOf('look', 'limit=nothing'), 'none: there is no limit nothing');
  assert.equal(await problemOf('look', 'limit=burst&key=192.0.2.1'), 'bad: `key` is wanted for each of ip, header x-tenant');
  assert.equal(await problemOf('look', 'limit=7-per-1m&key=192.0.2.1'), 'bad: which `route`? one, two have a limit 7-per-1m each');
  assert.equal(await problemOf('look', 'limit=7-per-1m&route=two&key=192.0.2.1'), 'ok');
  assert.equal(await problemOf('consumer', 'name=nobody'), 'none: there is no such consumer');
  assert.equal(await problemOf('move', 'name=acme', { tier: 'gold' }), 'bad: there is no tier gold; there are free, paid');
  assert.match(await problemOf('move', 'name=acme', { tire: 'paid' }), /^bad: the body must be/);
});

test('a consumer is reset as a whole', async () => {
  const kit = new Kit(CONSUMERS + ROUTES);
  kit.use('acme', 'free-100-per-1h', 5);
  kit.use('acme', 'month', 5);
  await kit.ask('reset-consumer', 'name=acme');
  assert.deepEqual(await kit.left('acme'), { 'free-100-per-1h': 100, 'free-1000-per-1d': 1000, month: 5000, 'at-once': 3 });
});

test('what a dead worker held is given back', () => {
  const kit = new Kit(CONSUMERS + ROUTES);
  const segments = kit.host.prepare(kit.config);
  assert.ok(typeof segments === 'object');
  assert.ok(kit.use('acme', 'at-once', 1));
  const figures = (): number => kit.host.figures?.concurrency.recovered ?? -1;
  // The coordinator is participant 4 of six here.
  kit.host.recover(4);
  assert.equal(figures(), 1);
});

test('all that can be met is listed, each limit once', async () => {
  const kit = new Kit(CONSUMERS + ROUTES);
  const { limits } = valueIn(await kit.ask('overview', '')) as { limits: { limit: string; tier?: string; route?: string }[] };
  assert.deepEqual(
    limits.map(({ limit, tier, route }) => [limit, tier ?? route ?? '']),
    [
      ['burst', ''],
      ['free-100-per-1h', 'free'],
      ['free-1000-per-1d', 'free'],
      ['month', 'free'],
      ['paid-10000-per-1h', 'paid'],
      ['month', 'paid'],
      ['at-once', ''],
      ['7-per-1m', 'one'],
      ['7-per-1m', 'two'],
    ],
  );
});
