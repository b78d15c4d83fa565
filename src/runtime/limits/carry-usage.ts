import type { GatewayConfig, RouteConfig } from '../../config/types.ts';
import { Asker } from '../../policy/consumers.ts';
import type { RateRule } from '../../policy/limit-rules.ts';
import { isAboutTheSame } from '../../policy/limit-set.ts';
import { LimitHash } from '../../policy/limit-hash.ts';
import type { CompiledLimit } from '../../shm/rolling-limit.ts';
import { type BookSet, LimitBook } from './limit-book.ts';
import { hashKey } from './limit-key-hash.ts';
import type { LimitTables } from './limit-memory.ts';

export type Carrying = {
  readonly before: GatewayConfig;
  readonly after: GatewayConfig;
  readonly tables: Pick<LimitTables, 'limits' | 'seed'>;
  /** Host time. */
  readonly nowMs: number;
};

type Rule = RateRule<CompiledLimit>;
/** What was used of the first counts for the second. */
type Succession = { readonly from: Rule; readonly to: Rule };

/**
 * Whoever gets other limits than he had (moved to another tier, or the tier was changed) keeps what he has used: for each rate that he
 * meets from now on and did not before, the one over the same time that he had before tells what is used. Only of consumers that are
 * listed, since nobody knows the keys of others. What is used in the very moment of the change may count for the old limit alone.
 * Quotas need none of this: their keys are the same in every tier.
 */
export function carryUsage({ before, after, tables, nowMs }: Carrying): void {
  const routes = distinctTierRoutes(before, after);
  if (routes.length === 0) return;
  const hash = new LimitHash(tables.seed);
  const books = { before: bookOf(before, routes), after: bookOf(after, routes) };
  const successions = new SuccessionsOf();
  const old = new Map(before.consumers?.list.map((consumer) => [consumer.name, consumer]));
  // A move changes nothing but the one who is moved.
  const isMove = before.tiers === after.tiers && before.routes === after.routes;
  for (const consumer of after.consumers?.list ?? []) {
    if (isMove && old.get(consumer.name) === consumer) continue;
    const askers = { before: askerOf(old.get(consumer.name), consumer.name), after: askerOf(consumer, consumer.name) };
    const done = new Set<string>();
    for (const route of routes) {
      const sets = { before: books.before.setOf(route, askers.before), after: books.after.setOf(route, askers.after) };
      if (sets.before === undefined || sets.after === undefined) continue;
      for (const { from, to } of successions.between(sets.before, sets.after)) {
        if (done.has(to.identity)) continue;
        done.add(to.identity);
        carry({ from, to }, { hash, limits: tables.limits, nowMs, name: consumer.name });
      }
    }
  }
}

type Place = { readonly hash: LimitHash; readonly limits: LimitTables['limits']; readonly nowMs: number; readonly name: string };

/** What was left over from an earlier stay in that tier is counted in what was used since, so it is no more. */
function carry({ from, to }: Succession, { hash, limits, nowMs, name }: Place): void {
  hashKey(hash, from.identity, name);
  limits.peek(from.rate, hash.low, hash.high, nowMs);
  const used = from.rate.tokens - limits.remaining;
  hashKey(hash, to.identity, name);
  limits.reset(to.rate, hash.low, hash.high);
  if (used > 0) limits.charge(to.rate, hash.low, hash.high, nowMs, used);
}

/** The same for all who come from one set of limits to one other. */
class SuccessionsOf {
  readonly #known = new Map<BookSet, Map<BookSet, readonly Succession[]>>();

  between(before: BookSet, after: BookSet): readonly Succession[] {
    const known = this.#known.get(before) ?? new Map<BookSet, readonly Succession[]>();
    this.#known.set(before, known);
    const made = known.get(after) ?? successions(before, after);
    known.set(after, made);
    return made;
  }
}

function successions(before: BookSet, after: BookSet): readonly Succession[] {
  const had = before.rates.filter(isByConsumer);
  const kept = new Set(had.map(({ identity }) => identity));
  return after.rates
    .filter((rule) => isByConsumer(rule) && !kept.has(rule.identity))
    .flatMap((to) => {
      const from = had.find(({ config }) => isAboutTheSame(config, to.config));
      return from === undefined ? [] : [{ from, to }];
    });
}

/** Of all that one has, only this can be found without a request. */
function isByConsumer({ key: { parts } }: Rule): boolean {
  return parts.length === 1 && parts[0]?.kind === 'consumer';
}

/** One route for each way in which tiers hold, of those that are there before and after. */
function distinctTierRoutes(before: GatewayConfig, after: GatewayConfig): readonly string[] {
  const old = new Map(before.routes.map((route) => [route.name, route]));
  const ways = new Map<string, string>();
  for (const route of after.routes) {
    const was = old.get(route.name);
    if (was === undefined) continue;
    const way = JSON.stringify([wayOf(was), wayOf(route)]);
    if (!ways.has(way)) ways.set(way, route.name);
  }
  return Array.from(ways.values());
}

function bookOf(config: GatewayConfig, routes: readonly string[]): LimitBook {
  return new LimitBook({ ...config, routes: config.routes.filter(({ name }) => routes.includes(name)) });
}

function wayOf({ tiers, limits }: RouteConfig): unknown {
  return [tiers, limits];
}

function askerOf(config: Asker['config'], name: string): Asker {
  return new Asker('known', name, { keyId: '', config });
}
