import { never } from '../base/never.ts';
import { type Admission, admit, type ExchangeTimes } from '../cache/admit.ts';
import { answerStored } from '../cache/answer.ts';
import { type Combination, combine } from '../cache/combine.ts';
import { type Freshening, freshen, freshenByHead } from '../cache/freshen.ts';
import { FLAG_INVALID, N_EPOCH } from '../cache/numbers.ts';
import { mayServeOnError } from '../cache/on-error.ts';
import { mayAnswerWaiting } from '../cache/sharing.ts';
import { decodeMeta } from '../cache/stored.ts';
import { fieldValue } from '../http/fields.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { StoredObject } from '../shm/stored-object.ts';
import { ANEW, LOOK, PASS } from './answer-fate.ts';
import { CacheFill } from './cache-fill.ts';
import { answerCondition } from './detach.ts';
import { clientBlock } from './messages.ts';
import { isRest, type Resume } from './cache-resume.ts';
import { holdRest } from './client-behind.ts';
import { variesByFilters } from './filter-steps.ts';
import { limitSkipping } from './skipped-body.ts';
import type { CacheRun } from './cache-run.ts';
import type { Caching } from './caching.ts';
import type { StoredEntry } from './stored-entry.ts';

/** What becomes of the upstream's answer on a route that caches: kept, or in its place what was kept. */

/** An unwanted body up to this is read to its end, so that its connection can go on. */
const MAX_SKIPPED_BYTES = 16 * 1024;

/** The head has come. True: it is not for the client. */
export function takeHead(run: CacheRun, head: ResponseHead, bodyLength: number): boolean {
  const { chosen, decision, exchange, request } = run;
  if (run.resume !== null) return takeRest(run, run.resume, head);
  const { clock } = exchange.gateway;
  const times = { requestMs: run.requestMs, responseMs: clock.hostMs, responseEpochMs: Date.now() };
  if (chosen === null) {
    store(run, head, times);
    return pass(run, head, bodyLength);
  }
  if (head.status === 304 && decision.addedLines !== '') {
    takeNotModified(run, chosen, freshen(request, chosen, head, times));
    return true;
  }
  if (head.status >= 500 && mayServeInstead(run, chosen, head.status)) {
    serveInstead(run, chosen, head.status, bodyLength);
    return true;
  }
  if (head.status === 206) return takePart(run, chosen, head, times) || pass(run, head, bodyLength);
  if (exchange.facts.method === 'HEAD' && head.status === 200 && !chosen.isHeadersOnly) takeHeadOfStored(run, chosen, head, times);
  else store(run, head, times);
  return pass(run, head, bodyLength);
}

/** The answer goes to the client, unless there is none, or it has it already. */
function pass(run: CacheRun, head: ResponseHead, bodyLength: number): boolean {
  if (!isShort(bodyLength) && endIfForNobody(run)) return true;
  if (run.isRefresh) return true;
  const { decision, cache, exchange, plan, request, fill } = run;
  cache.metrics.countRequest(decision.reason === 'bypass' || decision.reason === 'method' ? 'bypass' : 'miss');
  if (fill === null || !decision.isStripped || head.status !== 200 || plan.filters !== null) return false;
  const answer = answerStored(request, fill.view);
  if (answer.kind !== 'not-modified') return false;
  answerCondition(exchange, answer, `${clientBlock(exchange, plan, head)}${run.statusLine(false)}`);
  return true;
}

/** The rest of an answer that broke off, if it is that. */
function takeRest(run: CacheRun, resume: Resume, head: ResponseHead): boolean {
  const { exchange } = run;
  run.resume = null;
  if (isRest(resume, head)) exchange.state = 'answering';
  else {
    run.flight?.abandon();
    exchange.dropUpstream();
    exchange.finish('upstream-broke');
  }
  return true;
}

/** Body bytes of the answer. True: they are not for the client, or not from here. */
export function takeBody(run: CacheRun, bytes: Buffer): boolean {
  const { fill, exchange } = run;
  const isSwallowed = run.fate.kind !== 'pass';
  if (fill === null) return isSwallowed || exchange.clientOutcome !== null;
  const { bytesStored } = fill;
  if (fill.write(bytes)) return isSwallowed || run.isClientBehind || exchange.clientOutcome !== null;
  run.fill = null;
  run.cache.metrics.countUncacheable('no-room');
  run.releaseClaim();
  run.flight?.outgrow();
  if (endIfForNobody(run)) return true;
  if (!run.isClientBehind) return isSwallowed;
  holdRest(run);
  return fill.bytesStored > bytesStored;
}

