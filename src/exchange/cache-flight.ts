import { never } from '../base/never.ts';
import { answerStored } from '../cache/answer.ts';
import { isAuthorized, searchKey } from '../cache/cache-request.ts';
import { Decision, decide } from '../cache/decide.ts';
import { N_EPOCH, N_RESPONSE_TIME } from '../cache/numbers.ts';
import { mayAnswerWaiting } from '../cache/sharing.ts';
import type { FillingObject } from '../shm/filling-object.ts';
import type { Ticket } from '../shm/flight-ticket.ts';
import type { Flights } from '../shm/flights.ts';
import { removeFromBlock } from '../http/fields.ts';
import { mayServeInstead } from './cache-answer.ts';
import type { CacheRun } from './cache-run.ts';
import { followerLines } from './cache-words.ts';
import type { CollapsePlan } from './cache-plan.ts';
import { FlightWait, type FlightWaiter } from './flight-wait.ts';
import { FollowedBody } from './followed-body.ts';
import { answerFraming } from './messages.ts';
import { resumeFrom } from './cache-resume.ts';
import { buildStoredBlock } from './serve-stored.ts';
import { type EntryView, readFilling } from './entry-view.ts';

/** They may be said of the fields of one request, and of no other to the same URL. */
const OF_THE_REQUEST = new Set([400, 408, 411, 412, 413, 415, 417, 421, 425, 429, 431]);
/** Flights that a request enters, as the answers of those before turn out not to be for it. */
const MAX_MOVES = 3;
/** A mark that is shorter may be gone before the last of those who waited has looked. */
const MIN_MARK_MS = 500;

/**
 * Collapsed forwarding: one request on the whole host goes to the origin for a key, and this one either is that one (it leads)
 * or is fed by it while the answer streams in (it follows), on whichever worker.
 */
export class CacheFlight implements FlightWaiter {
  private readonly run: CacheRun;
  private readonly flights: Flights;
  private readonly plan: CollapsePlan;
  /** Behind each key: answers to requests with credentials are seldom for all, which says nothing of those to others. */
  private readonly whose: string;
  private key: string;
  /** It leads since the first one has failed. */
  private isSuccessor = false;
  /** From one flight to another. */
  private moves = 0;
  private ticket: Ticket | null = null;
  /** When its patience ends, ms of the loop's clock. */
  private deadlineMs: number;
  private readonly wait: FlightWait;
  /** What it reads, once it follows a body. */
  private followed: { filling: FillingObject; entry: EntryView } | null = null;

  constructor(run: CacheRun, flights: Flights, plan: CollapsePlan) {
    this.run = run;
    this.flights = flights;
    this.plan = plan;
    this.whose = isAuthorized(run.request) ? '\nA' : '';
    this.key = `${run.request.key}${this.whose}`;
    this.deadlineMs = run.patienceMs(plan.maxWaitMs);
    this.wait = new FlightWait(run.exchange, flights, this);
  }

  get isLeading(): boolean {
    return this.ticket?.kind === 'lead';
  }

  /** Its answer comes from another one's request. */
  get isFollowing(): boolean {
    return this.followed !== null;
  }

  /** Sends the run to the origin, alone or for all, or has it wait. */
  enter(): void {
    const { run, flights, plan } = this;
    const ticket = flights.enter(this.key, run.hostMs);
    this.ticket = ticket;
    switch (ticket.kind) {
      case 'lead':
        run.send();
        return;
      case 'uncacheable':
        run.send();
        return;
      case 'full':
        plan.metrics.countWaitOver('full');
        run.send();
        return;
      case 'follow':
        if (flights.waitersHere(ticket) < plan.maxFollowers) this.follow(ticket, true);
        else this.goAlone('maxFollowers');
        return;
      default:
        never(ticket.kind, 'enter');
    }
  }

  onFlightChange(ticket: Ticket): void {
    this.follow(ticket, false);
  }

  onFlightTimeout(): void {
    this.goAlone('maxWait');
  }

  /** `isFirst`: it has just come, and has not seen anybody fail. */
  private follow(ticket: Ticket, isFirst: boolean): void {
    const { flights } = this;
    for (;;) {
      const state = flights.look(ticket);
      switch (state) {
        case 'leading':
          if (this.park(ticket)) return;
          continue;
        case 'streaming':
          if (this.isBrokenAlready(ticket) && !this.park(ticket)) continue;
          if (!this.wait.isWaiting) this.read(ticket, isFirst);
          return;
        case 'failed':
          if (!isFirst && this.serveStale()) return;
          if (!flights.takeOver(ticket)) continue;
          this.takeOver();
          return;
        case 'released':
          this.leave();
          return;
        case 'done':
        case 'over':
          if (this.followed !== null || ticket.entry >= 0) this.read(ticket, isFirst);
          else this.startOver(!isFirst);
          return;
        default:
          never(state, 'follow');
      }
    }
  }

