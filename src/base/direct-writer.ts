import { assert } from './assert.ts';

/** Whose bytes are being written, where they may be reused only when told. */
export interface Lender {
  /** Bytes of one call that said they were kept are written, or will never be. */
  onReturned(): void;
}

/** The part of a `net.Socket` that is needed here. */
export type WireSocket = { readonly destroyed: boolean; destroy(error: Error): unknown };

/** What `node:net` itself writes through; one instance serves all writes that the kernel takes at once. */
type WriteRequest = {
  oncomplete: (this: WriteRequest, status: number) => void;
  owner: DirectWriter | null;
  bytes: number;
  hold: unknown;
  lender: Lender | null;
};
type StreamHandle = {
  /** Bytes that libuv still holds, as of now. */
  readonly writeQueueSize: number;
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  writev(request: WriteRequest, pieces: readonly unknown[], areAllBuffers: boolean): number;
};
type StreamBinding = {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kBytesWritten: number;
  readonly kLastWriteWasAsync: number;
};

/**
 * The layer below `socket.write`, of the pinned Node. The stream machinery above it (state, callbacks, a tick of its own for
 * each write) costs more than the write itself: see `scripts/micro/single.ts` and ARCHITECTURE.md, "Tricks and their figures".
 */
const binding = (process as unknown as { binding(name: 'stream_wrap'): StreamBinding }).binding('stream_wrap');
assert(
  typeof binding.WriteWrap === 'function' && binding.streamBaseState instanceof Int32Array,
  'this Node has the stream binding: run the pinned one',
);
const { WriteWrap, streamBaseState, kBytesWritten, kLastWriteWasAsync } = binding;

/** Bytes that may wait before the sender must stop. */
const MAX_QUEUED_BYTES = 65_536;

let spare = newRequest();

function newRequest(): WriteRequest {
  const request = new WriteWrap();
  request.oncomplete = onComplete;
  request.owner = null;
  request.bytes = 0;
  request.hold = null;
  request.lender = null;
  return request;
}

function onComplete(this: WriteRequest, status: number): void {
  const { owner, bytes, lender } = this;
  this.owner = null;
  this.hold = null;
  this.lender = null;
  lender?.onReturned();
  owner?.onWritten(bytes, status);
}

/**
 * Writes to one connected socket past its stream: the kernel takes the bytes in the call, or they wait in libuv and are
 * counted here. Never to be mixed with `socket.write`; `socket.end` and `destroy` work as ever.
 */
export class DirectWriter {
  /** Not taken by the kernel yet. */
  queuedBytes = 0;
  private readonly socket: WireSocket;
  private readonly onDrain: () => void;
  private isFullTold = false;

  /** `onDrain`: called when everything is written after `isFull` was true. */
  constructor(socket: WireSocket, onDrain: () => void) {
    this.socket = socket;
    this.onDrain = onDrain;
  }

  get isFull(): boolean {
    if (this.queuedBytes < MAX_QUEUED_BYTES) return false;
    this.isFullTold = true;
    return true;
  }

  /** As `queuedBytes`, but less by what the kernel has taken of a write that is not over. For a look now and then. */
  get unsentBytes(): number {
    return handleOf(this.socket)?.writeQueueSize ?? 0;
  }

  /** Latin1. */
  writeText(text: string): void {
    const handle = handleOf(this.socket);
    if (handle !== null) this.settle(handle.writeLatin1String(spare, text), null, null);
  }

  /**
   * True if the bytes are still referred to when the call returns: the caller must not touch them again, or not before
   * `lender` has been told.
   */
  writeBytes(bytes: Uint8Array, lender: Lender | null = null): boolean {
    const handle = handleOf(this.socket);
    return handle !== null && this.settle(handle.writeBuffer(spare, bytes), bytes, lender);
  }

  /** Text, bytes and text in one system call where the kernel lets it; `after` may be `''`. True as for `writeBytes`. */
  writeAround(before: string, bytes: Uint8Array, after: string, lender: Lender | null = null): boolean {
    const handle = handleOf(this.socket);
    if (handle === null) return false;
    const pieces = after === '' ? [before, 'latin1', bytes, 'buffer'] : [before, 'latin1', bytes, 'buffer', after, 'latin1'];
    return this.settle(handle.writev(spare, pieces, false), pieces, lender);
  }

  /** A write that had to wait is done, or failed. */
  onWritten(bytes: number, status: number): void {
    this.queuedBytes -= bytes;
    if (status !== 0) this.fail(status);
    else if (this.isFullTold && this.queuedBytes === 0) {
      this.isFullTold = false;
      this.onDrain();
    }
  }

  private settle(status: number, hold: unknown, lender: Lender | null): boolean {
    if (status !== 0) {
      this.fail(status);
      return false;
    }
    if (streamBaseState[kLastWriteWasAsync] === 0) return false;
    const request = spare;
    request.owner = this;
    request.hold = hold;
    request.lender = lender;
    request.bytes = streamBaseState[kBytesWritten] ?? 0;
    this.queuedBytes += request.bytes;
    spare = newRequest();
    return true;
  }

  private fail(status: number): void {
    if (this.socket.destroyed) return;
    const error: NodeJS.ErrnoException = new Error(`write failed (${status})`);
    error.errno = status;
    error.syscall = 'write';
    error.code = status === -32 ? 'EPIPE' : status === -104 ? 'ECONNRESET' : `ERRNO${-status}`;
    // Not from inside the caller's write: whoever writes must find its own state as it left it.
    process.nextTick(() => this.socket.destroy(error));
  }
}

function handleOf(socket: WireSocket): StreamHandle | null {
  return (socket as unknown as { readonly _handle: StreamHandle | null })._handle;
}
