import { routeRequest } from './deciding.ts';
import { ResponseFacts } from '../http/client-head.ts';
import { ForwardFacts } from '../http/forward.ts';
import { isLoop } from '../http/loops.ts';
import { REFUSALS, type RequestRefusal } from '../http/refusal.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { Target } from '../upstream/target.ts';
import type { Loan, UpstreamConnection } from '../upstream/sink.ts';
import type { AnswerRun } from './answer-run.ts';
import { recoverFrom, sendRequest } from './attempts.ts';
import type { OwnAnswer, RenderedAnswer } from './answers.ts';
import type { BodyCollector } from './body-collector.ts';
import { invalidateAfter } from './cache-steps.ts';
import type { ClientPort } from './client-port.ts';
import { detach } from './detach.ts';
import { startResponseFilters } from './filter-steps.ts';
import type { Throttle } from './faults.ts';
import type { FilterRun } from './filter-run.ts';
import { finishExchange, type Outcome } from './finish.ts';
import type { Gateway } from './gateway.ts';
import { fallBackFromAnswer, fallBackFromDeadline } from './fallback.ts';
import { endRace } from './hedging.ts';
import type { KeptBody } from './kept-body.ts';
import { retryAfterAnswer } from './retrying.ts';
import type { MirrorTap } from './mirror/mirror-tap.ts';
import type { LimitHold } from './limit-hold.ts';
import type { ListenerPlan } from './listener-plan.ts';
import { type AnswerToSend, answerFraming, clientBlock } from './messages.ts';
import { INTERNAL_ERROR, LOOP_DETECTED, refusalAnswer, TOTAL_TIMEOUT } from './own-answers.ts';
import type { RoutePlan } from './plan.ts';
import { RequestFacts } from './request-facts.ts';
import { answerOwn, sendRendered, withOwnLines } from './send-own.ts';
import type { BodySource } from './stored-body.ts';
import type { StoredEntry } from './stored-entry.ts';
import { Try } from './upstream-try.ts';

/**
 * Where an exchange stands. `free`: in the pool. `reading`: the edge fills the head. `deciding`: route found, filters run.
 * `connecting`: a connection is awaited. `sent`: the request is on its way. `answering`: the client has the head.
 */
export type ExchangeState = 'free' | 'reading' | 'deciding' | 'connecting' | 'sent' | 'answering';

/** What the edge may say of the client while an exchange runs. */
export type ClientFault = 'malformed-body' | 'body-timeout' | 'client-stalled';

/**
 * One request and its answer, from the head that the edge has read to `finish`. It is the only place that decides what
 * comes next; what it calls computes. Pooled: every field is set here, in this order, and reset by `release`.
 */
export class Exchange {
  readonly gateway: Gateway;
  readonly facts: RequestFacts;
  /** The try at the upstream whose answer is to be, or is, the client's. */
  current: Try;
  /** Tries that race with it for the first good answer; `null` = none. */
  rivals: Try[] | null = null;
  readonly forwardFacts = new ForwardFacts();
  readonly clientFacts = new ResponseFacts();
  state: ExchangeState = 'free';
  /** Counts the lives of this object, so that a late promise of an earlier one is known. */
  life = 0;
  port: ClientPort | null = null;
  listener: ListenerPlan | null = null;
  plan: RoutePlan | null = null;
  filters: FilterRun | null = null;
  /** Body bytes of an answer whose head is still with the filters; `null` when they flow. */
  held: Buffer[] | null = null;
  isHeldWhole = false;
  /** Stands between this exchange and the upstream's answer; `null` on a plain relay. */
  run: AnswerRun | null = null;
  /** A body from shared memory on its way to the client. */
  storedBody: BodySource | null = null;
  /** The client has the head, and the upstream is asked once more, for the rest of the body. */
  isResuming = false;
  /** The entry that is to be validated, of an exchange that nobody waits for. */
  refreshOf: StoredEntry | null = null;
  /** Keeps the request's body where it has to be known before the upstream is asked. */
  collector: BodyCollector | null = null;
  /** What is kept of the request's body while it streams by, for a retry; `null` = nothing. */
  kept: KeptBody | null = null;
  /** What a mirror sees of it; `null` = nobody copies it. */
  tap: MirrorTap | null = null;
  /** Holds the answer back for a drill; `null` = nothing does. */
  throttle: Throttle | null = null;
  /** How it ended for the client, where what goes on is for the cache alone. */
  clientOutcome: Outcome | null = null;
  /** The head for the upstream where filters have made it. */
  filteredHead = '';
  /** What it owes the limits of its route while it runs. */
  limitHold: LimitHold | null = null;
  /** Field lines that tell the client its limits; `''` = none. */
  ownLines = '';

  constructor(gateway: Gateway, maxFields: number) {
    this.gateway = gateway;
    this.current = new Try(this);
    this.facts = new RequestFacts(maxFields);
  }

