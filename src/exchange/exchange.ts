import { never } from '../base/never.ts';
import { ResponseFacts } from '../http/client-head.ts';
import { FieldMarks } from '../http/field-marks.ts';
import { fieldValue } from '../http/fields.ts';
import { clientAddress } from '../http/forwarded.ts';
import { ForwardFacts, maxForwards } from '../http/forward.ts';
import { isLoop } from '../http/loops.ts';
import { REFUSALS, type RequestRefusal } from '../http/refusal.ts';
import { RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { statusText } from '../http/status.ts';
import { normalisePath } from '../routing/normalise.ts';
import { capturesOf } from '../routing/captures.ts';
import type { RouteQuery } from '../routing/query.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { Target } from '../upstream/cluster.ts';
import type { Loan, RequestBody, UpstreamConnection, UpstreamSink } from '../upstream/sink.ts';
import { type OwnAnswer, type RenderedAnswer, renderAnswer } from './answers.ts';
import type { AnswerFraming, ClientPort } from './client-port.ts';
import { type HeldHead, startRequestFilters, startResponseFilters, startUpstreamFilters } from './filter-steps.ts';
import type { FilterRun } from './filter-run.ts';
import { finishExchange, type Outcome } from './finish.ts';
import type { Gateway } from './gateway.ts';
import type { ListenerPlan } from './listener-plan.ts';
import { clientBlock, upstreamHead } from './messages.ts';
import { answerForMaxForwards, answerForMethod, answerForRule, INTERNAL_ERROR, LOOP_DETECTED, NO_ROUTE, refusalAnswer, TOTAL_TIMEOUT } from './own-answers.ts';
import type { RoutePlan } from './plan.ts';
import { recover } from './recover.ts';

/**
 * Where an exchange stands. `free`: in the pool. `reading`: the edge fills the head. `deciding`: route found, filters run.
 * `connecting`: a connection is awaited. `sent`: the request is on its way. `answering`: the client has the head.
 */
export type ExchangeState = 'free' | 'reading' | 'deciding' | 'connecting' | 'sent' | 'answering';

/** What the edge may say of the client while an exchange runs. */
export type ClientFault = 'malformed-body' | 'body-timeout' | 'client-stalled';

const NO_BODY: AnswerFraming = { kind: 'none' };
const UNKNOWN_LENGTH: AnswerFraming = { kind: 'unknown' };
const NO_CAPTURES: Readonly<Record<string, string>> = {};
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE', 'QUERY']);
/** Methods that may wait in a pipeline: safe, and no origin acts on them twice (RFC 9112 section 9.3.2). */
const PIPELINABLE = new Set(['GET', 'HEAD']);

/**
 * One request and its answer, from the head that the edge has read to `finish`. It is the only place that decides what
 * comes next; what it calls computes. Pooled: every field is set here, in this order, and reset by `release`.
 */
export class Exchange implements UpstreamSink, RouteQuery {
  readonly gateway: Gateway;
  readonly head: RequestHead;
  readonly forwardFacts = new ForwardFacts();
  readonly clientFacts = new ResponseFacts();
  state: ExchangeState = 'free';
  /** Counts the lives of this object, so that a late promise of an earlier one is known. */
  life = 0;
  port: ClientPort | null = null;
  listener: ListenerPlan | null = null;
  plan: RoutePlan | null = null;
  upstream: Target | null = null;
  connection: UpstreamConnection | null = null;
  filters: FilterRun | null = null;
  /** Body bytes of an answer whose head is still with the filters; `null` when they flow. */
  held: Buffer[] | null = null;
  isHeldWhole = false;
  /** The head for the upstream where filters have made it. */
  filteredHead = '';
  /** `head` may be read. */
  isHeadVetted = false;
  requestId = '';
  clientAddress = '';
  captures: Readonly<Record<string, string>> = NO_CAPTURES;
  target = '';
  attempts = 0;
  isBodySpent = false;
  isRequestWhole = false;
  status = 0;
  proxyError = '';
  bytesReceived = 0;
  bytesSent = 0;
  startMs = 0;
  askedMs = 0;
  connectedMs = 0;
  headMs = 0;
  // RouteQuery
  host = '';
  path = '';
  method = '';
  queryText = '';

  constructor(gateway: Gateway, maxFields: number) {
    this.gateway = gateway;
    this.head = new RequestHead(new FieldMarks(maxFields));
  }

  /** A field of the request by lower-case name, repeated ones joined. */
  field(lowerName: string): string | undefined {
    return fieldValue(this.head, lowerName);
  }

  // ---- the client's side -----------------------------------------------------------------------------------------------

  /** The edge has filled `head` and vetted it. */
  begin(): void {
    const { head, gateway } = this;
    this.isHeadVetted = true;
    this.startMs = gateway.clock.nowMs;
    this.isRequestWhole = !head.isChunked && head.contentLength <= 0;
    this.method = head.method;
    this.queryText = head.query;
    this.target = head.path + head.query;
    this.host = hostOf(head.authority);
    if (head.path === '*') this.path = '/';
    else if (!this.setPath(head.path)) return;
    if (isLoop(head, gateway.pseudonym)) this.answer(LOOP_DETECTED);
    else this.route();
  }

  /** Answers a request that the edge could not take; nothing of it goes upstream. */
  refuse(refusal: RequestRefusal): void {
    this.startMs = this.gateway.clock.nowMs;
    this.listener?.countRefused(refusal);
    this.port?.closeAfter();
    this.answer(refusalAnswer(REFUSALS[refusal], refusal));
  }

  onClientBody(bytes: Buffer): Loan {
    this.bytesReceived += bytes.length;
    const { connection, plan } = this;
    if (plan !== null && plan.maxBodyBytes !== 0 && this.bytesReceived > plan.maxBodyBytes) {
      this.refuseBody('body-too-large');
      return 'released';
    }
    if (connection === null) return 'released';
    this.isBodySpent = true;
    const loan = connection.writeBody(bytes);
    if (connection.isFull) this.port?.pauseBody();
    return loan;
  }

  onClientBodyEnd(): void {
    this.isRequestWhole = true;
    this.connection?.endBody();
  }

  onClientDrain(): void {
    this.connection?.resume();
  }

  onClientGone(): void {
    this.dropUpstream();
    this.finish('client-gone');
  }

  onClientFault(fault: ClientFault): void {
    if (fault !== 'client-stalled' && this.state !== 'answering') {
      this.refuseBody(fault);
      return;
    }
    this.dropUpstream();
    this.cut(fault === 'client-stalled' ? 'client-stalled' : 'client-fault');
  }

  // ---- deciding --------------------------------------------------------------------------------------------------------

  private setPath(raw: string): boolean {
    const path = normalisePath(raw);
    if (path === undefined) {
      this.refuse('bad-target');
      return false;
    }
    this.path = path;
    return true;
  }

  private route(): void {
    const found = this.gateway.router.match(this);
    switch (found.kind) {
      case 'no-route':
        this.listener?.countRefused('no-route');
        this.answer(NO_ROUTE);
        return;
      case 'method-not-allowed':
        this.listener?.countRefused('method-not-allowed');
        this.answer(answerForMethod(found.allow));
        return;
      case 'found':
        this.plan = found.value;
        if (found.value.rewrite !== null) this.target = found.value.rewrite(found.captures, this);
        if (found.value.filters !== null) this.captures = capturesOf(found);
        this.admit(found.value);
        return;
      default:
        never(found, 'route');
    }
  }

  private admit(plan: RoutePlan): void {
    this.state = 'deciding';
    const { head } = this;
    if (plan.maxBodyBytes !== 0 && head.contentLength > plan.maxBodyBytes) {
      this.refuseBody('body-too-large');
      return;
    }
    const forwards = head.method === 'OPTIONS' || head.method === 'TRACE' ? maxForwards(head) : -1;
    if (forwards === 0) {
      this.sendOwn(answerForMaxForwards(head));
      return;
    }
    if (plan.filters !== null) startRequestFilters(this, plan);
    else this.proceed(plan);
  }

  /** After the request filters, or at once where there are none. */
  proceed(plan: RoutePlan): void {
    if (plan.respond !== null) {
      this.sendOwn(plan.respond);
      return;
    }
    if (plan.totalMs !== 0) this.gateway.watchDeadline(this, this.startMs + plan.totalMs);
    this.attempt(plan, false);
  }

  private attempt(plan: RoutePlan, isRetry: boolean): void {
    const { cluster } = plan;
    if (cluster === null) return;
    if (this.attempts++ === 0) this.askedMs = this.gateway.clock.nowMs;
    this.state = 'connecting';
    const upstream = cluster.pickTarget();
    this.upstream = upstream;
    if (plan.filters !== null) startUpstreamFilters(this, plan, isRetry);
    else this.request(upstream, isRetry);
  }

  /** Asks the pool for a connection; a retry never meets a used one, which may be as stale as the last. */
  request({ pool }: Target, isRetry: boolean): void {
    const canPipeline = this.isRequestWhole && PIPELINABLE.has(this.method);
    if (isRetry) pool.requestFresh(this);
    else pool.request(this, canPipeline);
  }

  // ---- the upstream's side ---------------------------------------------------------------------------------------------

  onUpstreamConnection(connection: UpstreamConnection): void {
    const { head, gateway } = this;
    this.connection = connection;
    this.state = 'sent';
    this.connectedMs = gateway.clock.nowMs;
    const body: RequestBody = head.isChunked ? 'chunked' : head.contentLength > 0 ? 'length' : 'none';
    connection.send(this.filteredHead === '' ? upstreamHead(this) : this.filteredHead, body, this.method === 'HEAD');
    if (!this.isRequestWhole) this.port?.resumeBody();
  }

  onUpstreamInformational(head: ResponseHead): void {
    const { plan } = this;
    if (plan === null || this.state === 'answering' || this.port?.canInform !== true) return;
    this.port.writeInformational(`${head.status} ${head.reason}`, clientBlock(this, plan, head));
  }

  onUpstreamHead(head: ResponseHead, bodyLength: number): void {
    const { plan } = this;
    if (plan === null) return;
    this.headMs = this.gateway.clock.refresh();
    const framing = this.framingOf(head.status, bodyLength);
    const lengthWhenNone = head.status === 304 || this.method === 'HEAD' ? head.contentLength : -1;
    const block = clientBlock(this, plan, head);
    if (plan.filters !== null) {
      startResponseFilters(this, { status: head.status, block, framing, lengthWhenNone });
      return;
    }
    this.status = head.status;
    this.state = 'answering';
    this.port?.writeHead(`${head.status} ${head.reason}`, block, framing, lengthWhenNone);
  }

  private framingOf(status: number, bodyLength: number): AnswerFraming {
    if (this.method === 'HEAD' || status === 204 || status === 304) return NO_BODY;
    return bodyLength < 0 ? UNKNOWN_LENGTH : { kind: 'length', bytes: bodyLength };
  }

  onUpstreamBody(bytes: Buffer): Loan {
    const { port } = this;
    if (port === null) return 'released';
    if (this.held !== null) {
      this.held.push(Buffer.from(bytes));
      return 'released';
    }
    this.bytesSent += bytes.length;
    const loan = port.writeBody(bytes);
    if (port.isFull) this.connection?.pause();
    return loan;
  }

  onUpstreamEnd(): void {
    this.connection = null;
    this.gateway.clock.refresh();
    if (this.held !== null) this.isHeldWhole = true;
    else this.complete();
  }

  onUpstreamDrain(): void {
    this.port?.resumeBody();
  }

  onUpstreamFail(failure: UpstreamFailure): void {
    this.connection = null;
    const { plan } = this;
    if (plan === null) return;
    plan.metrics.countFailure(failure.kind);
    const recovery = recover(failure, {
      isAnswered: this.state === 'answering' || this.held !== null,
      isIdempotent: IDEMPOTENT.has(this.method),
      isBodySpent: this.isBodySpent,
      attempts: this.attempts,
    });
    switch (recovery.kind) {
      case 'retry':
        plan.metrics.countRetry(recovery.reason);
        this.attempt(plan, true);
        return;
      case 'answer':
        this.answer(answerForRule(failure.kind, recovery.rule));
        return;
      case 'cut':
        this.proxyError = failure.kind;
        this.cut('upstream-broke');
        return;
      default:
        never(recovery, 'onUpstreamFail');
    }
  }

  // ---- ending ----------------------------------------------------------------------------------------------------------

  /** The total deadline has passed. */
  onDeadline(): void {
    this.listener?.countTimeout('total');
    this.dropUpstream();
    if (this.state === 'answering') this.cut('deadline');
    else this.answer(TOTAL_TIMEOUT);
  }

  /** Something of ours threw while this exchange was being served: it alone pays. */
  onException(): void {
    this.dropUpstream();
    if (this.state === 'answering') this.cut('exception');
    else this.answer(INTERNAL_ERROR);
  }

  private refuseBody(refusal: RequestRefusal): void {
    this.dropUpstream();
    if (this.state === 'answering') this.cut('client-fault');
    else this.refuse(refusal);
  }

  /** An answer of Sluice's own. */
  answer(answer: OwnAnswer): void {
    this.proxyError = answer.proxyError;
    const { gateway } = this;
    const accept = this.isHeadVetted ? this.field('accept') : undefined;
    this.sendOwn(renderAnswer(answer, { accept, requestId: this.idOf(), serverName: gateway.serverName }));
  }

  /** The client's address as far as the trusted proxies can be believed; found when first asked for. */
  addressOf(): string {
    const { port, listener } = this;
    if (this.clientAddress === '' && port !== null && listener !== null) {
      this.clientAddress = clientAddress(this.head, port.remoteAddress, listener.trusted);
    }
    return this.clientAddress;
  }

  idOf(): string {
    if (this.requestId === '') this.requestId = this.gateway.nextRequestId();
    return this.requestId;
  }

  sendOwn(rendered: RenderedAnswer): void {
    const { port, gateway } = this;
    if (port === null) return;
    this.state = 'answering';
    this.status = Number.parseInt(rendered.status, 10);
    const isBodyless = this.method === 'HEAD' || this.status === 204 || this.status === 304;
    const length = rendered.body.length;
    const framing: AnswerFraming = isBodyless ? NO_BODY : { kind: 'length', bytes: length };
    const lengthWhenNone = this.status === 204 || this.status === 304 ? -1 : length;
    port.writeHead(rendered.status, `${rendered.block}Date: ${gateway.dateText()}\r\n`, framing, lengthWhenNone);
    if (!isBodyless) {
      this.bytesSent += length;
      port.writeBody(rendered.body);
    }
    this.complete();
  }

  /** The filters have let the head go: it, and what came of the body meanwhile. */
  releaseHeld(head: HeldHead): void {
    const { port, connection, held } = this;
    if (port === null) return;
    this.status = head.status;
    this.state = 'answering';
    this.held = null;
    port.writeHead(statusText(head.status), head.block, head.framing, head.lengthWhenNone);
    for (const bytes of held ?? []) {
      this.bytesSent += bytes.length;
      port.writeBody(bytes);
    }
    if (this.isHeldWhole) this.complete();
    else if (!port.isFull) connection?.resume();
  }

  /** A filter answers in the upstream's place. */
  answerFromFilter(rendered: RenderedAnswer): void {
    this.dropUpstream();
    this.held = null;
    this.sendOwn(rendered);
  }

  failFromFilter(answer: OwnAnswer): void {
    this.dropUpstream();
    this.held = null;
    if (this.state === 'answering') this.cut('exception');
    else this.answer(answer);
  }

  complete(): void {
    this.finish('complete');
  }

  cut(outcome: Outcome): void {
    this.finish(outcome);
  }

  private dropUpstream(): void {
    const { connection, upstream } = this;
    this.connection = null;
    if (connection !== null) connection.abandon();
    else if (this.state === 'connecting') upstream?.pool.cancel(this);
  }

  /** Back to the state of the constructor; `head` is overwritten by the next request. */
  private release(): void {
    this.state = 'free';
    this.life++;
    this.port = null;
    this.listener = null;
    this.plan = null;
    this.upstream = null;
    this.connection = null;
    this.filters = null;
    this.held = null;
    this.isHeldWhole = false;
    this.filteredHead = '';
    this.isHeadVetted = false;
    this.requestId = '';
    this.clientAddress = '';
    this.captures = NO_CAPTURES;
    this.target = '';
    this.attempts = 0;
    this.isBodySpent = false;
    this.isRequestWhole = false;
    this.status = 0;
    this.proxyError = '';
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.startMs = 0;
    this.askedMs = 0;
    this.connectedMs = 0;
    this.headMs = 0;
    this.host = '';
    this.path = '';
    this.method = '';
    this.queryText = '';
  }

  /** The single exit. The port goes last: it may begin the next request of its connection at once. */
  private finish(outcome: Outcome): void {
    const { port } = this;
    if (port === null) return;
    finishExchange(this, outcome);
    this.release();
    this.gateway.giveBack(this);
    if (outcome === 'complete') port.finish();
    else if (outcome !== 'client-gone') port.cut();
  }
}

/** The host of `host[:port]`, IPv6 brackets kept, without the dot that may end a full name. */
function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(':');
  const host = colon < 0 || authority.endsWith(']') ? authority : authority.slice(0, colon);
  return host.endsWith('.') ? host.slice(0, -1) : host;
}
