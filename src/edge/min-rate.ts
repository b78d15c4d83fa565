/**
 * The lowest rate at which a peer may send or take a body, judged over windows of `afterMs`. It stands in for a total
 * deadline, which would kill a slow but honest upload. Time in which we do not let the peer go on does not count: the
 * owner calls `restart` then.
 */
export class MinRate {
  readonly isOn: boolean;
  private readonly bytesPerWindow: number;
  private readonly afterMs: number;
  private windowStartMs = 0;
  private windowStartBytes = 0;

  constructor(bytesPerSec: number, afterMs: number) {
    this.isOn = bytesPerSec > 0;
    this.afterMs = afterMs;
    this.bytesPerWindow = (bytesPerSec * afterMs) / 1000;
  }

  restart(): void {
    this.windowStartMs = 0;
  }

  /** `bytes`: how many have moved since ever. True when a whole window passed with too few. */
  isBelow(nowMs: number, bytes: number): boolean {
    if (this.windowStartMs === 0) {
      this.startWindow(nowMs, bytes);
      return false;
    }
    if (nowMs - this.windowStartMs < this.afterMs) return false;
    const moved = bytes - this.windowStartBytes;
    this.startWindow(nowMs, bytes);
    return moved < this.bytesPerWindow;
  }

  private startWindow(nowMs: number, bytes: number): void {
    this.windowStartMs = nowMs;
    this.windowStartBytes = bytes;
  }
}