/** Sooner read to its end than its connection closed. */
function isShort(bodyLength: number): boolean {
  return bodyLength >= 0 && bodyLength <= MAX_SKIPPED_BYTES;
}

/** True: no client waits for the answer any more, and nothing of it is kept; so it is over. */
function endIfForNobody({ exchange, isRefresh, isShared, fill, fate }: CacheRun): boolean {
  if (isShared || !(isRefresh || exchange.clientOutcome !== null) || fill !== null || fate.kind !== 'pass') return false;
  exchange.dropUpstream();
  exchange.complete();
  return true;
}

/** The answer is whole. True: the exchange goes on. */
export function takeEnd(run: CacheRun): boolean {
  publish(run);
  const { fate, cache } = run;
  if (run.isRefresh) return false;
  if (run.isClientBehind) {
    if (run.exchange.held !== null) return false;
    run.exchange.storedBody?.pump();
    return true;
  }
  run.fate = PASS;
  switch (fate.kind) {
    case 'pass':
      return false;
    case 'anew':
      run.forwardPlainly();
      return true;
    case 'look':
      // Not for ever: an origin may send parts that never complete it.
      run.lookAgain();
      return true;
    case 'replace':
      if (!run.serve(fate.by, run.forwardStatus === 304 ? 'revalidated' : 'stale')) run.forwardPlainly();
      if (fate.isLastUse) forget(cache.caching, fate.by.object);
      return true;
    default:
      return never(fate, 'takeEnd');
  }
}

/** What is in memory of it, and on disk. */
function forget({ store, disk }: Caching, object: StoredObject): void {
  store.doom(object);
  disk?.removed(object.key);
}

/** The attempt has failed for good. True: the client is answered from what was kept. */
export function takeFailure(run: CacheRun): boolean {
  const { chosen } = run;
  if (run.fill !== null) run.cache.metrics.countUncacheable('broke-off');
  run.fill?.abort();
  run.fill = null;
  run.releaseClaim();
  run.flight?.fail();
  if (run.isRefresh || chosen === null || !mayServeInstead(run, chosen, 0)) return false;
  return run.serve(chosen, 'stale');
}

/** In place of an error, `status` 0 of none: what was invalidated while the origin was asked is worse than that. */
export function mayServeInstead({ cache, request, hostMs }: CacheRun, chosen: StoredEntry, status: number): boolean {
  return cache.caching.isGoodStill(chosen) && mayServeOnError(request, chosen, hostMs, status);
}

function takeNotModified(run: CacheRun, chosen: StoredEntry, freshening: Freshening): void {
  const { caching } = run.cache;
  run.fate = ANEW;
  run.forwardStatus = 304;
  if (freshening.kind === 'mismatch') {
    forget(caching, chosen.object);
    return;
  }
  freshening.numbers[N_EPOCH] = run.sequence;
  const updated = caching.store.update(chosen.object, freshening.meta, freshening.numbers);
  run.releaseClaim();
  if (updated !== undefined) {
    if (mayAnswerWaiting(run.request, freshening.numbers)) run.flight?.finish();
    else run.flight?.release(304);
  }
  const entry = updated === undefined ? undefined : caching.adopt(updated);
  if (entry === undefined) return;
  if (freshening.mayKeep) caching.disk?.wrote(entry.object);
  run.fate = { kind: 'replace', by: entry, isLastUse: !freshening.mayKeep };
}

function takeHeadOfStored(run: CacheRun, chosen: StoredEntry, head: ResponseHead, times: ExchangeTimes): void {
  const { caching } = run.cache;
  const freshening = freshenByHead(run.request, chosen, head, times);
  if (freshening.kind === 'updated') {
    // What may not be kept is not: its fields would stay with what the next validation makes of the entry.
    freshening.numbers[N_EPOCH] = run.sequence;
    if (freshening.mayKeep) {
      const updated = caching.store.update(chosen.object, freshening.meta, freshening.numbers);
      if (updated !== undefined) caching.disk?.wrote(updated);
      return;
    }
    forget(caching, chosen.object);
  } else {
    caching.store.setFlags(chosen.object, FLAG_INVALID);
    caching.disk?.removed(chosen.object.key);
  }
}

