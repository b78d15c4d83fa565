import type { LimitCost } from '../config/limit-types.ts';
import { LimitReadings } from '../policy/rate-limit-fields.ts';
import type { ConcurrencyRule, QuotaRule, RateRule } from '../policy/limit-rules.ts';
import { REFUSED } from '../shm/concurrency-table.ts';
import type { CompiledLimit } from '../shm/rolling-limit.ts';
import type { Quota } from '../usage/quota-set.ts';
import type { LimitMemo } from './limit-memo.ts';
import type { LimitPlan, RouteLimitSet } from './limit-plan.ts';

type Rate = RateRule<CompiledLimit>;
type Allotment = QuotaRule<Quota>;

/** Limits, tier and consumer together; the configuration allows fewer. */
const MAX_RULES = 256;
const NO_KEYS = new Int32Array(0);
/** When a place gets free nobody knows; the request may come again soon. */
export const CONCURRENCY_WAIT_MS = 1000;
/** Of `outcomes`. */
export const TAKEN = 1;
const SHADOWED = 2;

export function costAhead(cost: LimitCost): number {
  return cost.kind === 'fixed' ? cost.amount : cost.ahead;
}

/**
 * Asks all limits of one request, in the order of its set, and takes of all or of none: what was taken before one said no is given
 * back. One object a thread; its fields tell how the last request fared, until the next.
 */
export class LimitDecision {
  readonly readings = new LimitReadings(MAX_RULES);
  /** Names of what said no; empty: it may go on. */
  readonly violated: string[] = [];
  /** Refused: until it would pass. Else how long it has to wait for its turn. */
  waitMs = 0;
  /** Of the rate that it waits for longest: the low word of its key. */
  waitKey = 0;
  /** By place in the set: the handle of what is under way; `REFUSED`: there is none. */
  readonly handles = new Int32Array(MAX_RULES);
  private plan: LimitPlan | null = null;
  private set: RouteLimitSet | null = null;
  private lows: Int32Array = NO_KEYS;
  private highs: Int32Array = NO_KEYS;
  private hostMs = 0;
  private wallMs = 0;
  /** By place: what came of it; 0: it has taken nothing. */
  readonly outcomes = new Uint8Array(MAX_RULES);

  /** True: it may go on, at once or after `waitMs`; then it takes up no place yet. `hostMs`, `wallMs`: now; the latter for quotas alone. */
  decide(memo: LimitMemo, hostMs: number, wallMs: number): boolean {
    const { set } = memo;
    this.plan = memo.plan;
    this.set = set;
    this.lows = memo.lows;
    this.highs = memo.highs;
    this.hostMs = hostMs;
    this.wallMs = wallMs;
    this.violated.length = 0;
    this.waitMs = 0;
    const { concurrency, rates, quotas } = set;
    let at = 0;
    for (const rule of concurrency) this.askConcurrency(rule, at++);
    for (const rule of rates) this.askRate(rule, at++);
    for (const rule of quotas) this.askQuota(rule, at++);
    const isGood = this.violated.length === 0;
    const isWaiting = isGood && this.waitMs > 0;
    // Who waits takes up no place: he would keep others out who need not wait. He is asked when his turn has come (`LimitHold`).
    if (isWaiting) this.leavePlaces();
    else this.countPlaces();
    if (!isGood) this.giveBack();
    return isGood;
  }

  /** The request does not go on because of another limit. */
  private giveBack(): void {
    const { plan, set } = this;
    if (plan === null || set === null) return;
    const { limits, concurrency, quotas } = plan.limiting.services;
    this.leavePlaces();
    const [firstRate, firstQuota] = [set.concurrency.length, set.concurrency.length + set.rates.length];
    for (const [i, rule] of set.concurrency.entries()) {
      if (this.outcomes[i] === TAKEN) this.readings.set(rule.told, rule.config.max - concurrency.inFlight(this.low(i), this.high(i)), 0);
    }
    for (const [i, { rate, config, told }] of set.rates.entries()) {
      const at = firstRate + i;
      if (this.outcomes[at] !== TAKEN) continue;
      limits.give(rate, this.low(at), this.high(at), this.hostMs, costAhead(config.cost));
      this.readings.set(told, limits.remaining, limits.resetMs);
    }
    for (const [i, { quota, config, told }] of set.quotas.entries()) {
      const at = firstQuota + i;
      if (this.outcomes[at] !== TAKEN) continue;
      quotas.give(this.low(at), this.high(at), quota.startSec(this.wallMs), costAhead(config.cost));
      this.readings.set(told, quota.remaining(quotas.used), quota.resetMs(this.wallMs));
    }
  }

