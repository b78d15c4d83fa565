import { IDEMPOTENT_METHODS, SAFE_METHODS } from '../http/methods.ts';
import { holdRest, readBehind } from './client-behind.ts';
import { N_EPOCH } from '../cache/numbers.ts';
import { isSelected } from '../http/vary.ts';
import type { RequestHead } from '../http/request-head.ts';
import type { ResponseHead } from '../http/response-head.ts';
import type { FillingObject } from '../shm/filling-object.ts';
import type { Fill } from '../shm/fill.ts';
import type { UpstreamFailure } from '../upstream/failure.ts';
import type { AnswerRun } from './answer-run.ts';
import type { OwnAnswer } from './answers.ts';
import { startTry } from './attempts.ts';
import { collectBody } from './body-collector.ts';
import { lineBeside } from './cache-words.ts';
import type { Exchange } from './exchange.ts';
import { FollowedBody } from './followed-body.ts';
import { answerFraming } from './messages.ts';
import { answerForRule } from './own-answers.ts';
import type { RoutePlan } from './plan.ts';
import { readShared, type SharedAnswer, type SharedHead, sharedFailure, sharedHead, sharedNothing, stamp } from './shared-answer.ts';
import { type Attached, type FlightMember, SharedFlight } from './shared-flight.ts';
import { DUPLICATE_NOT_ANSWERED, SHARING_UNAVAILABLE } from './sharing-answers.ts';
import { epochNameOf, sharingKey } from './sharing-key.ts';
import type { SharingPlan } from './sharing-plan.ts';

/** A run that would send the request by itself, and is asked first about what comes of it. */
export type InnerRun = AnswerRun & {
  /** Another request's answer is this one's. */
  countShared(): void;
  /** Field lines that the client gets beside that. */
  sharedLines(): string;
};

/**
 * A request that looks for an identical one under way on the whole host: it waits for the answer of that one, or asks the upstream and
 * lets the others have what it gets, while it comes (or when it is whole, if nobody knows how long it will be). Nothing is kept.
 */
export class SharingRun implements AnswerRun, FlightMember {
  readonly isRepeatable: boolean;
  readonly exchange: Exchange;
  private readonly plan: RoutePlan;
  private readonly sharing: SharingPlan;
  private readonly inner: InnerRun | null;
  private flight: SharedFlight | null = null;
  /** Of the invalidations, when the request was sent. */
  private sequence = 0;
  private hasHead = false;
  private fill: Fill | null = null;
  /** Others read the fill already. */
  private isStreaming = false;
  /** … and that there is nothing for them in it. */
  private isWithheld = false;
  /** The client reads the fill at its own pace. */
  isClientBehind = false;
  /** What the client gets: what this request got, what an identical one did, or a refusal of ours. */
  private source: 'own' | 'shared' | 'refused' = 'own';

  constructor(exchange: Exchange, plan: RoutePlan, { sharing, inner }: { sharing: SharingPlan; inner: InnerRun | null }) {
    this.exchange = exchange;
    this.plan = plan;
    this.sharing = sharing;
    this.inner = inner;
    this.isRepeatable = IDEMPOTENT_METHODS.has(exchange.facts.method);
  }

  /** A body that is too long to be compared streams on behind its first part. */
  start(): void {
    const { exchange, sharing, isRepeatable } = this;
    collectBody(exchange, sharing.config.maxBodyBytes, (collector) => {
      if (!collector.isWhole) {
        if (collector.isCrowdedOut && !isRepeatable) this.refuse(SHARING_UNAVAILABLE);
        else this.send();
        return;
      }
      // What is under way from before a change is no request of those who come after it. What must not run beside itself is one all the same.
      const since = isRepeatable ? `\n${sharing.caching.epochs.lastOfUrl(epochNameOf(exchange))}` : '';
      const key = `${sharingKey(exchange, sharing, { collector, isRepeatable })}${since}`;
      this.flight = new SharedFlight(exchange, sharing, { key, isRepeatable, member: this });
      this.flight.enter();
    });
  }

  // ---- what the flight says --------------------------------------------------------------------------------------------

  send(): void {
    this.sequence = this.sharing.caching.epochs.now();
    startTry(this.exchange, this.plan, 'first');
  }

  refuse(answer: OwnAnswer): void {
    this.source = 'refused';
    this.sharing.metrics.countRefused();
    this.exchange.answer(answer);
  }

