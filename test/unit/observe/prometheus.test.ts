import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MetricsWriter } from '../../../src/observe/metrics-writer.ts';
import { printMetrics } from '../../../src/observe/prometheus.ts';
import { MetricRegistry, type MetricSubjects } from '../../../src/observe/registry.ts';
import { createCounters } from '../../../src/shm/counters.ts';
import { checkExposition, type Sample } from './check-exposition.ts';

const WORKERS = 2;
const plain: MetricSubjects = {
  listeners: [{ name: 'web' }],
  upstreams: [{ name: 'orders', endpoints: [{ url: 'http://127.0.0.1:9001' }] }],
  routes: [{ name: 'api' }],
};

function build(subjects: MetricSubjects) {
  const registry = new MetricRegistry();
  const counters = createCounters(WORKERS + 1, registry.maxCells);
  registry.register('sluice_build_info', { version: '0.1.0', node: 'v22' });
  const plan = registry.plan(subjects);
  const writers = Array.from({ length: WORKERS + 1 }, (_, at) => new MetricsWriter(counters.block(at), plan));
  return { source: { registry, counters, workers: WORKERS }, writers };
}

function find(samples: readonly Sample[], labels: Readonly<Record<string, string>>): readonly Sample[] {
  return samples.filter((sample) => Object.entries(labels).every(([name, value]) => sample.labels.get(name) === value));
}

test('counters and gauges are the sum over all threads', () => {
  const { source, writers } = build(plain);
  for (const writer of writers) writer.add(writer.slot('sluice_requests_total', { route: 'api', code: '2xx' }), 5);
  for (const writer of writers.slice(0, 2)) writer.set(writer.slot('sluice_client_connections', { listener: 'web' }), 3);
  const families = checkExposition(printMetrics(source, 'text'));
  assert.equal(find(families.get('sluice_requests_total')!.samples, { route: 'api', code: '2xx' })[0]?.value, 15);
  assert.equal(find(families.get('sluice_client_connections')!.samples, { listener: 'web' })[0]?.value, 6);
});

test('what is per worker has a series for each worker, and none for the coordinator', () => {
  const { source, writers } = build(plain);
  writers[1]!.set(writers[1]!.slot('sluice_worker_loop_lag_seconds', {}), 250);
  const lag = checkExposition(printMetrics(source, 'text')).get('sluice_worker_loop_lag_seconds')!.samples;
  assert.deepEqual(
    lag.map(({ labels, value }) => [labels.get('worker'), value]),
    [
      ['0', 0],
      ['1', 0.25],
    ],
  );
});

test('a histogram is cumulative and in seconds', () => {
  const { source, writers } = build(plain);
  const slot = writers[0]!.slot('sluice_request_duration_seconds', { route: 'api' });
  for (const ms of [0.05, 1, 10, 1000, 1e6]) writers[0]!.observe(slot, ms);
  writers[1]!.observe(slot, 10);
  const samples = find(checkExposition(printMetrics(source, 'text')).get('sluice_request_duration_seconds')!.samples, { route: 'api' });
  const at = (le: string) => find(samples, { le })[0]?.value;
  assert.deepEqual([at('0.0001'), at('0.0012'), at('0.0128'), at('1.2288'), at('104.8576'), at('+Inf')], [1, 2, 4, 5, 5, 6]);
  assert.equal(samples.find(({ name }) => name.endsWith('_sum'))?.value, 1001.02105);
});

test('sets for others are printed only once something was counted under them', () => {
  const { source, writers } = build(plain);
  assert.doesNotMatch(printMetrics(source, 'text'), /="other"/);
  writers[0]!.increment(writers[0]!.slot('sluice_timeouts_total', { kind: 'unheard-of' }));
  assert.match(printMetrics(source, 'text'), /^sluice_timeouts_total\{kind="other"\} 1$/m);
});

test('whatever a name holds, the text is well formed and gives the name back', () => {
  const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((name) => name !== 'none');
  fc.assert(
    fc.property(fc.uniqueArray(word, { minLength: 1, maxLength: 3 }), (names) => {
      const { source } = build({ ...plain, routes: names.map((name) => ({ name })) });
      for (const format of ['text', 'openmetrics'] as const) {
        const aborts = checkExposition(printMetrics(source, format), format === 'openmetrics').get(
          format === 'openmetrics' ? 'sluice_client_aborts' : 'sluice_client_aborts_total',
        );
        assert.deepEqual(
          aborts!.samples.map(({ labels }) => labels.get('route')),
          ['none', ...names],
        );
      }
    }),
    { numRuns: 8, examples: [[['a"b\\c\nd', '\\n', '{le="1"}']]] },
  );
});