  /** The client has a head: there can be no other. */
  get isAnswered(): boolean {
    return this.state === 'answering' || this.isResuming;
  }

  /** Nothing of its body is lost: what has gone to an upstream is here as well. */
  get canSendAgain(): boolean {
    return !this.facts.isBodySpent || this.kept?.isCut === false;
  }

  /** The endpoint that was asked last. */
  get upstream(): Target | null {
    return this.current.target;
  }

  get connection(): UpstreamConnection | null {
    return this.current.connection;
  }

  /** The request's; the edge fills it. */
  get head(): RequestHead {
    return this.facts.head;
  }

  /** For an edge that keeps the head with its connection, so that one that comes again is known. */
  useHead(head: RequestHead): void {
    this.facts.head = head;
  }

  // ---- the client's side -----------------------------------------------------------------------------------------------

  /** The edge has filled `head` and vetted it. */
  begin(): void {
    const { facts, gateway } = this;
    facts.startMs = gateway.clock.nowMs;
    if (!facts.read()) this.refuse('bad-target');
    else if (this.listener?.isMisdirected(this.head.target, this.port?.remoteAddress ?? '')) this.refuse('misdirected');
    else if (isLoop(this.head, gateway.pseudonym)) this.answer(LOOP_DETECTED);
    else routeRequest(this);
  }

  /** Answers a request that the edge could not take; nothing of it goes upstream. */
  refuse(refusal: RequestRefusal): void {
    this.facts.markRefused(this.gateway.clock.nowMs);
    this.listener?.countRefused(refusal);
    this.port?.closeAfter();
    this.answer(refusalAnswer(REFUSALS[refusal], refusal));
  }

  onClientBody(bytes: Buffer): Loan {
    this.facts.bytesReceived += bytes.length;
    const { connection, plan } = this;
    if (plan !== null && plan.maxBodyBytes !== 0 && this.facts.bytesReceived > plan.maxBodyBytes) {
      this.refuseBody('body-too-large');
      return 'released';
    }
    if (this.tap !== null) this.tap.body?.take(bytes);
    if (this.collector?.take(bytes) === true) return 'released';
    this.facts.isBodySpent = true;
    // Also while nobody takes it, between two tries.
    this.kept?.keep(bytes);
    if (connection === null) return 'released';
    const loan = connection.writeBody(bytes);
    if (connection.isFull) this.port?.pauseBody();
    return loan;
  }

  onClientBodyEnd(): void {
    this.facts.markWhole(this.gateway.clock.nowMs);
    if (this.tap !== null) this.tap.body?.end();
    if (this.collector?.end() !== true) this.connection?.endBody();
  }

  onClientDrain(): void {
    if (this.storedBody !== null) this.storedBody.pump();
    else if (this.throttle?.isHolding !== true) this.connection?.resume();
  }

  onClientGone(): void {
    if (this.run?.isWorthFinishing === true && this.facts.isRequestWhole && this.held === null) {
      detach(this, 'client-gone');
      return;
    }
    this.dropUpstream();
    this.finish('client-gone');
  }

  onClientFault(fault: ClientFault): void {
    if (fault !== 'client-stalled' && !this.isAnswered) {
      this.refuseBody(fault);
      return;
    }
    this.dropUpstream();
    this.finish(fault === 'client-stalled' ? 'client-stalled' : 'client-fault');
  }

  // ---- the upstream's side ---------------------------------------------------------------------------------------------

  onUpstreamConnection(asker: Try, connection: UpstreamConnection): void {
    sendRequest(this, asker, connection);
  }

  onUpstreamInformational(head: ResponseHead): void {
    const { plan } = this;
    if (plan === null || this.isAnswered || this.port?.canInform !== true) return;
    this.port.writeInformational(head.statusText, clientBlock(this, plan, head));
  }

  onUpstreamHead(head: ResponseHead, bodyLength: number): void {
    const { plan } = this;
    if (plan === null) return;
    const { gateway, facts, run } = this;
    if (plan.resilience !== null && !this.isAnswered && retryAfterAnswer(this, plan, head)) return;
    if (this.tap !== null) this.tap.onHead(head);
    facts.headMs = gateway.clock.nowMs;
    if (gateway.caching !== null) invalidateAfter(this, head);
    this.limitHold?.charge(head, gateway.clock.hostMs);
    if (run?.takeHead(head, bodyLength)) return;
    if (plan.resilience !== null && !this.isAnswered && fallBackFromAnswer(this, plan, head.status)) return;
    const built = clientBlock(this, plan, head);
    const block = plan.sticky === null ? built : plan.sticky.mark(this, head.status, built);
    this.deliverHead({
      status: head.status,
      statusText: head.statusText,
      block: run === null ? block : `${block}${run.addedLines()}`,
      framing: answerFraming(facts.method, head.status, bodyLength),
      lengthWhenNone: head.status === 304 || facts.method === 'HEAD' ? head.contentLength : -1,
    });
  }