  private read(ticket: Ticket, isFirst: boolean): void {
    if (this.followed === null) this.attach(ticket, isFirst);
    else this.reattach(ticket);
  }

  /** What it follows has broken, and the flight does not know yet: its leader's worker has died, and is being cleared away. */
  private isBrokenAlready({ entry, entryGeneration }: Ticket): boolean {
    return this.followed !== null && entry === this.followed.filling.entry && entryGeneration === this.followed.filling.generation;
  }

  /** The answer may not be shared, or has outgrown the store: then whoever has a part of it cannot get the rest. */
  private leave(): void {
    const { run, followed } = this;
    run.cache.metrics.countRelease();
    if (followed !== null) run.exchange.finish('upstream-broke');
    else run.send();
  }

  /** This flight is no longer there: what it has brought may be in the store, or another one has begun. */
  private startOver(hasWaited: boolean): void {
    const { run } = this;
    if (hasWaited) run.collapsedReason = run.decision.reason;
    this.ticket = null;
    run.flight = null;
    run.lookAgain();
  }

  /** Until the flight stands otherwise. False: it does already. In mid-body a new patience begins with each break. */
  private park(ticket: Ticket): boolean {
    if (this.followed !== null) this.deadlineMs = this.run.exchange.gateway.clock.nowMs + this.plan.maxWaitMs;
    return this.wait.begin(ticket, this.deadlineMs);
  }

  private goAlone(why: 'maxWait' | 'maxFollowers'): void {
    this.plan.metrics.countWaitOver(why);
    this.ticket = null;
    if (this.followed !== null) this.run.exchange.finish('upstream-broke');
    else this.run.send();
  }

  // ---- following -------------------------------------------------------------------------------------------------------

  /** The leader's answer may be shared: is it one for this request? */
  private attach(ticket: Ticket, isFirst: boolean): void {
    const { run } = this;
    const filling = this.openFill(ticket);
    const entry = filling === undefined ? undefined : readFilling(run.cache.caching.epochs, filling);
    if (filling === undefined || entry === undefined) {
      filling?.unpin();
      this.startOver(!isFirst);
      return;
    }
    const standing = this.standingOf(entry);
    if (standing === 'good' && this.serve(filling, entry)) return;
    filling.unpin();
    if (standing === 'variant') this.enterOther(`${run.variantKey(entry.meta.vary)}${this.whose}`);
    // Those who come after a purge have a flight of their own, as long as the one from before it goes on.
    else if (standing === 'purged') this.enterOther(`${this.key}\n!${entry.numbers[N_EPOCH]}`);
    else run.send();
  }

  /** What the flight fills is stored under the request's own key, whatever variant it is of, or under that of No-Vary-Search. */
  private openFill({ entry, entryGeneration }: Ticket): FillingObject | undefined {
    const { request, cache } = this.run;
    const { store } = cache.caching;
    const filling = store.openFilling(entry, entryGeneration, request.key);
    if (filling !== undefined) return filling;
    const key = searchKey(request);
    return key === '' ? undefined : store.openFilling(entry, entryGeneration, key);
  }

  private standingOf(entry: EntryView): 'good' | 'variant' | 'purged' | 'unfit' {
    const { run } = this;
    const { caching } = run.cache;
    if (entry.judge(caching.epochs) !== 'valid' || caching.isPrefixPurged(entry.numbers)) return 'purged';
    const decision = new Decision();
    decide(run.request, [entry], run.hostMs, decision);
    if (decision.chosen === null) return 'variant';
    // It came after this request: as good as an answer to a request of its own, though it may not be kept for long.
    const isNewer = (entry.numbers[N_RESPONSE_TIME] ?? 0) >= run.arrivalMs && mayAnswerWaiting(run.request, entry.numbers);
    return decision.kind === 'serve' || isNewer ? 'good' : 'unfit';
  }

  /** The answer is not for this request, as it varies, say: those for whom it is none either share another flight. */
  private enterOther(key: string): void {
    const { run } = this;
    if (key === this.key || this.moves === MAX_MOVES) {
      run.send();
      return;
    }
    this.moves++;
    this.key = key;
    this.enter();
  }

