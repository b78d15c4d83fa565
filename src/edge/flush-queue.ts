/** What has text to write at the end of the tick. */
export interface Flushable {
  flush(): void;
}

/**
 * Puts off writes to the end of the tick, so that head, body and end of an answer, or several chunks that came together,
 * leave in one system call. One tick callback for all connections of a worker, and no closure.
 */
export class FlushQueue {
  private readonly waiting: Flushable[] = [];
  private readonly run = (): void => this.flushAll();

  add(item: Flushable): void {
    if (this.waiting.push(item) === 1) setImmediate(this.run);
  }

  private flushAll(): void {
    const waiting = this.waiting;
    for (let i = 0; i < waiting.length; i++) waiting[i]?.flush();
    waiting.length = 0;
  }
}