  /** The head of an answer, from wherever: to the filters, or to the client. */
  deliverHead(head: AnswerToSend): void {
    const { plan, ownLines } = this;
    const answer = ownLines === '' ? head : { ...head, block: withOwnLines(head.block, ownLines) };
    if (plan !== null && plan.filters !== null) {
      startResponseFilters(this, answer);
      return;
    }
    // Nothing is sent again from here on.
    this.kept?.drop();
    this.facts.status = answer.status;
    this.state = 'answering';
    this.port?.writeHead(answer.statusText, answer.block, answer.framing, answer.lengthWhenNone);
  }

  onUpstreamBody(bytes: Buffer): Loan {
    const { port, run } = this;
    if (this.tap !== null) this.tap.onBody(bytes);
    if (port === null || run?.takeBody(bytes)) return 'released';
    if (this.held !== null) {
      this.held.push(Buffer.from(bytes));
      return 'released';
    }
    this.facts.bytesSent += bytes.length;
    const loan = port.writeBody(bytes);
    if (this.throttle !== null) this.throttle.onPassed(bytes.length);
    if (port.isFull && !run?.takeFull()) this.connection?.pause();
    return loan;
  }

  onUpstreamPause(): void {
    if (this.held === null) this.port?.writeOut();
  }

  onUpstreamEnd(): void {
    this.gateway.clock.refresh();
    if (this.tap !== null) this.tap.onEnd();
    if (this.run?.takeEnd()) return;
    if (this.held !== null) this.isHeldWhole = true;
    else this.complete();
  }

  onUpstreamDrain(): void {
    this.port?.resumeBody();
  }

  onUpstreamFail(failure: UpstreamFailure): void {
    this.held = null;
    if (this.plan === null) return;
    this.gateway.clock.refresh();
    recoverFrom(this, this.plan, failure);
  }

  // ---- ending ----------------------------------------------------------------------------------------------------------

  /** The total deadline has passed. */
  onDeadline(): void {
    this.listener?.countTimeout('total');
    this.dropUpstream();
    if (this.isAnswered) this.finish('deadline');
    else if (this.plan === null || !fallBackFromDeadline(this, this.plan)) this.answer(TOTAL_TIMEOUT);
  }

  /** Something of ours threw while this exchange was being served: it alone pays. */
  onException(answer: OwnAnswer = INTERNAL_ERROR): void {
    this.dropUpstream();
    if (this.isAnswered) this.finish('exception');
    else this.answer(answer);
  }

  refuseBody(refusal: RequestRefusal): void {
    this.dropUpstream();
    if (this.isAnswered) this.finish('client-fault');
    else this.refuse(refusal);
  }

  answer(answer: OwnAnswer): void {
    answerOwn(this, answer);
  }

  idOf(): string {
    if (this.facts.requestId === '') this.facts.requestId = this.gateway.nextRequestId();
    return this.facts.requestId;
  }

  sendOwn(rendered: RenderedAnswer): void {
    sendRendered(this, rendered);
  }

  complete(): void {
    this.finish('complete');
  }

  /** Gives up what is under way upstream, if anything is. */
  dropUpstream(): void {
    this.held = null;
    this.current.drop();
    if (this.rivals !== null) endRace(this);
  }

  /** Back to the state of the constructor; `head` is overwritten by the next request. */
  private release(): void {
    this.state = 'free';
    this.life++;
    this.port = null;
    this.listener = null;
    this.plan = null;
    this.current.reset();
    if (this.rivals !== null) endRace(this);
    this.kept?.drop();
    this.kept = null;
    if (this.tap !== null) this.tap.drop();
    this.tap = null;
    if (this.throttle !== null) this.throttle.end();
    this.throttle = null;
    this.filters = null;
    this.held = null;
    this.isHeldWhole = false;
    this.filteredHead = '';
    this.limitHold?.release();
    this.limitHold = null;
    this.ownLines = '';
    this.run?.close();
    this.run = null;
    this.storedBody?.stop();
    this.storedBody = null;
    if (this.refreshOf !== null) this.gateway.caching?.store.release(this.refreshOf.object);
    this.refreshOf = null;
    this.collector?.drop();
    this.collector = null;
    this.isResuming = false;
    this.clientOutcome = null;
    this.facts.reset();
  }

  /** The single exit. The port goes last: it may begin the next request of its connection at once. */
  finish(outcome: Outcome): void {
    const { port } = this;
    if (port === null) return;
    finishExchange(this, this.clientOutcome ?? outcome);
    this.release();
    this.gateway.giveBack(this);
    if (outcome === 'complete') port.finish();
    else if (outcome !== 'client-gone') port.cut();
  }
}
