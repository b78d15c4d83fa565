import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetricsWriter } from '../../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../../src/observe/registry.ts';
import { DiskDebts } from '../../../src/runtime/store/disk-debts.ts';
import { DISK_FIGURES, type DiskFigures } from '../../../src/runtime/store/disk-figures.ts';
import { DiskMetrics } from '../../../src/runtime/store/disk-metrics.ts';
import { checkedConfig } from '../../integration/configured-front.ts';

test('counts of the disk tier go on where another thread begins anew; what is there now is as the last one says', () => {
  const registry = new MetricRegistry();
  const config = checkedConfig({ listeners: ['127.0.0.1:0'], routes: [{ name: 'r', respond: 200 }] });
  const cells = new Float64Array(registry.maxCells);
  const writer = new MetricsWriter(cells, registry.plan(config));
  const metrics = new DiskMetrics();
  const each = (value: number): DiskFigures => Object.fromEntries(DISK_FIGURES.map((name) => [name, value])) as DiskFigures;
  const names = ['sluice_cache_disk_written_total', 'sluice_cache_disk_dropped_total', 'sluice_cache_disk_objects'] as const;
  const seen = (): readonly unknown[] => names.map((name) => cells[writer.slot(name, {})]);
  metrics.write(writer, { ...each(5), threadId: 1, dropped: 2 });
  metrics.write(writer, { ...each(7), threadId: 1, dropped: 3 });
  assert.deepEqual(seen(), [7, 3, 7]);
  metrics.write(writer, { ...each(1), threadId: 2, dropped: 1 });
  assert.deepEqual(seen(), [8, 4, 1]);
  metrics.write(writer, undefined);
  assert.deepEqual(seen(), [8, 4, 0]);
});

test('more removals than are remembered one by one become one of everything', () => {
  const debts = new DiskDebts();
  assert.ok(debts.isEmpty);
  debts.add(Array.from({ length: 4096 }, (_, at) => ({ kind: 'prefix', prefix: `/${at}`, isSoft: true }) as const));
  assert.equal(debts.take().length, 4096);
  assert.ok(debts.isEmpty);
  debts.add([{ kind: 'all', isSoft: true }]);
  debts.add(Array.from({ length: 4096 }, () => ({ kind: 'all', isSoft: true }) as const));
  assert.deepEqual(debts.take(), [{ kind: 'all', isSoft: false }]);
});
