import { randomBytes } from 'node:crypto';
import { Consumers } from '../policy/consumers.ts';
import type { GatewayConfig, ShedPriority } from '../config/types.ts';
import type { ConcurrencyTable } from '../shm/concurrency-table.ts';
import { LimitHash } from '../policy/limit-hash.ts';
import type { LimitTable } from '../shm/limit-table.ts';
import type { QuotaTable } from '../shm/quota-table.ts';
import { QuotaSet } from '../usage/quota-set.ts';

/** What all workers of the host limit by. */
export type LimitingServices = {
  readonly limits: LimitTable;
  readonly concurrency: ConcurrencyTable;
  readonly quotas: QuotaTable;
};

const SEED_BYTES = 16;

/** One worker's way to the limits that all share, and who its clients are by the configuration in force. */
export class Limiting {
  readonly services: LimitingServices;
  /** Of all keys, in whichever table. */
  readonly hash: LimitHash;
  readonly quotaSet = new QuotaSet();
  /** `null`: nobody has a name. */
  readonly consumers: Consumers | null;
  /** Who gives way first when an upstream has too much to do, by tier, where the tier says so. */
  readonly priorities: ReadonlyMap<string, ShedPriority>;
  /** Requests that wait their turn. */
  delayed = 0;
  private readonly maxDelayed: number;
  /** How many of them wait for the limit of one key, by the low word of its hash: keys that share one share their part. */
  private readonly delayedBy = new Map<number, number>();

  constructor(services: LimitingServices, config: GatewayConfig) {
    this.services = services;
    this.hash = new LimitHash(services.limits.seed);
    this.consumers = config.consumers === undefined ? null : new Consumers(config.consumers, randomBytes(SEED_BYTES));
    this.priorities = prioritiesOf(config);
    this.maxDelayed = config.limiter.maxDelayed;
  }

  /** Whether one more of this key may wait: no more of it than there are places left, so that a flood of one takes half of them, and others wait, too. */
  mayWait(key: number): boolean {
    const free = this.maxDelayed - this.delayed;
    return free > 0 && (this.delayed === 0 || (this.delayedBy.get(key) ?? 0) < free);
  }

  beginWait(key: number): void {
    this.delayed++;
    this.delayedBy.set(key, (this.delayedBy.get(key) ?? 0) + 1);
  }

  endWait(key: number): void {
    this.delayed--;
    const left = (this.delayedBy.get(key) ?? 0) - 1;
    if (left > 0) this.delayedBy.set(key, left);
    else this.delayedBy.delete(key);
  }
}

function prioritiesOf({ tiers }: GatewayConfig): ReadonlyMap<string, ShedPriority> {
  return new Map(tiers.flatMap(({ name, shedPriority }) => (shedPriority === undefined ? [] : [[name, shedPriority] as const])));
}
