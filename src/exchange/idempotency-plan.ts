import { assert } from '../base/assert.ts';
import type { ConsumerSource } from '../config/limit-types.ts';
import type { IdempotencyConfig } from '../config/dedupe-types.ts';
import type { GatewayConfig, RouteConfig } from '../config/types.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import { IdempotencyMetrics } from './dedupe-metrics.ts';
import type { IdempotencyRecords } from './idempotency-records.ts';

/** How one route keeps answers by Idempotency-Key, made ready at load. */
export type IdempotencyPlan = {
  readonly config: IdempotencyConfig;
  readonly methods: ReadonlySet<string>;
  readonly records: IdempotencyRecords;
  readonly metrics: IdempotencyMetrics;
  /** Where a request tells who asks. */
  readonly sources: readonly ConsumerSource[];
};

/** `null` where the route has no such keys. */
export function compileIdempotency(
  { name, dedupe }: RouteConfig,
  { consumers }: Pick<GatewayConfig, 'consumers'>,
  { records, metrics: writer }: { readonly records: IdempotencyRecords | null; readonly metrics: MetricsWriter },
): IdempotencyPlan | null {
  const config = dedupe?.idempotency;
  if (config === undefined) return null;
  assert(records !== null, `route ${name} has records of its keys`);
  const metrics = new IdempotencyMetrics(writer, name);
  return Object.freeze({ config, methods: new Set(config.methods), records, metrics, sources: consumers?.from ?? [] });
}
