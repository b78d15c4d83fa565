import { never } from '../base/never.ts';
import type { ResponseHead } from '../http/response-head.ts';
import { fieldValue, setInBlock } from '../http/fields.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { AnswerRun } from './answer-run.ts';
import type { OwnAnswer } from './answers.ts';
import { startTry } from './attempts.ts';
import { type BodyCollector, collectBody, MAX_HELD_BYTES } from './body-collector.ts';
import { lineBeside } from './cache-words.ts';
import type { IdempotencyResult } from './dedupe-metrics.ts';
import type { Exchange } from './exchange.ts';
import {
  ANSWER_NOT_KEPT,
  KEY_IN_USE,
  KEY_MALFORMED,
  KEY_MISSING,
  KEY_REUSED,
  OUTCOME_UNKNOWN,
  RECORDS_UNAVAILABLE,
} from './idempotency-answers.ts';
import { fingerprintPreamble, readKey, recordKey, scopeOf } from './idempotency-key.ts';
import type { IdempotencyPlan } from './idempotency-plan.ts';
import type { BeginWaiter, Begun, GivingUp, KeepWaiter, KeptAnswer, RunToken } from './idempotency-records.ts';
import { answerFraming, clientBlock } from './messages.ts';
import type { RoutePlan } from './plan.ts';

/** The records answer in some milliseconds, or something is wrong with the disk. */
const RECORDS_TIMEOUT_MS = 5_000;
/** By these the origin says that it has not carried out the request (RFC 9110, 8470, 6585): it may be sent again. */
const NOT_CARRIED_OUT = new Set([401, 407, 421, 425, 429]);

/** Takes a request whose key counts on this route. False: it has none, and needs none. */
export function startIdempotent(exchange: Exchange, plan: RoutePlan, keyed: IdempotencyPlan): boolean {
  const { config, methods, metrics } = keyed;
  if (!methods.has(exchange.facts.method)) return false;
  const read = readKey(exchange.facts.field(config.header));
  if (read.kind === 'missing' && !config.isRequired) return false;
  if (read.kind !== 'key') {
    metrics.count(read.kind);
    exchange.answer(read.kind === 'missing' ? KEY_MISSING : KEY_MALFORMED);
    return true;
  }
  if (exchange.head.contentLength > config.maxBodyBytes) {
    exchange.refuse('body-too-large');
    return true;
  }
  if (exchange.gateway.heldBytes > MAX_HELD_BYTES) {
    metrics.count('unavailable');
    exchange.answer(RECORDS_UNAVAILABLE);
    return true;
  }
  const run = new IdempotentRun(exchange, plan, keyed);
  exchange.run = run;
  run.start(read.key);
  return true;
}

/**
 * `collecting` the request's body; `asking` the records; `running` at the upstream; `reading` its answer, of which the client gets
 * nothing yet; `keeping` it; `passing` it, or another one, to the client; `over`: there is nothing to tell the records.
 */
type Phase = 'collecting' | 'asking' | 'running' | 'reading' | 'keeping' | 'passing' | 'over';

/**
 * One request with an idempotency key. The record is on disk before anything is sent, and the answer is there before the client gets
 * its first byte; so whatever dies in between, a request that is sent again finds out, and never runs a second time.
 */
class IdempotentRun implements AnswerRun, BeginWaiter, KeepWaiter {
  readonly isOnce = true;
  /** When patience ends, ms of the loop's clock. */
  deadlineMs = 0;
  private readonly exchange: Exchange;
  private readonly plan: RoutePlan;
  private readonly keyed: IdempotencyPlan;
  private phase: Phase = 'collecting';
  private question = 0;
  private parkedAtMs = 0;
  private token: RunToken | null = null;
  private statusText = '';
  private block = '';
  private chunks: Buffer[] = [];
  private bytes = 0;
  private answer: KeptAnswer | null = null;

  constructor(exchange: Exchange, plan: RoutePlan, keyed: IdempotencyPlan) {
    this.exchange = exchange;
    this.plan = plan;
    this.keyed = keyed;
  }

  start(key: string): void {
    const { exchange, keyed } = this;
    collectBody(exchange, keyed.config.maxBodyBytes, (collector) => {
      if (collector.isWhole) this.ask(key, collector);
      else if (collector.isCrowdedOut) this.refuse('unavailable', RECORDS_UNAVAILABLE);
      else exchange.refuse('body-too-large');
    });
  }

