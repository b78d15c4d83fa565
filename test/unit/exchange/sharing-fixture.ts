import { parseConfigObject } from '../../../src/config/load.ts';
import type { ConfigInput } from '../../../src/config/schema.ts';
import type { Caching } from '../../../src/exchange/caching.ts';
import { compileSharing, type SharingPlan } from '../../../src/exchange/sharing-plan.ts';
import { MetricsWriter } from '../../../src/observe/metrics-writer.ts';
import { MetricRegistry } from '../../../src/observe/registry.ts';

/** The plan of one route with this `dedupe`. */
export function sharingOf(caching: Caching, dedupe: object | true, name = 'all'): SharingPlan {
  const input: object = { listeners: ['127.0.0.1:0'], upstreams: { o: 'http://a' }, routes: [{ name, upstream: 'o', dedupe }] };
  const result = parseConfigObject(input as ConfigInput, { fileName: 'test', env: {} });
  if (result.kind !== 'ok') throw new Error(result.problems.map(({ path, message }) => `${path} ${message}`).join('; '));
  const registry = new MetricRegistry();
  const metrics = new MetricsWriter(new Float64Array(registry.maxCells), registry.plan(result.config));
  const [route] = result.config.routes;
  const sharing = route === undefined ? null : compileSharing({ ...route, part: '' }, caching, metrics);
  if (sharing === null) throw new Error('the route shares nothing');
  return sharing;
}
