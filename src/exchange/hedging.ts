import type { Cluster } from '../upstream/cluster.ts';
import type { Target } from '../upstream/target.ts';
import { CELL } from '../upstream/endpoint-memory.ts';
import { balanceKeyOf } from './balance-key.ts';
import type { Exchange } from './exchange.ts';
import type { HedgePlan } from './resilience-plan.ts';
import type { StatusSet } from './retry-plan.ts';
import type { RoutePlan } from './plan.ts';
import { Try } from './upstream-try.ts';

/**
 * Hedging: a request that takes long is sent to another endpoint as well, and the first good answer is the client's ("The Tail at Scale",
 * Dean and Barroso, 2013). Only requests without a body; only as far as the allowance of extra load goes.
 */

/** The queue is looked through for requests that have ended when it is so long, and then each time that it has doubled. */
const MIN_LOOKED_THROUGH = 1024;

/** Requests of one upstream that wait for their hedge, in the order of time: one timer for all. */
export class HedgeQueue {
  #entries: { readonly exchange: Exchange; readonly life: number; readonly plan: RoutePlan; readonly dueMs: number }[] = [];
  #first = 0;
  #lookAt = MIN_LOOKED_THROUGH;
  /** What is due is gone through; what is added meanwhile is met there. */
  #isFiring = false;
  #timer: NodeJS.Timeout | undefined;

  /** Of those that wait, and of some that have ended. */
  get length(): number {
    return this.#entries.length;
  }

  /** The delay of those that come later is never much shorter; where it is, they wait for those before them. */
  add(exchange: Exchange, plan: RoutePlan, delayMs: number): void {
    const dueMs = exchange.gateway.clock.nowMs + delayMs;
    this.#entries.push({ exchange, life: exchange.life, plan, dueMs });
    if (this.#isFiring) return;
    // A worker that has nothing else to do may end.
    this.#timer ??= setTimeout(() => this.#fire(), delayMs).unref();
    if (this.#entries.length >= this.#lookAt) this.#forgetEnded();
  }

  /** With a long delay most have their answer long before it is over. */
  #forgetEnded(): void {
    this.#entries = this.#entries.filter(({ exchange, life }) => exchange.life === life && !exchange.isAnswered);
    this.#lookAt = Math.max(MIN_LOOKED_THROUGH, this.#entries.length * 2);
  }

  #fire(): void {
    this.#timer = undefined;
    this.#isFiring = true;
    const entries = this.#entries;
    for (; this.#first < entries.length; this.#first++) {
      const entry = entries[this.#first];
      if (entry === undefined) break;
      const { exchange, life, plan, dueMs } = entry;
      const leftMs = dueMs - exchange.gateway.clock.refresh();
      if (exchange.life !== life || exchange.isAnswered) continue;
      if (leftMs > 0) {
        this.#timer = setTimeout(() => this.#fire(), leftMs).unref();
        break;
      }
      exchange.gateway.guard(exchange, () => race(exchange, plan));
    }
    entries.splice(0, this.#first);
    this.#first = 0;
    this.#isFiring = false;
  }
}

/** The first try has begun. */
export function armHedge(exchange: Exchange, plan: RoutePlan, hedge: HedgePlan): void {
  const { facts, head } = exchange;
  const { cluster } = plan;
  if (cluster === null || !hedge.methods.has(facts.method) || head.isChunked || head.contentLength > 0 || exchange.run?.isOnce === true)
    return;
  const delayMs = delayOf(cluster, hedge);
  if (delayMs > 0) hedge.queue.add(exchange, plan, delayMs);
}

/** 0: not known yet. */
function delayOf({ state }: Cluster, { config: { after } }: HedgePlan): number {
  if (after.kind === 'delay') return after.ms;
  return state === null ? 0 : (state.serviceCounts[CELL.HEDGE_MS] ?? 0);
}

function race(exchange: Exchange, plan: RoutePlan): void {
  const { cluster, resilience, metrics } = plan;
  const hedge = resilience?.hedge ?? null;
  const { state, current } = exchange;
  const rivals = exchange.rivals ?? [];
  if (cluster === null || hedge === null || exchange.plan !== plan || (state !== 'connecting' && state !== 'sent')) return;
  const target = cluster.choose(balanceKeyOf(exchange, plan), current.target);
  if (target === null || isSame(target, current.target) || rivals.some((rival) => isSame(target, rival.target))) {
    cluster.giveBackChoice();
    return;
  }
  const rival = new Try(exchange);
  if (!cluster.takeExtra('hedge') || (cluster.limits !== null && !rival.account.acquire(cluster.limits, true))) {
    cluster.giveBackChoice();
    metrics.countHedge('refused');
    return;
  }
  exchange.rivals = [...rivals, rival];
  rival.begin(target, 'hedge', cluster);
  if (resilience !== null && resilience.tryMs !== 0) rival.limit(resilience.tryMs);
  rival.ask(false, false);
  if (rivals.length + 1 < hedge.config.max) armHedge(exchange, plan, hedge);
}

/** Whether it is the same endpoint: a reload or a discovery makes targets anew, with the pools that there are. */
function isSame(target: Target, other: Target | null): boolean {
  return target.pool === other?.pool;
}

/** An answer has come in a race. False: it is not good, and the others go on. */
export function winsRace(exchange: Exchange, asker: Try, status: number): boolean {
  const bad = exchange.plan?.resilience?.retry?.statuses ?? null;
  if (isGood(status, bad)) {
    exchange.plan?.metrics.countHedge(exchange.current === asker ? 'lost' : 'won');
    for (const other of racersOf(exchange)) if (other !== asker) other.drop();
    goOnWith(exchange, asker, []);
    return true;
  }
  asker.forgo();
  return losesRace(exchange, asker);
}

/** A try has come to nothing. True: it was the last, and what it has come to counts. */
export function losesRace(exchange: Exchange, asker: Try): boolean {
  const left = racersOf(exchange).filter((other) => other !== asker);
  const [first, ...rest] = left;
  if (first === undefined) return true;
  exchange.plan?.metrics.countHedge(exchange.current === asker ? 'won' : 'lost');
  goOnWith(exchange, first, rest);
  return false;
}

/** The exchange ends, or gives all up. */
export function endRace(exchange: Exchange): void {
  for (const rival of exchange.rivals ?? []) rival.drop();
  exchange.rivals = null;
}

function racersOf({ current, rivals }: Exchange): readonly Try[] {
  return [current, ...(rivals ?? [])];
}

/** `rest`: those that race on with it. */
function goOnWith(exchange: Exchange, next: Try, rest: Try[]): void {
  exchange.current = next;
  exchange.rivals = rest.length === 0 ? null : rest;
  exchange.facts.connectedMs = next.connectedMs;
}

function isGood(status: number, bad: StatusSet | null): boolean {
  return bad === null ? status < 500 : bad[status] !== 1;
}
