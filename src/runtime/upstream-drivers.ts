import { makeBreakerDriver } from './breaker-driver.ts';
import { driveDiscovery } from './discovery-driver.ts';
import { driveEndpointMetrics } from './endpoint-metrics.ts';
import { ExtraLoadDriver } from './extra-load-driver.ts';
import { driveHealth } from './health-driver.ts';
import { makeHedgeDriver } from './hedge-driver.ts';
import { driveOutliers } from './outlier-driver.ts';
import { driveSlowStart } from './slow-start-driver.ts';
import type { MakeDriver } from './upstream-driver.ts';

/** Everything that the coordinator may do for an upstream; each decides by its configuration whether it is wanted. In the order of their ticks. */
export const DRIVERS: readonly MakeDriver[] = [
  driveDiscovery,
  driveHealth,
  driveOutliers,
  makeBreakerDriver,
  driveSlowStart,
  makeHedgeDriver,
  (upstream) => new ExtraLoadDriver(upstream),
  driveEndpointMetrics,
];
