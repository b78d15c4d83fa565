import assert from 'node:assert/strict';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';
import type { PlanMessage } from '../../../src/runtime/messages.ts';

/** A configuration with one route, whose name tells it from others. */
export function configNamed(name: string): GatewayConfig {
  const result = parseConfigObject({ routes: [{ name, match: '/*', respond: 204 }] }, { fileName: 'test', env: {} });
  assert.ok(result.kind === 'ok');
  return result.config;
}

/** A plan that needs nothing. */
export function planOf(generation: number): PlanMessage {
  const shared = { caching: undefined, limiting: undefined, adaptive: undefined, upstreams: undefined };
  const nothing = { modules: {}, metricPlan: { slots: {} }, ...shared };
  return { generation, config: configNamed(`of-${generation}`), moduleGeneration: generation, ...nothing };
}
