import { makeBreakerDriver } from './breaker-driver.ts';
import { ExtraLoadDriver } from './extra-load-driver.ts';
import type { MakeDriver } from './upstream-driver.ts';

/** Everything that the coordinator may do for an upstream; each decides by its configuration whether it is wanted. In the order of their ticks. */
export const DRIVERS: readonly MakeDriver[] = [makeBreakerDriver, (upstream) => new ExtraLoadDriver(upstream)];