/** An error, where something old is better: at once, or when the rest of a short answer has been read. */
function serveInstead(run: CacheRun, chosen: StoredEntry, status: number, bodyLength: number): void {
  run.forwardStatus = status;
  run.fate = { kind: 'replace', by: chosen, isLastUse: false };
  // Nothing is learnt for those who wait, and nothing is left to be brought to an end should the client leave.
  run.releaseClaim();
  run.flight?.fail();
  if (!isShort(bodyLength)) serveWithoutBody(run);
  else if (bodyLength > 0) limitSkipping(run, () => serveWithoutBody(run));
}

function serveWithoutBody(run: CacheRun): void {
  run.exchange.dropUpstream();
  if (run.isRefresh) run.exchange.complete();
  else takeEnd(run);
}

/** A part that may belong to what is stored. True: the client did not ask for a part. */
function takePart(run: CacheRun, chosen: StoredEntry, head: ResponseHead, times: ExchangeTimes): boolean {
  const { decision, exchange } = run;
  const combination = combine(run.request, chosen, head, times);
  const isCombined = combination.kind === 'combined' && beginCombined(run, chosen, combination);
  if (!decision.asksForRest) {
    if (!isCombined) store(run, head, times);
    return false;
  }
  if (isCombined) run.fate = LOOK;
  else {
    exchange.dropUpstream();
    run.forwardPlainly();
  }
  return true;
}

function beginCombined(run: CacheRun, chosen: StoredEntry, { admission, pieces }: Extract<Combination, { kind: 'combined' }>): boolean {
  const { cache, sequence } = run;
  run.unpin();
  if (!cache.caching.store.pin(chosen.object)) return false;
  run.pinned = chosen;
  run.fill = CacheFill.begin(cache, { admission, sequence, replaces: [chosen], pieces, base: chosen });
  return run.fill !== null;
}

function store(run: CacheRun, head: ResponseHead, times: ExchangeTimes): void {
  const { cache, request, decision } = run;
  // The answer to a POST is newer than what the POST itself has made invalid.
  const sequence = request.method === 'unsafe' ? cache.caching.epochs.now() : run.sequence;
  const admission = decision.mayStore && request.key !== '' ? admitted(run, head, times) : undefined;
  if (admission?.kind === 'skip') cache.metrics.countUncacheable(admission.reason);
  if (admission?.kind !== 'store') {
    run.releaseClaim();
    run.flight?.release(head.status);
    return;
  }
  const replaces = replacedBy(run, admission.meta);
  run.fill = CacheFill.begin(cache, { admission, sequence, replaces, pieces: null, base: null });
  if (run.fill !== null) {
    if (mayAnswerWaiting(request, admission.numbers)) run.share();
    else run.flight?.release(head.status);
    return;
  }
  cache.metrics.countUncacheable('no-room');
  run.releaseClaim();
  run.flight?.release(head.status);
}

/** No later request says of itself what filters have said of this one. */
function admitted(run: CacheRun, head: ResponseHead, times: ExchangeTimes): Admission {
  const isOpen = variesByFilters(run.exchange, fieldValue(head, 'vary'));
  return isOpen ? { kind: 'skip', reason: 'vary-any' } : admit(run.request, head, times);
}

/** Entries that the new one takes the place of: the same variant, the one that was asked about, and the oldest of too many. */
function replacedBy(run: CacheRun, meta: string): readonly StoredEntry[] {
  const { candidates, chosen, cache } = run;
  if (candidates.length === 0) return candidates;
  const vary = decodeMeta(meta)?.vary ?? [];
  const replaced = candidates.filter((entry) => entry === chosen || isSameVariant(entry.meta.vary, vary));
  const left = candidates.filter((entry) => !replaced.includes(entry));
  return [...replaced, ...left.slice(Math.max(0, cache.policy.config.maxVariants - 1))];
}

function isSameVariant(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, at) => text === b[at]);
}

function publish(run: CacheRun): void {
  const { fill, cache } = run;
  run.fill = null;
  if (fill === null) return;
  const object = fill.publish();
  run.flight?.finish();
  if (object === undefined) {
    cache.metrics.countUncacheable('busy');
    return;
  }
  cache.metrics.countStored();
  run.releaseClaim();
  const { caching } = cache;
  // Looked at when it is published already: a purge from now on finds it.
  const isUntouched = object.numbers[N_EPOCH] === run.sequence && caching.epochs.version() === run.epochsVersion;
  if (!isUntouched && caching.adopt(object) === undefined) cache.metrics.countUncacheable('purged');
  else caching.disk?.wrote(object);
}