  private askConcurrency({ config, told }: ConcurrencyRule, at: number): void {
    const { limiting } = this.plan as LimitPlan;
    const { concurrency } = limiting.services;
    this.handles[at] = REFUSED;
    this.outcomes[at] = 0;
    if (this.violated.length > 0) {
      this.readings.set(told, config.max - concurrency.inFlight(this.low(at), this.high(at)), 0);
      return;
    }
    const handle = concurrency.acquire(this.low(at), this.high(at), config.max);
    this.readings.set(told, config.max - concurrency.current, 0);
    if (handle === REFUSED) {
      if (config.action === 'shadow') this.outcomes[at] = SHADOWED;
      else this.settle(config, false, CONCURRENCY_WAIT_MS);
      return;
    }
    this.handles[at] = handle;
    this.outcomes[at] = TAKEN;
  }

  private leavePlaces(): void {
    const { plan, set } = this;
    if (plan === null || set === null) return;
    for (let at = 0; at < set.concurrency.length; at++) {
      const handle = this.handles[at] ?? REFUSED;
      if (handle !== REFUSED) plan.limiting.services.concurrency.release(handle);
      this.handles[at] = REFUSED;
    }
  }

  /** Those that were refused have been counted. */
  private countPlaces(): void {
    const { plan, set } = this;
    if (plan === null || set === null) return;
    let at = 0;
    for (const { config } of set.concurrency) {
      const outcome = this.outcomes[at++];
      if (outcome === TAKEN) plan.count(config.name, 'allowed');
      else if (outcome === SHADOWED) plan.count(config.name, 'shadowed');
    }
  }

  private askRate({ config, told, rate }: Rate, at: number): void {
    const { limiting } = this.plan as LimitPlan;
    const { limits } = limiting.services;
    this.outcomes[at] = 0;
    if (this.violated.length > 0) {
      limits.peek(rate, this.low(at), this.high(at), this.hostMs);
      this.readings.set(told, limits.remaining, limits.resetMs);
      if (limits.remaining === 0) this.refuseToo(config, limits.waitMs - config.maxDelayMs);
      return;
    }
    // Where so many wait already that nobody else may, limits that throttle refuse.
    const maxDelayMs = config.maxDelayMs > 0 && limiting.mayWait(this.low(at)) ? config.maxDelayMs : 0;
    const isTaken = limits.take(rate, this.low(at), this.high(at), this.hostMs, costAhead(config.cost), maxDelayMs);
    if (isTaken) this.outcomes[at] = TAKEN;
    this.readings.set(told, limits.remaining, limits.resetMs);
    const { waitMs } = limits;
    if (isTaken && waitMs > this.waitMs) {
      this.waitMs = waitMs;
      this.waitKey = this.low(at);
    }
    this.settle(config, isTaken, waitMs, isTaken && waitMs > 0);
  }

  private askQuota({ config, told, quota }: Allotment, at: number): void {
    const { limiting } = this.plan as LimitPlan;
    const { quotas } = limiting.services;
    const startSec = quota.startSec(this.wallMs);
    const untilEndMs = quota.resetMs(this.wallMs);
    const cost = costAhead(config.cost);
    this.outcomes[at] = 0;
    let isTaken = false;
    if (this.violated.length > 0) {
      if (quotas.peek(this.low(at), this.high(at), startSec) + cost > config.amount) this.refuseToo(config, untilEndMs);
    } else {
      isTaken = quotas.take(this.low(at), this.high(at), startSec, config.amount, cost);
      const isOver = !isTaken && config.action === 'overage';
      if (isOver) quotas.add(this.low(at), this.high(at), startSec, cost);
      if (isTaken || isOver) this.outcomes[at] = TAKEN;
      this.settle(config, isTaken, untilEndMs);
    }
    this.readings.set(told, quota.remaining(quotas.used), untilEndMs);
  }

  /** Counts what a limit has said, and takes note of a refusal. */
  private settle(
    { name, action }: { readonly name: string; readonly action: string },
    isGood: boolean,
    waitMs: number,
    isDelayed = false,
  ): void {
    const plan = this.plan as LimitPlan;
    if (isGood) plan.count(name, isDelayed ? 'delayed' : 'allowed');
    else if (action === 'shadow') plan.count(name, 'shadowed');
    else if (action === 'overage') plan.count(name, 'overage');
    else {
      plan.count(name, 'refused');
      this.violated.push(name);
      this.waitMs = waitMs;
    }
  }

  /** Somebody else has said no; this one would have, too, so that to come again before both say yes would be in vain. */
  private refuseToo({ name, action }: { readonly name: string; readonly action: string }, waitMs: number): void {
    if (waitMs <= 0 || action === 'shadow' || action === 'overage') return;
    this.violated.push(name);
    this.waitMs = Math.max(this.waitMs, waitMs);
  }

  private low(at: number): number {
    return this.lows[at] ?? 0;
  }

  private high(at: number): number {
    return this.highs[at] ?? 0;
  }
}