  private ask(key: string, collector: BodyCollector): void {
    const { exchange, plan, keyed } = this;
    const { scope, ttlMs, onConcurrent } = keyed.config;
    const order = {
      key: recordKey(plan.name, scopeOf(exchange, keyed), key),
      fingerprint: collector.digest(fingerprintPreamble(exchange, plan, scope)),
      ttlMs,
      waits: onConcurrent === 'wait',
    };
    this.phase = 'asking';
    this.question = keyed.records.begin(order, this);
    this.waitFor(RECORDS_TIMEOUT_MS);
  }

  // ---- the records' side -----------------------------------------------------------------------------------------------

  onBegun(begun: Begun): void {
    this.exchange.gateway.clock.refresh();
    this.exchange.gateway.guard(this.exchange, () => this.takeBegun(begun));
  }

  private takeBegun(begun: Begun): void {
    if (this.phase !== 'asking') return;
    if (begun.kind === 'parked') {
      this.parkedAtMs = this.exchange.gateway.clock.nowMs;
      this.waitFor(this.keyed.config.maxWaitMs);
      return;
    }
    this.stopWaiting();
    switch (begun.kind) {
      case 'run':
        this.token = begun.token;
        this.phase = 'running';
        this.keyed.metrics.count('ran');
        startTry(this.exchange, this.plan, 'first');
        return;
      case 'replay':
        this.keyed.metrics.count(begun.hasWaited ? 'waited' : 'replayed');
        this.deliver(begun.answer, setInBlock(begun.answer.block, 'Idempotent-Replayed', 'true') + lineBeside(this.exchange, 'replay'));
        return;
      case 'running':
        this.refuse('conflict', KEY_IN_USE);
        return;
      case 'mismatch':
        this.refuse('mismatch', KEY_REUSED);
        return;
      case 'unknown':
        this.refuse('unknown', OUTCOME_UNKNOWN);
        return;
      case 'unkept':
        this.refuse('unknown', ANSWER_NOT_KEPT);
        return;
      case 'unavailable':
        this.refuse('unavailable', RECORDS_UNAVAILABLE);
        return;
      default:
        never(begun, 'takeBegun');
    }
  }

  onKept(): void {
    this.exchange.gateway.clock.refresh();
    this.exchange.gateway.guard(this.exchange, () => this.deliverKept());
  }

  onTimeout(): void {
    this.exchange.gateway.guard(this.exchange, () => this.giveUpWaiting());
  }

  private giveUpWaiting(): void {
    const { phase, parkedAtMs } = this;
    if (phase === 'keeping') {
      // It is the answer, whether it is kept or not: if not, its key will be told as unknown.
      this.deliverKept();
      return;
    }
    this.stopWaiting();
    if (phase !== 'asking') return;
    this.keyed.records.leave(this.question);
    if (parkedAtMs !== 0) this.refuse('conflict', KEY_IN_USE);
    else this.refuse('unavailable', RECORDS_UNAVAILABLE);
  }

  private refuse(result: IdempotencyResult, answer: OwnAnswer): void {
    this.phase = 'over';
    this.keyed.metrics.count(result);
    this.exchange.answer(answer);
  }

  private deliverKept(): void {
    if (this.phase !== 'keeping' || this.answer === null) return;
    this.stopWaiting();
    this.deliver(this.answer, this.answer.block + this.addedLines());
  }

  private deliver({ statusText, body }: KeptAnswer, block: string): void {
    const { exchange } = this;
    this.phase = 'passing';
    const status = Number.parseInt(statusText, 10);
    const framing = answerFraming(exchange.facts.method, status, body.length);
    exchange.deliverHead({ status, statusText, block, framing, lengthWhenNone: -1 });
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
    if (exchange.held !== null) {
      exchange.held.push(bytes);
      exchange.isHeldWhole = true;
      return;
    }
    if (framing.kind !== 'none' && bytes.length > 0) {
      exchange.facts.bytesSent += bytes.length;
      exchange.port?.writeBody(bytes);
    }
    exchange.complete();
  }

  // ---- the upstream's side ---------------------------------------------------------------------------------------------

  adaptHead(built: string): string {
    return built;
  }

  takeHead(head: ResponseHead, bodyLength: number): boolean {
    if (this.phase !== 'running') return false;
    if (wasNotCarriedOut(head)) {
      this.giveUp('unsent');
      return this.endIfForNobody();
    }
    if (bodyLength > this.keyed.config.maxAnswerBytes) {
      this.giveUp('unkept');
      return this.endIfForNobody();
    }
    this.phase = 'reading';
    this.statusText = head.statusText;
    this.block = clientBlock(this.exchange, this.plan, head);
    return true;
  }

