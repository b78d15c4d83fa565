import type { LoopClock } from '../../base/clock.ts';
import { fieldValue } from '../../http/fields.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { Cluster } from '../../upstream/cluster.ts';
import type { FailureKind, UpstreamFailure } from '../../upstream/failure.ts';
import type { Loan, RequestBody, UpstreamConnection, UpstreamSink } from '../../upstream/sink.ts';
import type { Target } from '../../upstream/target.ts';
import { TryAccount } from '../try-account.ts';

/** A request of the gateway's own, ready to be sent. */
export type SideRequestText = {
  readonly method: string;
  readonly head: string;
  readonly framing: RequestBody;
  readonly body: readonly Buffer[];
};

/** What is kept of an answer; `null` = nothing. */
export type CaptureSpec = { readonly headers: readonly string[]; readonly maxBodyBytes: number };

/** An answer as it came. */
export type SideAnswer = {
  readonly kind: 'answer';
  readonly status: number;
  readonly fields: Readonly<Record<string, string | undefined>>;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  readonly body: Buffer;
  readonly bodyBytes: number;
};

export type SideOutcome = SideAnswer | { readonly kind: 'failure'; readonly failure: FailureKind };

export type SideServices = {
  readonly clock: LoopClock;
  readonly waits: Set<{ readonly deadlineMs: number; onTimeout(): void }>;
};

/** However slowly an answer comes. */
const MAX_MS = 60_000;

/** What is kept of an answer while it comes. */
export class AnswerCapture {
  private readonly spec: CaptureSpec | null;
  private readonly chunks: Buffer[] = [];
  private keptBytes = 0;
  private bodyBytes = 0;
  private status = 0;
  private fields: Readonly<Record<string, string | undefined>> = {};
  private contentType: string | undefined;
  private contentEncoding: string | undefined;

  constructor(spec: CaptureSpec | null) {
    this.spec = spec;
  }

  onHead(head: ResponseHead): void {
    this.status = head.status;
    if (this.spec === null) return;
    this.fields = Object.fromEntries(this.spec.headers.map((name) => [name, fieldValue(head, name)]));
    this.contentType = fieldValue(head, 'content-type');
    this.contentEncoding = fieldValue(head, 'content-encoding');
  }

  onBody(bytes: Buffer): void {
    this.bodyBytes += bytes.length;
    const room = (this.spec?.maxBodyBytes ?? 0) - this.keptBytes;
    if (room <= 0) return;
    // The bytes are lent for the call.
    this.chunks.push(Buffer.from(bytes.subarray(0, room)));
    this.keptBytes += Math.min(room, bytes.length);
  }

  get answer(): SideAnswer {
    const { status, fields, contentType, contentEncoding, bodyBytes } = this;
    return { kind: 'answer', status, fields, contentType, contentEncoding, body: Buffer.concat(this.chunks), bodyBytes };
  }
}

/**
 * A request beside the one that a client waits for: a copy for a shadow, or a second one for the live upstream. It has no client, so nothing that
 * becomes of it reaches one: it is counted, what is kept of its answer is handed over, and that is all.
 */
export class SideRequest implements UpstreamSink {
  readonly deadlineMs: number;
  private readonly text: SideRequestText;
  private readonly services: SideServices;
  private readonly capture: AnswerCapture;
  private readonly account: TryAccount;
  private readonly onDone: (outcome: SideOutcome) => void;
  private target: Target | null = null;
  private connection: UpstreamConnection | null = null;
  private isDone = false;

  constructor(
    text: SideRequestText,
    given: { services: SideServices; capture: CaptureSpec | null; onDone: (outcome: SideOutcome) => void },
  ) {
    this.text = text;
    this.services = given.services;
    this.account = new TryAccount(given.services.clock);
    this.capture = new AnswerCapture(given.capture);
    this.onDone = given.onDone;
    this.deadlineMs = given.services.clock.nowMs + MAX_MS;
  }

  /** `target` has just been chosen by `cluster`. */
  begin(cluster: Cluster, target: Target): void {
    this.target = target;
    this.account.begin(cluster, target, 'mirror');
  }

  /** Later than `begin`, when the live request has left. */
  send(cluster: Cluster): void {
    const { target } = this;
    if (target === null || this.isDone) return;
    this.services.waits.add(this);
    if (cluster.limits === null || this.account.acquire(cluster.limits, false)) target.pool.request(this, false);
    else this.end({ kind: 'failure', failure: 'overloaded' });
  }

  /** Nobody wants it any more, be it sent or not. */
  drop(): void {
    if (this.isDone) return;
    this.giveUp();
    this.isDone = true;
    this.services.waits.delete(this);
    this.account.end();
  }

  onTimeout(): void {
    this.giveUp();
    this.account.onFailure('response-timeout');
    this.end({ kind: 'failure', failure: 'response-timeout' });
  }

  onUpstreamConnection(connection: UpstreamConnection): void {
    const { text } = this;
    this.connection = connection;
    connection.send(text.head, text.framing, text.method === 'HEAD');
    for (const chunk of text.body) connection.writeBody(chunk);
    if (text.framing !== 'none') connection.endBody();
  }

  onUpstreamInformational(): void {}

  onUpstreamHead(head: ResponseHead): void {
    this.services.clock.refresh();
    this.account.onAnswer(head.status);
    this.capture.onHead(head);
  }

  onUpstreamBody(bytes: Buffer): Loan {
    this.capture.onBody(bytes);
    return 'released';
  }

  onUpstreamPause(): void {}

  onUpstreamEnd(): void {
    this.connection = null;
    this.end(this.capture.answer);
  }

  onUpstreamFail(failure: UpstreamFailure): void {
    this.connection = null;
    this.account.onFailure(failure.kind);
    this.end({ kind: 'failure', failure: failure.kind });
  }

  onUpstreamDrain(): void {}

  private giveUp(): void {
    const { connection, target } = this;
    this.connection = null;
    if (connection !== null) connection.abandon();
    else target?.pool.cancel(this);
  }

  private end(outcome: SideOutcome): void {
    if (this.isDone) return;
    this.isDone = true;
    this.services.waits.delete(this);
    this.account.end();
    this.onDone(outcome);
  }
}