  private serve(filling: FillingObject, entry: EntryView): boolean {
    const { run } = this;
    const { exchange, plan, request } = run;
    const answer = answerStored(request, entry);
    if ((answer.kind !== 'whole' && answer.kind !== 'not-modified') || !buildStoredBlock(exchange, plan, entry)) return false;
    this.followed = { filling, entry };
    run.cache.metrics.countRequest('collapsed');
    const lines = followerLines(run, entry);
    const block = answer.dropped.reduce((kept, name) => removeFromBlock(kept, name), entry.built);
    const statusText = answer.kind === 'whole' ? entry.statusText : answer.statusText;
    const status = Number.parseInt(statusText, 10);
    const framing = answerFraming(exchange.facts.method, status, entry.bodyLength);
    exchange.deliverHead({ status, statusText, block: `${block}${answer.lines}${lines}`, framing, lengthWhenNone: -1 });
    if (framing.kind === 'none') {
      filling.unpin();
      this.followed = null;
      if (exchange.held === null) exchange.complete();
      else exchange.isHeldWhole = true;
      return true;
    }
    this.feed(filling, 0);
    return true;
  }

  private feed(filling: FillingObject, sent: number): void {
    const { exchange } = this.run;
    const body = new FollowedBody(exchange, filling, { sent, onBroken: () => this.onBroken() });
    exchange.storedBody = body;
    if (exchange.held === null) body.pump();
  }

  /** Whoever filled it has given up or died. There may be somebody who goes on from there, or it may be this one. */
  private onBroken(): void {
    const { ticket } = this;
    if (ticket === null || ticket.kind !== 'follow') this.run.exchange.finish('upstream-broke');
    else this.follow(ticket, true);
  }

  /** Somebody has gone on: the same bytes, if the validator is the same. */
  private reattach(ticket: Ticket): void {
    const { run, followed } = this;
    const { exchange, cache } = run;
    const filling = this.openFill(ticket);
    if (followed === null || filling === undefined || filling.entry === followed.filling.entry) {
      filling?.unpin();
      exchange.finish('upstream-broke');
      return;
    }
    const entry = readFilling(cache.caching.epochs, filling);
    if (entry === undefined || !followed.entry.hasStrongTag || entry.meta.entityTag !== followed.entry.meta.entityTag) {
      filling.unpin();
      exchange.finish('upstream-broke');
      return;
    }
    exchange.storedBody?.stop();
    this.followed = { filling, entry };
    this.feed(filling, exchange.facts.bytesSent);
  }

  /** The origin does not answer, and has not answered who led: what is stale will do, for all. */
  private serveStale(): boolean {
    const { run } = this;
    const { chosen } = run;
    return chosen !== null && this.followed === null && mayServeInstead(run, chosen, 0) && run.serve(chosen, 'stale');
  }

  /** The leader has failed, and of all who follow this one goes to the origin now. */
  private takeOver(): void {
    const { run, followed } = this;
    const { metrics } = run.cache;
    this.isSuccessor = true;
    if (followed === null) {
      metrics.countTakeover('restart');
      run.send();
      return;
    }
    metrics.countTakeover('resume');
    if (!resumeFrom(run, followed.filling, followed.entry)) run.exchange.finish('upstream-broke');
  }

  // ---- leading ---------------------------------------------------------------------------------------------------------

  /** The head may be shared: followers read the fill from now on. */
  stream(entry: number, generation: number): void {
    const { ticket, flights } = this;
    if (ticket === null) return;
    if (ticket.kind === 'lead') flights.stream(ticket, entry, generation);
    else if (ticket.kind === 'uncacheable' && this.run.fill?.isLengthKnown === true) flights.forget(this.key);
  }

  /** It may not be shared: everybody goes alone, at once, and so does who comes in the next while. */
  release(status: number): void {
    const { ticket, flights, run, plan } = this;
    if (ticket?.kind !== 'lead') return;
    // An error says nothing of what the answers to this key are; one follower tries again. So does one of this very request, at first.
    if (status >= 500 || (OF_THE_REQUEST.has(status) && !this.isSuccessor)) flights.fail(ticket);
    else flights.release(ticket, run.hostMs + Math.max(plan.uncacheableForMs, MIN_MARK_MS));
  }

  /** The object is whole, or was confirmed. */
  finish(): void {
    const { ticket, flights } = this;
    if (ticket?.kind === 'lead') flights.finish(ticket);
    else if (ticket?.kind === 'uncacheable') flights.forget(this.key);
  }

  /** The body is longer than what can be stored, which was not known before: the next ones had better not wait for it. */
  outgrow(): void {
    const { ticket, flights, run, plan } = this;
    if (ticket?.kind === 'lead') flights.release(ticket, run.hostMs + plan.uncacheableForMs);
  }

  /** What has been shared will not be whole, and nobody can go on from there. */
  abandon(): void {
    if (this.ticket?.kind === 'lead') this.flights.abandon(this.ticket);
  }

  /** No answer: one of those who wait goes on. */
  fail(): void {
    if (this.ticket?.kind === 'lead') this.flights.fail(this.ticket);
  }

  /** The exchange ends. */
  close(): void {
    this.wait.end();
    this.fail();
    this.ticket = null;
  }
}
