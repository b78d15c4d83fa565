import { assert } from './assert.ts';

type OnRead = (this: StreamHandle, bytes: unknown) => unknown;
type StreamHandle = {
  onread: OnRead;
  /** Ours: what `net` itself had there, for the end of the stream and for errors. */
  ordinaryOnRead: OnRead;
  directOnBytes: OnBytes;
  reading: boolean;
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
};
type StreamBinding = { readonly streamBaseState: Int32Array; readonly kReadBytesOrError: number };

const binding = (process as unknown as { binding(name: 'stream_wrap'): StreamBinding }).binding('stream_wrap');
assert(binding.streamBaseState instanceof Int32Array, 'this Node has the stream binding: run the pinned one');
const { streamBaseState, kReadBytesOrError } = binding;

/**
 * `length` bytes stand at the start of the buffer that was given last. Returns the buffer for the next read; `undefined` =
 * the same again.
 */
export type OnBytes = (length: number) => Uint8Array | undefined;

/** One function for all sockets, so that the engine sees one call site. */
function onRead(this: StreamHandle, bytes: unknown): unknown {
  const length = streamBaseState[kReadBytesOrError] ?? 0;
  return length > 0 ? this.directOnBytes(length) : this.ordinaryOnRead(bytes);
}

/**
 * Reads one connected socket into buffers of its owner, past the stream and its events: see `direct-writer.ts` for why. The
 * end of the stream and errors take their usual way (`end`, `error`, `close`).
 */
export class DirectReader {
  private readonly handle: StreamHandle | null;
  private readonly socket: { readonly destroyed: boolean };

  constructor(socket: { readonly destroyed: boolean }, first: Uint8Array, onBytes: OnBytes) {
    const { _handle: handle } = socket as unknown as { readonly _handle: StreamHandle | null };
    this.socket = socket;
    this.handle = handle;
    // The peer may have gone between accept and now.
    if (handle === null) return;
    handle.ordinaryOnRead = handle.onread;
    handle.directOnBytes = onBytes;
    handle.onread = onRead;
    handle.useUserBuffer(first);
    this.resume();
  }

  pause(): void {
    const { handle } = this;
    if (handle === null || this.socket.destroyed) return;
    handle.reading = false;
    handle.readStop();
  }

  resume(): void {
    const { handle } = this;
    if (handle === null || this.socket.destroyed || handle.reading) return;
    handle.reading = true;
    handle.readStart();
  }
}