  /** What must not run twice is not sent any more, so its body is of no use. */
  onParked(): void {
    const { exchange, isRepeatable } = this;
    if (isRepeatable) return;
    exchange.collector?.drop();
    exchange.collector = null;
  }

  attach(filling: FillingObject): Attached {
    const shared = readShared(filling);
    const isThere = shared !== undefined && filling.state !== 'gone';
    const isGood = isThere && this.isUpToDate(filling);
    if (isGood && shared.kind === 'answer' && isSelected(shared.vary, this.exchange.head)) {
      this.countShared();
      this.serve(filling, shared);
      return 'taken';
    }
    filling.unpin();
    if (!isGood) return isThere ? 'too-old' : 'useless';
    if (shared.kind !== 'failure') this.flight?.goWithout(DUPLICATE_NOT_ANSWERED);
    else {
      this.countShared();
      this.exchange.answer(answerForRule(shared.failure, shared.rule));
    }
    return 'taken';
  }

  /** A request for how things are is not answered by how they were before somebody changed them, be it while it waited. */
  private isUpToDate({ numbers }: FillingObject): boolean {
    const { exchange, sharing } = this;
    // Other methods are not answered by how things are.
    if (!SAFE_METHODS.has(exchange.facts.method)) return true;
    const { epochs } = sharing.caching;
    const verdict = epochs.verdict([epochs.urlCellOf(epochNameOf(exchange))], numbers[N_EPOCH] ?? 0);
    return verdict === 'valid' && !sharing.caching.isPrefixPurged(numbers);
  }

  private serve(filling: FillingObject, answer: Extract<SharedAnswer, { kind: 'answer' }>): void {
    const { exchange } = this;
    const { statusText, bodyLength, lengthWhenNone } = answer;
    const block = answer.block + this.addedLines();
    const status = Number.parseInt(statusText, 10);
    const length = bodyLength < 0 && filling.state === 'whole' ? filling.length : bodyLength;
    const framing = answerFraming(exchange.facts.method, status, length);
    exchange.deliverHead({ status, statusText, block, framing, lengthWhenNone });
    if (framing.kind === 'none') {
      filling.unpin();
      if (exchange.held === null) exchange.complete();
      else exchange.isHeldWhole = true;
      return;
    }
    const body = new FollowedBody(exchange, filling, { sent: 0, onBroken: () => exchange.finish('upstream-broke') });
    exchange.storedBody = body;
    // Where filters hold the head they pump when they let it go.
    if (exchange.held === null) body.pump();
  }

  private countShared(): void {
    this.source = 'shared';
    this.sharing.metrics.countShared();
    this.inner?.countShared();
  }

  // ---- the upstream's side ---------------------------------------------------------------------------------------------

  adaptHead(built: string): string {
    return this.inner?.adaptHead(built) ?? built;
  }

  takeHead(head: ResponseHead, bodyLength: number): boolean {
    // The rest of an answer that broke off has a head, too.
    if (!this.hasHead) this.share(head, bodyLength);
    this.hasHead = true;
    return this.inner?.takeHead(head, bodyLength) === true;
  }

  takeBody(bytes: Buffer): boolean {
    const isTaken = this.inner?.takeBody(bytes) === true || this.exchange.clientOutcome !== null;
    if (this.fill === null || this.isWithheld) return isTaken && this.endIfForNobody();
    const { bytesStored } = this.fill;
    const isGood = this.fill.write(bytes) && this.fill.bytesStored <= this.sharing.config.maxAnswerBytes;
    const isKept = this.fill.bytesStored > bytesStored;
    if (isGood) return isTaken || this.isClientBehind;
    this.unshare();
    return isTaken ? this.endIfForNobody() : this.relayBehind(isKept);
  }

  takeEnd(): boolean {
    const { exchange } = this;
    this.publish();
    if (this.inner?.takeEnd() === true) return true;
    if (!this.isClientBehind || exchange.held !== null) return false;
    exchange.storedBody?.pump();
    return true;
  }

  takeFailure(failure: UpstreamFailure): boolean {
    if (this.inner?.takeFailure(failure) === true) return true;
    this.dropFill();
    if (this.flight !== null && this.flight.led !== null && this.begin(sharedFailure(failure.kind), 0)) this.publish();
    this.flight?.fail();
    return false;
  }

  takeBreak(): boolean {
    return this.inner?.takeBreak() === true;
  }

