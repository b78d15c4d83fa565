import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { SkipReason } from '../../../src/cache/admit.ts';
import { CacheMetrics } from '../../../src/exchange/cache-metrics.ts';
import { FAILURE_RULES } from '../../../src/exchange/failures.ts';
import { CACHE_RESULTS, CODE_CLASSES, FAILURE_KINDS, REFUSAL_REASONS, UNCACHEABLE_REASONS } from '../../../src/observe/labels.ts';
import type { MetricRow } from '../../../src/observe/metric-row.ts';
import { METRICS } from '../../../src/observe/metrics.ts';
import { MetricsWriter } from '../../../src/observe/metrics-writer.ts';
import { MetricRegistry, type MetricSubjects } from '../../../src/observe/registry.ts';
import { cellsOf } from '../../../src/observe/slots.ts';
import type { UpstreamFailure } from '../../../src/upstream/failure.ts';

const named = (names: readonly string[]) => names.map((name) => ({ name }));
const subjects = (routes: readonly string[], upstreams: readonly string[] = ['orders']): MetricSubjects => ({
  listeners: named(['web']),
  upstreams: upstreams.map((name) => ({ name, endpoints: [{ url: `http://${name}:1` }, { url: `http://${name}:2` }] })),
  routes: named(routes),
});

test('every row follows the naming rules of Prometheus', () => {
  const seen = new Set<string>();
  for (const row of METRICS as readonly MetricRow[]) {
    assert.match(row.name, /^sluice(_[a-z]+)+$/);
    assert.equal(row.name.endsWith('_total'), row.type === 'counter', row.name);
    // OpenMetrics names a counter's family without its suffix: a gauge must not have that name.
    const family = row.name.replace(/_total$/, '');
    assert.ok(!seen.has(family), `${family} stands once`);
    seen.add(family);
    if (row.unit !== 'none') assert.ok(family.endsWith(`_${row.unit}`), `${row.name} ends in its unit`);
    assert.ok(row.help.endsWith('.'), row.name);
    for (const label of row.labels) assert.match(label.name, /^[a-z]+$/);
  }
});

test('the words for failures and refusals are those of the folders that make them', () => {
  const kinds: readonly UpstreamFailure['kind'][] = FAILURE_KINDS;
  assert.deepEqual([...kinds].sort(), FAILURE_RULES.map(([kind]) => kind).sort());
  assert.equal(new Set(REFUSAL_REASONS).size, REFUSAL_REASONS.length);
});

test('every word of the rules for why an answer is not stored has its label', () => {
  const words: readonly (typeof UNCACHEABLE_REASONS)[number][] = [] as SkipReason[];
  assert.equal(words.length, 0);
  assert.equal(new Set(UNCACHEABLE_REASONS).size, UNCACHEABLE_REASONS.length);
});

test('only routes that cache have cells of the cache, and each count lands in its own', () => {
  const registry = new MetricRegistry();
  const { slots } = registry.plan({
    listeners: [],
    upstreams: [],
    routes: [
      { name: 'plain', cache: undefined },
      { name: 'cached', cache: {} },
    ],
  });
  const cacheSeries = registry.series.filter(({ row, isOther }) => row.name === 'sluice_cache_requests_total' && !isOther);
  assert.deepEqual(
    cacheSeries.map(({ values }) => values),
    CACHE_RESULTS.map((result) => ['cached', result]),
  );
  const block = new Float64Array(registry.usedCells);
  const writer = new MetricsWriter(block, { slots });
  const metrics = new CacheMetrics(writer, 'cached');
  metrics.countHit();
  metrics.countRequest('hit');
  metrics.countRequest('refused');
  metrics.countStored();
  metrics.countUncacheable('no-store');
  const countOf = (result: string) => block[writer.slot('sluice_cache_requests_total', { route: 'cached', result })];
  assert.deepEqual(
    CACHE_RESULTS.map(countOf),
    CACHE_RESULTS.map((result) => (result === 'hit' ? 2 : result === 'refused' ? 1 : 0)),
  );
  assert.equal(block[writer.slot('sluice_cache_stored_total', { route: 'cached' })], 1);
  assert.equal(block[writer.slot('sluice_cache_uncacheable_total', { reason: 'no-store' })], 1);
  assert.equal(
    block.reduce((sum, cell) => sum + cell, 0),
    5,
  );
});

test('what is counted of sharing and of idempotency keys has cells for the routes that do it', () => {
  const registry = new MetricRegistry();
  registry.plan({
    listeners: [],
    upstreams: [],
    routes: [
      { name: 'plain' },
      { name: 'cached', cache: {}, dedupe: undefined },
      { name: 'shared', dedupe: { sharing: {}, idempotency: undefined } },
      { name: 'keyed', dedupe: { sharing: undefined, idempotency: {} } },
    ],
  });
  const routesOf = (name: string): string[] => [
    ...new Set(registry.series.filter(({ row, isOther }) => row.name === name && !isOther).map(({ values }) => values[0] ?? '')),
  ];
  assert.deepEqual(routesOf('sluice_collapsed_total'), ['cached', 'shared']);
  assert.deepEqual(routesOf('sluice_collapse_waits_over_total'), ['cached', 'shared']);
  assert.deepEqual(routesOf('sluice_dedupe_total'), ['shared']);
  assert.deepEqual(routesOf('sluice_idempotency_total'), ['keyed']);
});

