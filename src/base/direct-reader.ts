import { assert } from './assert.ts';

type StreamHandle = {
  onread: (this: StreamHandle, bytes: unknown) => unknown;
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
    const ordinary = handle.onread;
    handle.onread = function onread(bytes: unknown): unknown {
      const length = streamBaseState[kReadBytesOrError] ?? 0;
      return length > 0 ? onBytes(length) : ordinary.call(this, bytes);
    };
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
