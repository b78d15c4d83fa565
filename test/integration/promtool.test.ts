import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { MetricsWriter } from '../../src/observe/metrics-writer.ts';
import { printMetrics } from '../../src/observe/prometheus.ts';
import { MetricRegistry } from '../../src/observe/registry.ts';
import { createCounters } from '../../src/shm/counters.ts';
import { PROMTOOL, requireCommand } from '../harness/system-package.ts';

test('promtool finds nothing to complain about', (t) => {
  const promtool = requireCommand(t, PROMTOOL);
  if (promtool === undefined) return;
  const registry = new MetricRegistry();
  const counters = createCounters(2, registry.maxCells);
  registry.register('sluice_build_info', { version: '0.1.0', node: 'v22' });
  const plan = registry.plan({
    listeners: [{ name: 'web' }],
    upstreams: [{ name: 'orders', endpoints: [{ url: 'http://127.0.0.1:9001' }] }],
    routes: [{ name: 'a "quoted" route' }],
  });
  const writer = new MetricsWriter(counters.block(0), plan);
  writer.observe(writer.slot('sluice_request_duration_seconds', { route: 'a "quoted" route' }), 3);
  const input = printMetrics({ registry, counters, workers: 1 }, 'text');
  const checked = spawnSync(promtool, ['check', 'metrics'], { input, encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stderr);
  assert.equal(checked.stderr, '');
});
