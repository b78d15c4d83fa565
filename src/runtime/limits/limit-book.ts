import type { QuotaConfig } from '../../config/limit-types.ts';
import type { GatewayConfig, RouteConfig } from '../../config/types.ts';
import { Asker, NOBODY } from '../../policy/consumers.ts';
import type { LimitRule } from '../../policy/limit-rules.ts';
import { compileRouteLimits, type LimitSet, type RouteLimits } from '../../policy/limit-set.ts';
import { type CompiledLimit, compileLimit } from '../../shm/rolling-limit.ts';
import { type Quota, QuotaSet } from '../../usage/quota-set.ts';

export type BookRule = LimitRule<CompiledLimit, Quota>;
export type BookSet = LimitSet<CompiledLimit, Quota>;
/** A limit or a quota, and the route whose requests meet it. */
export type BookEntry = { readonly route: string; readonly tier: string; readonly rule: BookRule };

/** The limits of a configuration as requests meet them, by the same code, for those who ask about them. */
export class LimitBook {
  readonly #config: GatewayConfig;
  readonly #routes: readonly { readonly route: RouteConfig; readonly limits: RouteLimits<CompiledLimit, Quota> }[];

  constructor(config: GatewayConfig) {
    this.#config = config;
    const calendars = new QuotaSet();
    const services = { rate: compileLimit, quota: (quota: QuotaConfig) => calendars.quota(quota) };
    this.#routes = config.routes.flatMap((route) => {
      const limits = compileRouteLimits(route, config, services);
      return limits === null ? [] : [{ route, limits }];
    });
  }

  /** `undefined`: the name is in no list. */
  consumer(name: string): Asker | undefined {
    const config = this.#config.consumers?.list.find((consumer) => consumer.name === name);
    return config === undefined ? undefined : new Asker('known', name, { keyId: '', config });
  }

  /** What a request on the route has to keep to. `undefined`: nothing is limited there. */
  setOf(routeName: string, asker: Asker): BookSet | undefined {
    return this.#routes.find(({ route }) => route.name === routeName)?.limits.of(asker);
  }

  /** All that one asker meets, each limit once, with the first of the routes where it holds. */
  entriesOf(asker: Asker): readonly BookEntry[] {
    return distinct(this.#routes.flatMap(({ route, limits }) => entriesIn(route.name, limits.of(asker))));
  }

  /** All that anybody can meet, each limit once; those of consumers alone are not among them. */
  entries(): readonly BookEntry[] {
    return distinct(
      this.#routes.flatMap(({ route, limits }) => {
        const askers = [NOBODY, ...(route.tiers?.plan ?? []).map(askerOfTier)];
        return askers.flatMap((asker) => entriesIn(route.name, limits.of(asker)));
      }),
    );
  }
}

function entriesIn(route: string, { concurrency, rates, quotas, tier }: BookSet): readonly BookEntry[] {
  return [...concurrency, ...rates, ...quotas].map((rule) => ({ route, tier, rule }));
}

/** Limits with one identity count together; quotas of one are still as large as the tier has it. */
function distinct(entries: readonly BookEntry[]): readonly BookEntry[] {
  const seen = new Map(entries.map((entry) => [`${entry.rule.identity}\0${entry.rule.kind === 'quota' ? entry.tier : ''}`, entry]));
  return Array.from(seen.values());
}

function askerOfTier(tier: string): Asker {
  return new Asker('known', '', { keyId: '', config: { name: '', keys: [], tier, limits: [], quotas: [] } });
}
