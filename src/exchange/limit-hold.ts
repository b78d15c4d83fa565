import type { LimitCost } from '../config/limit-types.ts';
import { fieldValue } from '../http/fields.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { REFUSED } from '../shm/concurrency-table.ts';
import { costAhead, type LimitDecision, TAKEN } from './limit-decision.ts';
import type { LimitMemo } from './limit-memo.ts';
import type { LimitPlan, RouteLimitSet } from './limit-plan.ts';

/** More than any limit has. */
const MAX_COST = 1e9;
const COST = /^\d{1,10}$/;

/** What a request still owes its limits while it is under way: places that it takes up, among those who wait, too, and a cost that only the answer tells. */
export class LimitHold {
  private readonly plan: LimitPlan;
  private readonly set: RouteLimitSet;
  private readonly lows: Int32Array;
  private readonly highs: Int32Array;
  private readonly handles: Int32Array;
  /** By place: whether anything was taken ahead. */
  private readonly outcomes: Uint8Array;
  private readonly wallMs: number;
  private readonly waitKey: number;
  private isCharged = false;
  private turn: NodeJS.Timeout | undefined;

  constructor({ plan, set, lows, highs }: LimitMemo, decision: LimitDecision, wallMs: number) {
    this.plan = plan;
    this.set = set;
    this.lows = lows;
    this.highs = highs;
    this.handles = decision.handles.slice(0, set.concurrency.length);
    this.outcomes = decision.outcomes.slice(0, lows.length);
    this.wallMs = wallMs;
    this.waitKey = decision.waitKey;
  }

  /**
   * `goOn` is called when its turn has come, with the name of the limit that has no place for it then, or `''`; not if it is released
   * before. What it has taken of rates is not given back when it does not go on: those who wait behind it keep their turns, and
   * somebody else in its place would come together with one of them.
   */
  wait(waitMs: number, goOn: (refusedBy: string) => void): void {
    this.plan.limiting.beginWait(this.waitKey);
    this.turn = setTimeout(() => {
      this.endWait();
      const refusedBy = this.takePlaces();
      if (refusedBy !== '') this.giveQuotas();
      goOn(refusedBy);
    }, Math.ceil(waitMs));
  }

  /** Once: the difference between what was taken ahead and what the answer's fields say. Who had nothing taken, beyond a limit that lets go on, pays nothing. */
  charge(head: ResponseHead, hostMs: number): void {
    if (this.isCharged) return;
    this.isCharged = true;
    const { limits, quotas } = this.plan.limiting.services;
    let at = this.set.concurrency.length;
    for (const { config, rate } of this.set.rates) {
      const more = this.outcomes[at] === TAKEN ? costTold(config.cost, head) : 0;
      if (more > 0) limits.charge(rate, this.low(at), this.high(at), hostMs, more);
      else if (more < 0) limits.give(rate, this.low(at), this.high(at), hostMs, -more);
      at++;
    }
    for (const { config, quota } of this.set.quotas) {
      const more = this.outcomes[at] === TAKEN ? costTold(config.cost, head) : 0;
      const startSec = quota.startSec(this.wallMs);
      if (more > 0) quotas.add(this.low(at), this.high(at), startSec, more);
      else if (more < 0) quotas.give(this.low(at), this.high(at), startSec, -more);
      at++;
    }
  }

  /** The client has been served, or has left. Harmless when it has been called before. */
  release(): void {
    if (this.endWait()) this.giveQuotas();
    const { concurrency } = this.plan.limiting.services;
    for (const [i, handle] of this.handles.entries()) {
      if (handle !== REFUSED) concurrency.release(handle);
      this.handles[i] = REFUSED;
    }
  }

  /** False: it did not wait. */
  private endWait(): boolean {
    if (this.turn === undefined) return false;
    clearTimeout(this.turn);
    this.turn = undefined;
    this.plan.limiting.endWait(this.waitKey);
    return true;
  }

  /** The answer is the name of the limit that has none; `''`: it may go on. */
  private takePlaces(): string {
    const { plan, set } = this;
    for (const [i, { config }] of set.concurrency.entries()) {
      const handle = plan.limiting.services.concurrency.acquire(this.low(i), this.high(i), config.max);
      if (handle !== REFUSED) this.handles[i] = handle;
      else if (config.action !== 'shadow') {
        plan.count(config.name, 'refused');
        return config.name;
      }
      plan.count(config.name, handle === REFUSED ? 'shadowed' : 'allowed');
    }
    return '';
  }

  private giveQuotas(): void {
    const { set, plan, wallMs } = this;
    const first = set.concurrency.length + set.rates.length;
    for (const [i, { config, quota }] of set.quotas.entries()) {
      plan.limiting.services.quotas.give(this.low(first + i), this.high(first + i), quota.startSec(wallMs), costAhead(config.cost));
    }
  }

  private low(at: number): number {
    return this.lows[at] ?? 0;
  }

  private high(at: number): number {
    return this.highs[at] ?? 0;
  }
}

/** Beyond what was taken ahead; negative = less. A field that is no whole number tells nothing. */
function costTold(cost: LimitCost, head: ResponseHead): number {
  if (cost.kind === 'fixed') return 0;
  const value = fieldValue(head, cost.name);
  if (value === undefined || !COST.test(value)) return 0;
  return Math.min(Number(value), MAX_COST) - costAhead(cost);
}
