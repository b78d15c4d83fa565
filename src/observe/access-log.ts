import { Buffer } from 'node:buffer';
import { assert } from '../base/assert.ts';
import { AccessLineFormat, MAX_LINE_BYTES } from './access-line.ts';
import type { AccessRecord } from './access-record.ts';

export type AccessLogOptions = {
  /** Size of one buffer; at least `MAX_LINE_BYTES`. */
  readonly bufferBytes: number;
  /** Memory of all buffers, filled, waiting and being written. When it is used up, records are dropped. */
  readonly maxQueuedBytes: number;
  /** Told of every record that is dropped, to count it. */
  readonly onDrop: () => void;
  /** Runs `flush` later in this turn of the loop: `setImmediate`. */
  readonly schedule: (flush: () => void) => void;
};

export const ACCESS_LOG_DEFAULTS = Object.freeze({ bufferBytes: 128 * 1024, maxQueuedBytes: 4 * 1024 * 1024 });

/** Free buffers that are kept; those of a burst go back to the collector. */
const MAX_FREE = 4;

/** One piece of memory that lines are written to from front to back, and handed out from in chunks. */
class LogBuffer {
  readonly bytes: Buffer;
  /** Lines end here. */
  filled = 0;
  /** Handed out up to here. */
  handed = 0;
  /** Chunks that were handed out and not yet given back. */
  chunksOut = 0;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
}

/**
 * The access log of one worker. Lines go into a buffer; what a turn of the loop has gathered is handed to `write` in one
 * chunk at its end, or earlier when the buffer is full. `write` may take its time, but must give every chunk back with
 * `onWritten`, after which its bytes are used anew. Whole lines only, so that writers that append do not mix theirs.
 *
 * Bound: the buffers' memory. A disk that is too slow costs records, which are counted, never requests.
 */
export class AccessLog {
  droppedTotal = 0;
  readonly #write: (chunk: Uint8Array) => void;
  readonly #options: AccessLogOptions;
  readonly #lines = new AccessLineFormat();
  readonly #flushOnSchedule: () => void;
  readonly #maxBuffers: number;
  /** Being filled. */
  #current: LogBuffer | undefined;
  /** No longer filled; some of their chunks are out. At most `#maxBuffers`, so a search by hand is quick enough. */
  readonly #waiting: LogBuffer[] = [];
  readonly #free: LogBuffer[] = [];
  #isScheduled = false;

  constructor(write: (chunk: Uint8Array) => void, options: AccessLogOptions) {
    assert(options.bufferBytes >= MAX_LINE_BYTES, 'a buffer of the access log holds the longest line');
    this.#write = write;
    this.#options = options;
    this.#maxBuffers = Math.max(1, Math.floor(options.maxQueuedBytes / options.bufferBytes));
    this.#flushOnSchedule = () => {
      this.#isScheduled = false;
      this.flush();
    };
  }

  /** Logs a record, which may be reused at once; or drops it. */
  write(record: AccessRecord): void {
    const line = this.#lines.format(record);
    const buffer = this.#bufferFor(line.length);
    if (buffer === undefined) {
      this.droppedTotal += 1;
      this.#options.onDrop();
      return;
    }
    buffer.filled += buffer.bytes.write(line, buffer.filled, 'latin1');
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#options.schedule(this.#flushOnSchedule);
  }

  /** Hands out what has been gathered. */
  flush(): void {
    if (this.#current !== undefined) this.#hand(this.#current);
  }

  /** A chunk is written (or given up): its memory may be used again. */
  onWritten(chunk: Uint8Array): void {
    const buffer = this.#ownerOf(chunk);
    assert(buffer !== undefined && buffer.chunksOut > 0, 'a chunk that is given back was handed out');
    buffer.chunksOut -= 1;
    if (buffer.chunksOut > 0) return;
    if (buffer === this.#current) {
      if (buffer.handed === buffer.filled) rewind(buffer);
      return;
    }
    this.#waiting.splice(this.#waiting.indexOf(buffer), 1);
    rewind(buffer);
    if (this.#free.length < MAX_FREE) this.#free.push(buffer);
  }

  /** 0 when every line has been written and given back; for a drain to wait for. Else an upper bound of what is still to write. */
  get unwrittenBytes(): number {
    let bytes = 0;
    for (const buffer of this.#waiting) bytes += buffer.filled;
    if (this.#current !== undefined) bytes += this.#current.filled;
    return bytes;
  }

  #bufferFor(bytes: number): LogBuffer | undefined {
    const current = this.#current;
    if (current !== undefined && this.#options.bufferBytes - current.filled >= bytes) return current;
    if (current !== undefined) this.#retire(current);
    this.#current = this.#free.pop() ?? this.#allocate();
    return this.#current;
  }

  #retire(buffer: LogBuffer): void {
    // Before it is handed out: `write` may be synchronous, and give the chunk back at once.
    this.#current = undefined;
    this.#waiting.push(buffer);
    this.#hand(buffer);
  }

  #allocate(): LogBuffer | undefined {
    if (this.#waiting.length >= this.#maxBuffers) return undefined;
    return new LogBuffer(Buffer.allocUnsafeSlow(this.#options.bufferBytes));
  }

  #hand(buffer: LogBuffer): void {
    if (buffer.handed === buffer.filled) return;
    const chunk = buffer.bytes.subarray(buffer.handed, buffer.filled);
    buffer.handed = buffer.filled;
    buffer.chunksOut += 1;
    this.#write(chunk);
  }

  #ownerOf(chunk: Uint8Array): LogBuffer | undefined {
    if (this.#current?.bytes.buffer === chunk.buffer) return this.#current;
    return this.#waiting.find((buffer) => buffer.bytes.buffer === chunk.buffer);
  }
}

function rewind(buffer: LogBuffer): void {
  buffer.filled = 0;
  buffer.handed = 0;
}
