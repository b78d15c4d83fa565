import { createHash } from 'node:crypto';
import type { Exchange } from './exchange.ts';

/** Bodies that one worker holds in its own memory; over it, no request is taken whose body would be one more, and none is held further. */
export const MAX_HELD_BYTES = 64 * 2 ** 20;

/**
 * Keeps the body of a request that has to be known before it is decided what becomes of it. Bounded: of a longer body the
 * first part is kept, and the rest streams by behind it.
 */
export class BodyCollector {
  readonly chunks: Buffer[] = [];
  /** The body is whole, and kept whole. */
  isWhole = false;
  /** It is not kept whole since this worker holds too much, not since it is too long. */
  isCrowdedOut = false;
  private bytes = 0;
  private isOpen = true;
  private readonly exchange: Exchange;
  private readonly maxBytes: number;
  private readonly onDone: () => void;

  /** `onDone`: called once, when the body is whole or is not kept any further. */
  constructor(exchange: Exchange, maxBytes: number, onDone: () => void) {
    this.exchange = exchange;
    this.maxBytes = maxBytes;
    this.onDone = onDone;
  }

  /** Takes what comes of the body while nobody else does; false: it is not collected any more. */
  take(bytes: Buffer): boolean {
    if (!this.isOpen) return false;
    this.chunks.push(Buffer.from(bytes));
    this.bytes += bytes.length;
    this.exchange.gateway.heldBytes += bytes.length;
    this.isCrowdedOut = this.bytes <= this.maxBytes && this.exchange.gateway.heldBytes > MAX_HELD_BYTES;
    if (this.bytes > this.maxBytes || this.isCrowdedOut) {
      this.exchange.port?.pauseBody();
      this.close();
    }
    return true;
  }

  /** The body has ended. */
  end(): boolean {
    if (!this.isOpen) return false;
    this.isWhole = true;
    this.close();
    return true;
  }

  /** The exchange ends. */
  drop(): void {
    this.exchange.gateway.heldBytes -= this.bytes;
    this.bytes = 0;
  }

  /** Of the body, which is whole, and of a latin1 text before it. */
  digest(preamble: string): string {
    const hash = createHash('sha256').update(`${preamble.length} ${preamble}\n`, 'latin1');
    for (const chunk of this.chunks) hash.update(chunk);
    return hash.digest('base64url');
  }

  private close(): void {
    this.isOpen = false;
    this.onDone();
  }
}

/** Collects the body of the request, then calls `next`; at once where there is none. */
export function collectBody(exchange: Exchange, maxBytes: number, next: (collector: BodyCollector) => void): void {
  // Of a refresh, which has the body of the request that it is for.
  if (exchange.collector?.isWhole === true) {
    exchange.facts.isRequestWhole = true;
    next(exchange.collector);
    return;
  }
  const collector: BodyCollector = new BodyCollector(exchange, maxBytes, () => next(collector));
  exchange.collector = collector;
  if (exchange.facts.isRequestWhole) {
    collector.end();
    return;
  }
  // The origin, which would say so, is asked only when the body is here.
  if (exchange.head.expectsContinue && exchange.port?.canInform === true) {
    exchange.port.writeInformational('100 Continue', '');
    exchange.port.writeOut();
  }
  exchange.port?.resumeBody();
}
