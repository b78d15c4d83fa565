import type { UwsAnswer } from './uws-answer.ts';
import type { UwsResponse } from './uws-addon.ts';

/** uWebSockets.js closes a connection whose body stalls for 10 s, or comes slower than 16 KiB/s: `resume` and `pause` start that anew. */
const REARM_MS = 4000;

/** What the intake tells its client. */
export interface UwsIntakeOwner {
  /** Bytes came, whether they are wanted or not. */
  onBytes(length: number): void;
  onBodyBytes(piece: Buffer): void;
  onBodyEnd(): void;
  onException(error: unknown): void;
}

/**
 * The body of one request of the `uws` engine. The addon goes on calling for it when the answer is out, and calls once more
 * after it was told to pause; so what comes while the exchange takes nothing is kept, and what nobody wants is dropped.
 */
export class UwsIntake {
  /** The addon will call for more of the body. */
  isOpen = false;
  /** Bytes to come; -1 = not known. */
  left = 0;
  bytesRead = 0;
  private readonly owner: UwsIntakeOwner;
  private readonly answer: UwsAnswer;
  private isPaused = true;
  private isReadPaused = false;
  /** Pieces that came while paused, and whether the last is among them. */
  private readonly stash: Buffer[] = [];
  private isStashWhole = false;
  private isDropping = false;
  private rearmMs = 0;
  private readonly onData = (bytes: ArrayBuffer, isLast: boolean): void => {
    try {
      this.take(bytes, isLast);
    } catch (error) {
      this.owner.onException(error);
    }
  };

  constructor(owner: UwsIntakeOwner, answer: UwsAnswer) {
    this.owner = owner;
    this.answer = answer;
  }

  /** For the next request, which has no body unless `open` follows. */
  reset(): void {
    this.isOpen = false;
    this.left = 0;
    this.bytesRead = 0;
    this.isPaused = true;
    this.isReadPaused = false;
    this.stash.length = 0;
    this.isStashWhole = false;
    this.isDropping = false;
  }

  open(res: UwsResponse, bytes: number, nowMs: number): void {
    this.isOpen = true;
    this.left = bytes;
    this.rearmMs = nowMs + REARM_MS;
    res.onData(this.onData);
  }

  /** It is the client's turn to send. */
  get isAwaited(): boolean {
    return this.isOpen && !this.isPaused && !this.isDropping;
  }

  pause(): void {
    this.isPaused = true;
    this.pauseRead();
  }

  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    for (let piece = this.stash.shift(); piece !== undefined; piece = this.stash.shift()) {
      this.owner.onBodyBytes(piece);
      if (this.isPaused) return;
    }
    if (this.isDropping) return;
    if (this.isStashWhole) {
      this.isStashWhole = false;
      this.owner.onBodyEnd();
    } else if (this.isReadPaused) {
      this.isReadPaused = false;
      this.answer.res?.resume();
    }
  }

  /** Nobody wants what is still to come. */
  drop(): void {
    this.isDropping = true;
    this.stash.length = 0;
  }

  /** The connection is gone. */
  end(): void {
    this.isOpen = false;
    this.drop();
  }

  sweep(nowMs: number): void {
    if (!this.isOpen || nowMs < this.rearmMs) return;
    this.rearmMs = nowMs + REARM_MS;
    if (this.isReadPaused) this.answer.res?.pause();
    else this.answer.res?.resume();
  }

  /** The bytes are the addon's read buffer: whoever keeps them needs a copy, and who does is known only afterwards. */
  private take(bytes: ArrayBuffer, isLast: boolean): void {
    if (isLast) this.isOpen = false;
    this.bytesRead += bytes.byteLength;
    if (this.left > 0) this.left -= bytes.byteLength;
    this.owner.onBytes(bytes.byteLength);
    if (this.isDropping) return;
    const piece = Buffer.from(new Uint8Array(bytes));
    if (this.isPaused || this.stash.length > 0) {
      this.stash.push(piece);
      this.isStashWhole = isLast;
      if (!isLast) this.pauseRead();
      return;
    }
    if (piece.length > 0) this.owner.onBodyBytes(piece);
    if (isLast && !this.isDropping) this.owner.onBodyEnd();
  }

  private pauseRead(): void {
    if (this.isReadPaused || !this.isOpen) return;
    const { res } = this.answer;
    if (res === null) return;
    this.isReadPaused = true;
    res.pause();
  }
}
