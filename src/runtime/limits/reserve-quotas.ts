import type { ConsumerConfig, QuotaConfig } from '../../config/limit-types.ts';
import type { GatewayConfig } from '../../config/types.ts';
import { LimitHash } from '../../policy/limit-hash.ts';
import { identityOfQuota } from '../../policy/limit-rules.ts';
import { QuotaSet } from '../../usage/quota-set.ts';
import { hashKey } from './limit-key-hash.ts';
import type { LimitTables } from './limit-memory.ts';

/**
 * Quotas of those who are listed have their place in the table before anybody asks: else a flood of strangers, who count by address, could
 * fill it first, and who finds no place there is not counted. Once for each consumer of a configuration, some µs.
 */
export class QuotaReserve {
  /** Configurations that are read anew have new objects, moves have one for who was moved. */
  readonly #done = new WeakSet<ConsumerConfig>();

  reserve(config: GatewayConfig, { quotas, seed }: Pick<LimitTables, 'quotas' | 'seed'>): void {
    const { consumers } = config;
    if (consumers === undefined) return;
    const ofTiers = new Map(config.tiers.map((tier) => [tier.name, tier.quotas]));
    const fallbacks = new Set(config.routes.flatMap(({ tiers }) => (tiers === undefined ? [] : [tiers.fallback])));
    const usual = Array.from(fallbacks).flatMap((name) => ofTiers.get(name) ?? []);
    const hash = new LimitHash(seed);
    const calendars = new QuotaSet();
    const nowMs = Date.now();
    const startSecOf = (quota: QuotaConfig): number => calendars.quota(quota).startSec(nowMs);
    for (const consumer of consumers.list) {
      if (this.#done.has(consumer)) continue;
      this.#done.add(consumer);
      for (const quota of [...consumer.quotas, ...usual, ...(ofTiers.get(consumer.tier ?? '') ?? [])]) {
        hashKey(hash, identityOfQuota(quota), consumer.name);
        quotas.reserve(hash.low, hash.high, startSecOf(quota));
      }
    }
  }
}
