import type { ResponseHead } from '../../http/response-head.ts';
import type { FailureKind } from '../../upstream/failure.ts';
import type { Gateway } from '../gateway.ts';
import { KeptBody } from '../kept-body.ts';
import type { Comparison } from './comparison.ts';
import { AnswerCapture, type CaptureSpec } from './side-request.ts';

/** Calls `onWhole` with a request body that has streamed by, if it was not too long. */
export class BodyTap {
  private readonly kept: KeptBody;
  private readonly onWhole: (chunks: readonly Buffer[]) => void;
  private readonly onTooLong: () => void;
  private isOpen = true;

  constructor(gateway: Gateway, maxBytes: number, then: { onWhole: (chunks: readonly Buffer[]) => void; onTooLong: () => void }) {
    this.kept = new KeptBody(gateway, maxBytes);
    this.onWhole = then.onWhole;
    this.onTooLong = then.onTooLong;
  }

  take(bytes: Buffer): void {
    if (!this.isOpen) return;
    this.kept.keep(bytes);
    if (this.kept.isCut) this.drop();
  }

  end(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.onWhole(this.kept.handOver());
  }

  /** It will not be whole. */
  drop(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.kept.drop();
    this.onTooLong();
  }
}

/** What a mirror sees of the live exchange: the request's body, and the upstream's answer where that is compared. Never holds it up. */
export class MirrorTap {
  body: BodyTap | null = null;
  readonly comparison: Comparison | null;
  private readonly capture: AnswerCapture | null;
  private hasHead = false;

  constructor(comparison: Comparison | null, spec: CaptureSpec | null) {
    this.comparison = comparison;
    this.capture = comparison === null ? null : new AnswerCapture(spec);
  }

  onHead(head: ResponseHead): void {
    // The rest of an answer that broke off has a head of its own.
    if (this.hasHead) this.comparison?.cancel();
    this.hasHead = true;
    this.capture?.onHead(head);
  }

  onBody(bytes: Buffer): void {
    this.capture?.onBody(bytes);
  }

  onEnd(): void {
    if (this.capture !== null) this.comparison?.onLive(this.capture.answer);
  }

  onFailure(failure: FailureKind): void {
    this.comparison?.onLive({ kind: 'failure', failure });
  }

  /** The exchange is over: what has not come will not come. */
  drop(): void {
    this.body?.drop();
    // Without an effect where the live answer is there already.
    this.comparison?.endLive();
  }
}
