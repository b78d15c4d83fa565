import type { Lender } from '../base/direct-writer.ts';
import type { BodyCursor } from '../shm/body-cursor.ts';
import type { ChangeWaiter } from '../shm/change-watch.ts';
import type { FillingObject } from '../shm/filling-object.ts';
import type { Exchange } from './exchange.ts';
import type { BodySource } from './stored-body.ts';

/** Given to a socket at once; a slow client has no more than this and what its socket takes lent to it. */
const MAX_RUN_BYTES = 64 * 1024;

/**
 * Sends the body of an object that is still being filled, by whichever thread, at this client's pace: bytes follow as they are
 * published. The object is pinned until the last byte has left; that it is published, replaced or dropped meanwhile makes no difference.
 */
export class FollowedBody implements BodySource, Lender, ChangeWaiter {
  private readonly exchange: Exchange;
  private readonly filling: FillingObject;
  private readonly cursor: BodyCursor;
  /** What the client has already, from another filling of the same bytes. This one may not be as far yet. */
  private readonly begin: number;
  private readonly onBroken: (body: FollowedBody) => void;
  private lent = 0;
  private isOver = false;
  private isPinned = true;

  /** `filling` has been pinned for this body. `sent`: what the client has already. `onBroken`: no more will come of it. */
  constructor(exchange: Exchange, filling: FillingObject, { sent, onBroken }: { sent: number; onBroken: (body: FollowedBody) => void }) {
    this.exchange = exchange;
    this.filling = filling;
    this.cursor = filling.cursor();
    this.begin = sent;
    this.onBroken = onBroken;
  }

  pump(): void {
    const { exchange, filling, cursor } = this;
    const { port } = exchange;
    if (port === null || this.isOver) return;
    while (!port.isFull) {
      const { state } = filling;
      const { length } = filling;
      if (cursor.position < this.begin) cursor.skip(length, this.begin - cursor.position);
      const bytes = cursor.next(length, MAX_RUN_BYTES);
      if (bytes !== undefined) this.send(bytes);
      else if (state === 'whole' && cursor.position >= this.begin) {
        this.stop();
        exchange.complete();
        return;
      } else if (state !== 'filling') {
        // Given up, or whole and shorter than what the client has: not the same bytes after all.
        this.onBroken(this);
        return;
      } else if (filling.watch(length, this)) break;
    }
    port.writeOut();
  }

  onChange(): void {
    this.exchange.gateway.guard(this.exchange, () => this.pump());
  }

  onReturned(): void {
    this.lent--;
    this.unpinIfIdle();
  }

  stop(): void {
    if (!this.isOver) this.filling.unwatch(this);
    this.isOver = true;
    this.unpinIfIdle();
  }

  private send(bytes: Buffer): void {
    const { exchange } = this;
    exchange.facts.bytesSent += bytes.length;
    this.lent++;
    if (exchange.port?.lendBody(bytes, this) !== 'kept') this.lent--;
  }

  private unpinIfIdle(): void {
    if (!this.isOver || this.lent > 0 || !this.isPinned) return;
    this.isPinned = false;
    this.filling.unpin();
  }
}
