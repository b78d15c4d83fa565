/**
 * The lowest rate at which a flow may go, judged over one window of `afterMs` after the other. It stands in for a total
 * deadline, which would kill a slow but honest transfer. Time in which the flow may not go on does not count: the owner
 * calls `restart` then.
 */
export class MinRate {
  readonly isOn: boolean;
  private readonly bytesPerSec: number;
  private readonly afterMs: number;
  private windowStartMs = 0;
  private windowStartBytes = 0;

  constructor(bytesPerSec: number, afterMs: number) {
    this.isOn = bytesPerSec > 0;
    this.bytesPerSec = bytesPerSec;
    this.afterMs = afterMs;
  }

  /** The next look begins a window. */
  restart(): void {
    this.windowStartMs = 0;
  }

  /** `bytes`: how many have moved since ever. True when a whole window passed with too few. */
  isBelow(nowMs: number, bytes: number): boolean {
    if (this.windowStartMs === 0) {
      this.startWindow(nowMs, bytes);
      return false;
    }
    const elapsedMs = nowMs - this.windowStartMs;
    if (elapsedMs < this.afterMs) return false;
    const moved = bytes - this.windowStartBytes;
    this.startWindow(nowMs, bytes);
    return moved * 1000 < this.bytesPerSec * elapsedMs;
  }

  private startWindow(nowMs: number, bytes: number): void {
    this.windowStartMs = nowMs;
    this.windowStartBytes = bytes;
  }
}