  /** Who leads keeps nobody waiting by reading slowly. */
  takeFull(): boolean {
    if (this.inner?.takeFull() === true) return true;
    const { fill, flight, sharing } = this;
    if (fill === null || flight === null || this.isWithheld) return false;
    const filling = sharing.caching.store.openFilling(fill.entry, fill.generation, flight.key);
    if (filling === undefined) return false;
    readBehind(this, filling);
    return true;
  }

  addedLines(): string {
    const { inner, source, exchange } = this;
    if (inner === null || source === 'refused') return lineBeside(exchange, 'bare');
    return source === 'own' ? inner.addedLines() : inner.sharedLines();
  }

  get isAwaited(): boolean {
    return this.fill?.isRead === true || this.inner?.isAwaited === true;
  }

  get bytesKept(): number {
    return (this.fill?.bytesStored ?? 0) + (this.inner?.bytesKept ?? 0);
  }

  takeLeave(head: RequestHead): void {
    this.isClientBehind = false;
    this.inner?.takeLeave(head);
  }

  get isOnce(): boolean {
    return this.inner?.isOnce === true;
  }

  /** What others wait for goes on without its client; and who asks again, since it took too long, finds it. */
  get isWorthFinishing(): boolean {
    const isLeading = this.flight !== null && this.flight.led !== null && !this.isWithheld;
    return isLeading || (this.source === 'own' && this.inner?.isWorthFinishing === true);
  }

  close(): void {
    this.dropFill();
    this.flight?.close();
    this.inner?.close();
  }

  // ---- leading ---------------------------------------------------------------------------------------------------------

  private share(head: ResponseHead, bodyLength: number): void {
    const { exchange, sharing, flight } = this;
    if (flight === null) return;
    const length = answerFraming(exchange.facts.method, head.status, bodyLength).kind === 'none' ? 0 : bodyLength;
    const shared = sharedHead(exchange, sharing, head, length);
    if (shared === undefined) this.withhold();
    else if (flight.led === null) {
      if (length >= 0) flight.forget();
    } else if (!this.begin(shared, length)) this.withhold();
    // The last byte of one whose end is not known may be one too many: nobody has a part of it before that has come.
    else if (length >= 0) this.stream();
  }

  private begin({ meta, numbers }: SharedHead, expectedBytes: number): boolean {
    const { flight, sharing, exchange } = this;
    if (flight === null || flight.led === null) return false;
    const { hostMs } = exchange.gateway.clock;
    stamp(numbers, flight.led, { hostMs, maxWaitMs: sharing.config.maxWaitMs, sequence: this.sequence });
    this.fill = sharing.caching.store.begin({ key: flight.key, meta, numbers, expectedBytes }) ?? null;
    return this.fill !== null;
  }

  private stream(): void {
    if (this.fill !== null) this.flight?.stream(this.fill.entry, this.fill.generation);
    this.isStreaming = true;
  }

  private publish(): void {
    const { fill, sharing, exchange } = this;
    if (fill === null) return;
    const object = fill.publish([]);
    if (object === undefined && !this.isStreaming) {
      this.unshare();
      return;
    }
    if (!this.isStreaming) this.stream();
    this.fill = null;
    this.flight?.finish();
    if (object !== undefined) sharing.shortLived.add(object, exchange.gateway.clock.nowMs);
  }

  /** It has become too long, or there is no room. Who has a part of it already cannot have the rest. */
  private unshare(): void {
    this.dropFill();
    this.withhold();
  }

  /** The answer is this request's alone. What must not run twice is told so as long as it comes, since until then this one runs. */
  private withhold(): void {
    if (this.isRepeatable || !this.begin(sharedNothing(), 0)) {
      this.flight?.release();
      return;
    }
    this.isWithheld = true;
    this.stream();
  }

  private dropFill(): void {
    this.fill?.abort();
    this.fill = null;
    this.isStreaming = false;
    this.isWithheld = false;
  }

  /** The client has left, or has its answer, and so has everybody else who wanted this one. True. */
  private endIfForNobody(): true {
    const { exchange } = this;
    if (exchange.clientOutcome === null || this.isWorthFinishing) return true;
    exchange.dropUpstream();
    exchange.complete();
    return true;
  }

  /** `isKept`: the last bytes can be read from the fill, although nothing more comes into it. */
  private relayBehind(isKept: boolean): boolean {
    if (!this.isClientBehind) return false;
    holdRest(this);
    return isKept;
  }
}
