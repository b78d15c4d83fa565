import { MAX_HELD_BYTES } from './body-collector.ts';
import type { Gateway } from './gateway.ts';

/** Keeps a copy of a request's body while it streams by, so that it can be sent again; nothing any more once it is longer than its bound. */
export class KeptBody {
  readonly chunks: Buffer[] = [];
  /** Not all of it is here. */
  isCut = false;
  private bytes = 0;
  private readonly gateway: Gateway;
  private readonly maxBytes: number;

  constructor(gateway: Gateway, maxBytes: number) {
    this.gateway = gateway;
    this.maxBytes = maxBytes;
  }

  keep(bytes: Buffer): void {
    if (this.isCut) return;
    if (this.bytes + bytes.length > this.maxBytes || this.gateway.heldBytes + bytes.length > MAX_HELD_BYTES) {
      this.drop();
      return;
    }
    this.chunks.push(Buffer.from(bytes));
    this.bytes += bytes.length;
    this.gateway.heldBytes += bytes.length;
  }

  /** What is kept, which is no longer kept here. */
  handOver(): readonly Buffer[] {
    const chunks = this.chunks.splice(0);
    this.drop();
    return chunks;
  }

  /** It is of no more use, or too long. */
  drop(): void {
    this.isCut = true;
    this.gateway.heldBytes -= this.bytes;
    this.bytes = 0;
    this.chunks.length = 0;
  }
}