  takeBody(bytes: Buffer): boolean {
    if (this.phase !== 'reading') return false;
    this.chunks.push(Buffer.from(bytes));
    this.bytes += bytes.length;
    this.exchange.gateway.heldBytes += bytes.length;
    if (this.bytes > this.keyed.config.maxAnswerBytes || this.exchange.gateway.heldBytes > MAX_HELD_BYTES) this.passUnkept();
    return true;
  }

  /** It is too long, or one too many: what has come of it goes to the client, and so does what will come. */
  private passUnkept(): void {
    const { exchange, statusText, block, chunks } = this;
    this.giveUp('unkept');
    this.dropAnswer();
    if (this.endIfForNobody()) return;
    const status = Number.parseInt(statusText, 10);
    const framing = answerFraming(exchange.facts.method, status, -1);
    exchange.deliverHead({ status, statusText, block: block + this.addedLines(), framing, lengthWhenNone: -1 });
    for (const chunk of chunks) exchange.onUpstreamBody(chunk);
  }

  /** True: the client has left, and nothing is kept for it any more; so it is over. */
  private endIfForNobody(): boolean {
    const { exchange } = this;
    if (exchange.clientOutcome === null) return false;
    exchange.dropUpstream();
    exchange.complete();
    return true;
  }

  takeEnd(): boolean {
    if (this.phase !== 'reading' || this.token === null) return false;
    this.phase = 'keeping';
    // Memory of its own: a view into a pool would cross to the other thread with the whole pool.
    const body = new Uint8Array(this.bytes);
    let at = 0;
    for (const chunk of this.chunks) {
      body.set(chunk, at);
      at += chunk.length;
    }
    this.chunks = [];
    this.answer = { statusText: this.statusText, block: this.block, body };
    this.waitFor(RECORDS_TIMEOUT_MS);
    this.keyed.records.complete(this.token, this.answer, this);
    return true;
  }

  takeFailure(failure: UpstreamFailure): boolean {
    if (this.phase === 'running' || this.phase === 'reading') this.giveUp(failure.stage === 'queued' ? 'unsent' : 'unknown');
    this.dropAnswer();
    return false;
  }

  takeBreak(): boolean {
    return false;
  }

  takeFull(): boolean {
    return false;
  }

  /** The cache of the route has nothing to do with it, which is told all the same. */
  addedLines(): string {
    return lineBeside(this.exchange, this.exchange.facts.attempts === 0 ? 'bare' : 'method');
  }

  takeLeave(): void {}

  /** What was begun is brought to its end, and kept for the client that asks again. */
  get isWorthFinishing(): boolean {
    return this.phase === 'running' || this.phase === 'reading' || this.phase === 'keeping';
  }

  get isAwaited(): boolean {
    return this.isWorthFinishing;
  }

  get bytesKept(): number {
    return this.bytes;
  }

  close(): void {
    this.stopWaiting();
    this.dropAnswer();
    if (this.phase === 'asking') this.keyed.records.leave(this.question);
    if (this.phase === 'running') this.giveUp(this.exchange.facts.connectedMs === 0 ? 'unsent' : 'unknown');
    if (this.phase === 'reading') this.giveUp('unknown');
    this.phase = 'over';
  }

  private dropAnswer(): void {
    this.exchange.gateway.heldBytes -= this.bytes;
    this.bytes = 0;
    this.chunks = [];
  }

  /** What comes of the answer from now on goes to the client as it comes. */
  private giveUp(how: GivingUp): void {
    if (this.token !== null) this.keyed.records.giveUp(this.token, how);
    this.token = null;
    this.phase = 'passing';
  }

  // ---- waiting ---------------------------------------------------------------------------------------------------------

  private waitFor(timeoutMs: number): void {
    const { gateway } = this.exchange;
    this.deadlineMs = gateway.clock.nowMs + timeoutMs;
    gateway.waits.add(this);
  }

  private stopWaiting(): void {
    const { gateway, facts } = this.exchange;
    gateway.waits.delete(this);
    if (this.parkedAtMs !== 0) facts.addWait(gateway.clock.nowMs - this.parkedAtMs);
    this.parkedAtMs = 0;
  }
}

/** An answer by which the origin asks for the request again, and so says that it has done nothing yet. */
function wasNotCarriedOut(head: ResponseHead): boolean {
  return NOT_CARRIED_OUT.has(head.status) || (head.status === 503 && fieldValue(head, 'retry-after') !== undefined);
}
