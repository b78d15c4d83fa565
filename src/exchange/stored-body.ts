import type { Lender } from '../base/direct-writer.ts';
import type { AnswerSegment } from '../cache/answer.ts';
import type { ObjectStore } from '../shm/object-store.ts';
import type { StoredObject } from '../shm/stored-object.ts';
import type { Exchange } from './exchange.ts';

/** What sends a body from shared memory to the client of an exchange. */
export interface BodySource {
  /** Goes on until the client is full or has all; completes the exchange then. */
  pump(): void;
  /** Nothing more is sent. */
  stop(): void;
}

/**
 * Sends the body of a stored object, or parts of it, to one client at the client's pace, straight from shared memory. The
 * object is pinned until the last byte has left.
 */
export class StoredBody implements BodySource, Lender {
  private readonly exchange: Exchange;
  private readonly store: ObjectStore;
  private readonly object: StoredObject;
  private readonly segments: readonly AnswerSegment[];
  private segment = 0;
  /** Sent of the running segment. */
  private sent = 0;
  /** Pieces that a socket still refers to. */
  private lent = 0;
  private isOver = false;
  private isPinned = true;

  /** `object` has been pinned for this body. */
  constructor(exchange: Exchange, store: ObjectStore, object: StoredObject, segments: readonly AnswerSegment[]) {
    this.exchange = exchange;
    this.store = store;
    this.object = object;
    this.segments = segments;
  }

  pump(): void {
    const { exchange } = this;
    const { port } = exchange;
    if (port === null || this.isOver) return;
    while (!port.isFull) {
      const bytes = this.take();
      if (bytes === null) {
        this.stop();
        exchange.complete();
        return;
      }
      exchange.facts.bytesSent += bytes.length;
      this.lent++;
      if (port.lendBody(bytes, this) === 'released') this.lent--;
    }
    port.writeOut();
  }

  onReturned(): void {
    this.lent--;
    this.unpinIfIdle();
  }

  stop(): void {
    this.isOver = true;
    this.unpinIfIdle();
  }

  private unpinIfIdle(): void {
    if (!this.isOver || this.lent > 0 || !this.isPinned) return;
    this.isPinned = false;
    this.store.unpin(this.object);
  }

  /** The next run of bytes, `null` at the end. */
  private take(): Buffer | null {
    while (this.segment < this.segments.length) {
      const segment = this.segments[this.segment];
      if (segment === undefined) return null;
      if (segment.kind === 'text') {
        this.segment++;
        return Buffer.from(segment.text, 'latin1');
      }
      const at = segment.from + this.sent;
      if (at < segment.to) {
        const bytes = runFrom(this.object.pieces, at, segment.to);
        this.sent += bytes.length;
        return bytes;
      }
      this.segment++;
      this.sent = 0;
    }
    return null;
  }
}

/** Bytes of a body from `at` on, to `end` or to where its piece ends. */
export function runFrom(pieces: readonly Buffer[], at: number, end: number): Buffer {
  let start = 0;
  for (const piece of pieces) {
    const next = start + piece.length;
    if (at < next) return at === start && next <= end ? piece : piece.subarray(at - start, Math.min(end, next) - start);
    start = next;
  }
  throw new Error(`invariant broken: a stored body has bytes at ${at}`);
}
