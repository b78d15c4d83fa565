import { readBehind } from './client-behind.ts';
import { never } from '../base/never.ts';
import { CacheRequest, queryPreamble, readCacheRequest, searchKey } from '../cache/cache-request.ts';
import { isPartial } from '../cache/coverage.ts';
import { Decision, decide, validationLines } from '../cache/decide.ts';
import { currentAgeSec } from '../cache/freshness.ts';
import { N_RESPONSE_TIME } from '../cache/numbers.ts';
import { mayAnswerWaiting } from '../cache/sharing.ts';
import { FIELD_CACHE_WISH } from '../http/known-fields.ts';
import type { ForwardReason } from '../http/cache-status.ts';
import { hasField, type RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { selectingPairs } from '../http/vary.ts';
import { type AnswerFate, PASS } from './answer-fate.ts';
import type { AnswerRun } from './answer-run.ts';
import { takeBody, takeEnd, takeFailure, takeHead } from './cache-answer.ts';
import { startRefresh } from './cache-refresh.ts';
import { collectBody } from './body-collector.ts';
import { originOf } from './cache-origin.ts';
import type { CacheFill } from './cache-fill.ts';
import { CacheFlight } from './cache-flight.ts';
import { type Resume, resumeOwn } from './cache-resume.ts';
import { adaptedHead, collapsedLine, followerLines, statusLine } from './cache-words.ts';
import type { CacheResult } from './cache-metrics.ts';
import type { CachePlan } from './cache-plan.ts';
import type { DiskTier } from './disk-tier.ts';
import type { Exchange } from './exchange.ts';
import { NOT_CACHED } from './own-answers.ts';
import type { RoutePlan } from './plan.ts';
import { buildStoredBlock, serveStored } from './serve-stored.ts';
import { startBehindCache } from './sharing-start.ts';
import type { StoredEntry } from './stored-entry.ts';

/** Looks after an entry that somebody else was validating, before this request goes by itself. */
const MAX_LOOKS = 3;
/** Of a QUERY that may be cached. */
const MAX_QUERY_BYTES = 64 * 1024;

/**
 * One request on a route that caches, where a look at the memo was not enough: finds, decides, validates, and fills. The rules are
 * `cache/`'s; here is the order of events.
 */
export class CacheRun implements AnswerRun {
  readonly isOnce = false;
  readonly exchange: Exchange;
  readonly plan: RoutePlan;
  readonly cache: CachePlan;
  readonly request = new CacheRequest();
  readonly decision = new Decision();
  candidates: StoredEntry[] = [];
  /** What answers, is validated, or would be completed. */
  chosen: StoredEntry | null = null;
  /** The entry that this run alone validates. */
  claimed: StoredEntry | null = null;
  /** Copied from while a part is completed. */
  pinned: StoredEntry | null = null;
  fill: CacheFill | null = null;
  /** Host time of the request to the upstream, and the epochs at that moment. */
  requestMs = 0;
  sequence = 0;
  epochsVersion = 0;
  /** Status of the upstream's answer where the client gets another; 0 = it gets that one. */
  forwardStatus = 0;
  fate: AnswerFate = PASS;
  /** Collapsed forwarding, where this request is a case for it. */
  flight: CacheFlight | null = null;
  /** It has waited for another one's request, and would have gone itself for this reason. */
  collapsedReason: ForwardReason | null = null;
  /** The rest of an answer that broke off, while it is being asked for. */
  resume: Resume | null = null;
  resumes = 0;
  /** Identical requests may be waiting for the answer (`SharingRun`), whatever becomes of it here. */
  isShared = false;
  /** The client reads the fill at its own pace. */
  isClientBehind = false;
  private looks = 0;
  private waitsUntilMs = 0;
  readonly arrivalMs: number;

  constructor(exchange: Exchange, plan: RoutePlan, cache: CachePlan) {
    this.exchange = exchange;
    this.plan = plan;
    this.cache = cache;
    this.claimed = exchange.refreshOf;
    this.arrivalMs = exchange.gateway.clock.hostMs;
  }

  /** Nobody waits for the answer: it validates what a client was served stale. */
  get isRefresh(): boolean {
    return this.exchange.refreshOf !== null;
  }

  get hostMs(): number {
    return this.exchange.gateway.clock.hostMs;
  }

  start(): void {
    const { exchange, cache, request } = this;
    readCacheRequest(cache.policy, exchange.head, originOf(exchange), request);
    if (exchange.head.method === 'QUERY' && cache.policy.allowsQuery) this.startQuery();
    else this.look();
  }

  /** What a QUERY asks stands in its content, so that is part of the key (RFC 10008). One that is too long is not cached. */
  private startQuery(): void {
    const { exchange, cache, request } = this;
    collectBody(exchange, MAX_QUERY_BYTES, (collector) => {
      const contentDigest = collector.isWhole ? collector.digest(queryPreamble(exchange.head)) : '';
      readCacheRequest(cache.policy, exchange.head, { ...originOf(exchange), contentDigest }, request);
      if (!collector.isWhole) request.key = '';
      this.look();
    });
  }

  /** Finds and decides, at first and whenever what is stored may have changed. */
  look(): void {
    const { cache, request, decision } = this;
    this.looks++;
    this.candidates = this.find();
    if (this.candidates.length === 0 && this.looks === 1 && request.key !== '' && this.findOnDisk(cache.caching.disk)) return;
    decide(request, this.candidates, this.hostMs, decision);
    this.chosen = decision.chosen as StoredEntry | null;
    if (this.isRefresh) this.refresh();
    else this.act();
  }

  /** True: the disk is asked, and another look follows. */
  private findOnDisk(disk: DiskTier | undefined): boolean {
    const { request } = this;
    const search = disk === undefined ? '' : searchKey(request);
    const keys = [request.key, search].filter((key) => key !== '' && disk?.mayHold(key) === true);
    if (disk === undefined || keys.length === 0) return false;
    this.goOnAfter(Promise.all(keys.map((key) => disk.fetch(key))));
    return true;
  }

  /** Under the request's own key, else among the answers that hold for more than one query (No-Vary-Search). */
  private find(): StoredEntry[] {
    const { request } = this;
    const { caching } = this.cache;
    if (request.key === '') return [];
    const found = caching.findAll(request.key);
    if (found.length > 0) return found;
    const key = searchKey(request);
    return key === '' ? found : caching.findAll(key);
  }

  private act(): void {
    const { decision, chosen, exchange } = this;
    // Somebody has asked since this request came: that answer is as good as one of its own.
    const isLater = this.looks > 1 && chosen !== null && (chosen.numbers[N_RESPONSE_TIME] ?? 0) >= this.arrivalMs;
    const isAnswered = isLater && chosen.flags === 0 && !isPartial(chosen);
    if (isAnswered && decision.kind !== 'serve' && mayAnswerWaiting(this.request, chosen.numbers) && this.serve(chosen, 'revalidated'))
      return;
    switch (decision.kind) {
      case 'serve':
        if (chosen === null || !this.serve(chosen, decision.isStale ? 'stale' : 'hit')) this.lookAgain();
        return;
      case 'refuse':
        this.cache.metrics.countRequest('refused');
        exchange.answer(NOT_CACHED);
        return;
      case 'revalidate':
        this.validate(chosen);
        return;
      case 'forward':
        this.forward();
        return;
      default:
        never(decision.kind, 'act');
    }
  }

  /** What was there a moment ago has gone; that cannot go on for ever. */
  lookAgain(): void {
    if (this.looks < MAX_LOOKS) this.look();
    else this.forwardPlainly();
  }

  /** As if nothing were stored. */
  forwardPlainly(): void {
    this.chosen = null;
    this.decision.kind = 'forward';
    this.decision.addedLines = '';
    this.decision.asksForRest = false;
    this.forwardStatus = 0;
    this.fate = PASS;
    this.send();
  }

  /** Answers from the store. False: it has gone. After this call the exchange may be somebody else's. */
  serve(entry: StoredEntry, result: CacheResult): boolean {
    const { exchange, plan, cache, request, decision } = this;
    const { caching } = cache;
    // An error of which the body was read first takes its time, too.
    if (result === 'stale' && !caching.isGoodStill(entry)) return false;
    if (!buildStoredBlock(exchange, plan, entry)) {
      caching.store.doom(entry.object);
      return false;
    }
    const ageSec = currentAgeSec(entry.numbers, this.hostMs);
    const isHit = result === 'hit' || (result === 'stale' && decision.kind === 'serve');
    const isCollapsed = this.collapsedReason !== null;
    const lines = isCollapsed ? followerLines(this, entry) : `Age: ${ageSec}\r\n${this.statusLine(isHit)}`;
    if (decision.kind === 'serve' && decision.isRefreshDue) startRefresh(this, entry);
    if (!serveStored(exchange, caching, entry, request, lines)) return false;
    cache.metrics.countRequest(isCollapsed ? 'collapsed' : result);
    if (result !== 'stale') caching.rememberPlain(entry);
    return true;
  }

  /** One on the whole host asks the origin about an entry; the others wait for what it learns. */
  private validate(entry: StoredEntry | null): void {
    const { cache, looks } = this;
    const { store } = cache.caching;
    if (entry === null || looks >= MAX_LOOKS || this.mayCollapse()) {
      this.forward();
      return;
    }
    if (store.claim(entry.object, this.hostMs)) {
      this.claimed = entry;
      this.forward();
      return;
    }
    const wait = store.waitClaim(entry.object, cache.maxWaitMs);
    if (wait === undefined) this.look();
    else this.goOnAfter(wait);
  }

  private goOnAfter(wait: Promise<unknown>): void {
    const { exchange } = this;
    const { life, gateway } = exchange;
    wait
      .then(() => {
        if (exchange.life !== life) return;
        gateway.clock.refresh();
        this.look();
      })
      .catch((error: unknown) => {
        gateway.reportError('looking into the cache', error);
        if (exchange.life === life) exchange.onException();
      });
  }

  /** Behind the back of a client that was served stale: `claimed` is asked about, whatever it is worth. */
  private refresh(): void {
    const { decision, claimed } = this;
    const { caching, policy } = this.cache;
    // The client's HEAD may be another route's than the GET that refreshes.
    const isOurs = claimed?.object.key.startsWith(`${policy.namespace}\n`) === true;
    if (claimed === null || !isOurs || !caching.store.isCurrent(claimed.object)) {
      this.exchange.complete();
      return;
    }
    this.chosen = claimed;
    decision.kind = 'revalidate';
    decision.reason = 'stale';
    decision.isStripped = true;
    decision.mayStore = true;
    decision.addedLines = validationLines(claimed);
    this.forward();
  }

  private forward(): void {
    const { flights } = this.cache.caching;
    const { collapse } = this.cache;
    if (this.flight === null && flights !== undefined && collapse !== null && this.mayCollapse()) {
      this.flight = new CacheFlight(this, flights, collapse);
      this.flight.enter();
    } else this.send();
  }

  /** Whether the answer is one that others may be waiting for: whole, storable, to a request without conditions that only the origin can judge. */
  private mayCollapse(): boolean {
    const { request, decision, cache, exchange } = this;
    if (cache.collapse === null || !decision.mayStore || this.isRefresh || decision.asksForRest) return false;
    if ((request.method !== 'get' && request.method !== 'query') || request.key === '' || request.range !== '') return false;
    return decision.isStripped || decision.kind === 'revalidate' || !hasField(exchange.head, FIELD_CACHE_WISH) || request.bits === 0;
  }

  /** Until when it waits for others, ms of the loop's clock: from its first wait on, however many there are. */
  patienceMs(maxWaitMs: number): number {
    if (this.waitsUntilMs === 0) this.waitsUntilMs = this.exchange.gateway.clock.nowMs + maxWaitMs;
    return this.waitsUntilMs;
  }

  /** To the origin. */
  send(): void {
    this.requestMs = this.hostMs;
    // Before the sequence: a bump in between is seen when the answer is there.
    this.epochsVersion = this.cache.caching.epochs.version();
    this.sequence = this.cache.caching.epochs.now();
    startBehindCache(this);
  }

  countShared(): void {
    this.cache.metrics.countRequest('bypass');
  }

  sharedLines(): string {
    return collapsedLine(this);
  }

  /** Followers read the fill from now on. */
  share(): void {
    if (this.fill !== null) this.flight?.stream(this.fill.entry, this.fill.generation);
  }

  /** The client is fed from the fill from now on, at its own pace. False: the fill cannot be read. */
  readOwnFill(): boolean {
    const { fill, cache } = this;
    const filling = fill === null ? undefined : cache.caching.store.openFilling(fill.entry, fill.generation, fill.key);
    if (filling === undefined) return false;
    readBehind(this, filling);
    return true;
  }

  /** The key of the flight of those for whom the same variant is. */
  variantKey(vary: readonly string[]): string {
    const names = vary.filter((_, at) => at % 2 === 0);
    return `${this.request.key}\n${selectingPairs(names, this.exchange.head).join('\n')}`;
  }

  adaptHead(built: string): string {
    return adaptedHead(this, built);
  }

  takeHead(head: ResponseHead, bodyLength: number): boolean {
    return takeHead(this, head, bodyLength);
  }

  takeBody(bytes: Buffer): boolean {
    return takeBody(this, bytes);
  }

  takeEnd(): boolean {
    return takeEnd(this);
  }

  takeFailure(): boolean {
    return takeFailure(this);
  }

  takeBreak(): boolean {
    return resumeOwn(this);
  }

  /** A slow client does not slow down a fill that others may be reading: it is fed from there. */
  takeFull(): boolean {
    return this.flight?.isLeading === true && this.fill !== null && this.readOwnFill();
  }

  get isAwaited(): boolean {
    return this.fill?.isRead === true;
  }

  get bytesKept(): number {
    return this.fill?.bytesStored ?? 0;
  }

  takeLeave(head: RequestHead): void {
    this.request.head = head;
    this.isClientBehind = false;
  }

  addedLines(): string {
    return this.statusLine(false);
  }

  statusLine(isHit: boolean): string {
    return statusLine(this, isHit);
  }

  /** Who waited for what this run would learn looks again. */
  releaseClaim(): void {
    if (this.claimed !== null) this.cache.caching.store.release(this.claimed.object);
    this.claimed = null;
  }

  /** Whether it goes on when its client has left: for the store, or for those who wait. */
  get isWorthFinishing(): boolean {
    return this.fill !== null || this.claimed !== null || this.flight?.isLeading === true;
  }

  /** The exchange ends, however it does. */
  close(): void {
    this.fill?.abort();
    this.fill = null;
    this.flight?.close();
    this.releaseClaim();
    this.unpin();
  }

  unpin(): void {
    if (this.pinned !== null) this.cache.caching.store.unpin(this.pinned.object);
    this.pinned = null;
  }
}