test('cells are given once: no two label sets overlap, over any row of reloads', () => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 5 }), { maxLength: 5 });
  fc.assert(
    fc.property(fc.array(names, { minLength: 1, maxLength: 4 }), (reloads) => {
      const registry = new MetricRegistry(20_000);
      for (const routes of reloads) registry.plan(subjects(routes, routes));
      const owners = new Map<number, string>();
      for (const { row, values, slot } of registry.series) {
        for (let cell = slot as number; cell < slot + cellsOf(row); cell += 1) {
          assert.ok(!owners.has(cell), `cell ${cell} of ${row.name} ${values} is ${owners.get(cell)}'s`);
          owners.set(cell, `${row.name} ${values}`);
        }
      }
      assert.equal(owners.size, registry.usedCells);
    }),
    { numRuns: 15 },
  );
});

test('a plan can be posted to a thread, and what it held before a reload stays where it was', () => {
  const registry = new MetricRegistry();
  const first = structuredClone(registry.plan(subjects(['a', 'b'])));
  const second = registry.plan(subjects(['b', 'c']));
  for (const [key, slot] of Object.entries(first.slots)) assert.equal(second.slots[key], slot);
  const block = new Float64Array(registry.maxCells);
  const old = new MetricsWriter(block, first);
  const now = new MetricsWriter(block, second);
  assert.equal(old.slot('sluice_client_aborts_total', { route: 'b' }), now.slot('sluice_client_aborts_total', { route: 'b' }));
  assert.notEqual(now.slot('sluice_client_aborts_total', { route: 'c' }), now.slot('sluice_client_aborts_total', { route: 'a' }));
});

test('an endpoint stands with its own upstream only', () => {
  const registry = new MetricRegistry();
  registry.plan(subjects([], ['a', 'b']));
  const pairs = registry.series
    .filter(({ row, isOther }) => row.name === 'sluice_upstream_requests_total' && !isOther)
    .map(({ values }) => values.join(' '));
  assert.deepEqual(pairs, ['a http://a:1', 'a http://a:2', 'b http://b:1', 'b http://b:2']);
});

test('when the cells are used up, further label sets share the "other" set and are counted', () => {
  const small = new MetricRegistry(new MetricRegistry().usedCells + 20);
  const plan = small.plan(subjects(['a', 'b', 'c', 'd', 'e', 'f', 'g']));
  assert.ok(small.usedCells <= small.maxCells);
  assert.ok(small.overflowedTotal > 0);
  const writer = new MetricsWriter(new Float64Array(small.maxCells), plan);
  const other = writer.slot('sluice_request_duration_seconds', { route: 'other' });
  assert.equal(writer.slot('sluice_request_duration_seconds', { route: 'g' }), other);
});

test('a label value nobody planned counts under "other"', () => {
  const registry = new MetricRegistry();
  const writer = new MetricsWriter(new Float64Array(registry.maxCells), registry.plan(subjects(['a'])));
  assert.equal(writer.slot('sluice_timeouts_total', { kind: 'unheard-of' }), writer.slot('sluice_timeouts_total', { kind: 'other' }));
});

test('the slots over one label are those taken one by one', () => {
  const registry = new MetricRegistry();
  const writer = new MetricsWriter(new Float64Array(registry.maxCells), registry.plan(subjects(['a'])));
  const together = writer.slots('sluice_requests_total', { label: 'code', values: CODE_CLASSES }, { route: 'a' });
  assert.deepEqual(
    together,
    CODE_CLASSES.map((code) => writer.slot('sluice_requests_total', { route: 'a', code })),
  );
  assert.equal(new Set(together).size, CODE_CLASSES.length);
});

test('clearing the gauges of a dead worker leaves its counters', () => {
  const registry = new MetricRegistry();
  const block = new Float64Array(registry.maxCells);
  const writer = new MetricsWriter(block, registry.plan(subjects(['a'])));
  const open = writer.slot('sluice_client_connections', { listener: 'web' });
  const accepted = writer.slot('sluice_client_connections_accepted_total', { listener: 'web' });
  const times = writer.slot('sluice_request_duration_seconds', { route: 'a' });
  writer.set(open, 7);
  writer.add(accepted, 9);
  writer.increment(accepted);
  writer.observe(times, 1.5);
  registry.clearGauges(block);
  assert.deepEqual([block[open], block[accepted], block[times]], [0, 10, 1.5]);
});

test('a route with limits has label sets for its own, those of its tiers and those of consumers, and for no others', () => {
  const named = (name: string): { readonly name: string } => ({ name });
  const { slots } = new MetricRegistry().plan({
    listeners: [],
    upstreams: [],
    routes: [
      { name: 'free', limits: [] },
      { name: 'own', limits: [named('burst')] },
      { name: 'tiered', limits: [named('burst'), named('1h')], tiers: { plan: ['basic'] } },
    ],
    tiers: [
      { name: 'basic', limits: [named('1h')], quotas: [named('month')] },
      { name: 'unused', limits: [named('1d')], quotas: [] },
    ],
    consumers: { list: [{ limits: [named('2h')], quotas: [] }] },
  });
  const sets = Object.keys(slots)
    .filter((key) => key.startsWith('sluice_limit_requests_total') && key.includes('"refused"'))
    .map((key) => key.slice('sluice_limit_requests_total'.length));
  assert.deepEqual(sets, [
    '["own","burst","refused"]',
    '["tiered","burst","refused"]',
    '["tiered","1h","refused"]',
    '["tiered","month","refused"]',
    '["tiered","2h","refused"]',
  ]);
});
