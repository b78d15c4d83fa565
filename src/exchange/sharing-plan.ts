import type { SharingConfig } from '../config/dedupe-types.ts';
import type { MetricsWriter } from '../observe/metrics-writer.ts';
import type { Flights } from '../shm/flights.ts';
import type { Caching } from './caching.ts';
import { SharingMetrics } from './dedupe-metrics.ts';
import type { PlannedRoute } from './plan.ts';
import { ShortLived } from './short-lived.ts';
import { upstreamLine } from './split.ts';

/** How identical requests of one route share an answer, made ready at load. */
export type SharingPlan = {
  readonly config: SharingConfig;
  /** The route and, of several, the upstream, latin1: none shares answers with another. */
  readonly namespace: string;
  readonly methods: ReadonlySet<string>;
  /** Lower-case names of fields that the configuration makes part of the key. */
  readonly chosen: ReadonlySet<string>;
  readonly caching: Caching;
  readonly flights: Flights;
  readonly shortLived: ShortLived;
  readonly metrics: SharingMetrics;
};

/** `null` where the route shares nothing, or there is no shared memory to do it in. */
export function compileSharing({ name, part, dedupe }: PlannedRoute, caching: Caching | null, metrics: MetricsWriter): SharingPlan | null {
  const config = dedupe?.sharing;
  const flights = caching?.flights;
  if (config === undefined || caching === null || flights === undefined) return null;
  return Object.freeze({
    config,
    namespace: Buffer.from(name, 'utf8').toString('latin1') + (part === '' ? '' : upstreamLine(part)),
    methods: new Set(config.methods),
    chosen: new Set(config.key.headers),
    caching,
    flights,
    shortLived: new ShortLived(caching.store),
    metrics: new SharingMetrics(metrics, name),
  });
}
