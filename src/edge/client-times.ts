import type { Clock } from '../base/clock.ts';
import type { ListenerConfig } from '../config/types.ts';
import { MinRate } from '../base/min-rate.ts';

/** How long what still comes after the last answer is read and thrown away. */
const LINGER_MS = 2000;
/** Without a request for so long, a connection rests: what only a busy one needs can be given back. */
const REST_MS = 1000;
const NEVER_MS = 0;

/** What one client connection waits for, and until when. Arming is a store; the sweep of the worker does the looking. */
export class ClientTimes {
  private readonly config: ListenerConfig;
  private readonly clock: Clock;
  private readonly minRate: MinRate;
  private deadlineMs = NEVER_MS;
  private restsFromMs = 0;
  private isHeadAwaited = false;

  constructor(config: ListenerConfig, clock: Clock) {
    this.config = config;
    this.clock = clock;
    this.minRate = new MinRate(config.minRateBytesPerSec, config.minRateAfterMs);
    this.awaitRequest();
  }

  awaitRequest(): void {
    this.deadlineMs = this.clock.nowMs + this.config.timeouts.keepAliveMs;
    this.restsFromMs = this.clock.nowMs + REST_MS;
    this.isHeadAwaited = false;
  }

  /** Counts from the first time on: what seems to begin may be one empty line after the other. */
  awaitHead(): void {
    if (this.isHeadAwaited) return;
    this.isHeadAwaited = true;
    this.deadlineMs = this.clock.nowMs + this.config.timeouts.headMs;
  }

  /** The next bytes of a body, in either direction. */
  awaitBody(): void {
    this.deadlineMs = this.clock.nowMs + this.config.timeouts.idleMs;
  }

  /** That the client takes what waits for it of an answer that is over for us. */
  awaitDelivery(): void {
    this.deadlineMs = this.clock.nowMs + Math.max(this.config.timeouts.idleMs, LINGER_MS);
  }

  awaitClose(): void {
    this.deadlineMs = this.clock.nowMs + LINGER_MS;
  }

  /** It is not the client's turn. */
  awaitNothing(): void {
    this.deadlineMs = NEVER_MS;
  }

  /** `movedBytes`: what the client has sent or taken since ever, where it is its turn to do so; -1 where it is not. */
  judge(nowMs: number, movedBytes: number): 'due' | 'too-slow' | undefined {
    if (this.deadlineMs !== NEVER_MS && nowMs >= this.deadlineMs) {
      this.deadlineMs = NEVER_MS;
      return 'due';
    }
    if (!this.minRate.isOn) return undefined;
    if (movedBytes >= 0) return this.minRate.isBelow(nowMs, movedBytes) ? 'too-slow' : undefined;
    this.minRate.restart();
    return undefined;
  }

  /** Another request, whose bytes are counted from 0. */
  restart(): void {
    this.deadlineMs = NEVER_MS;
    this.minRate.restart();
  }

  isResting(nowMs: number): boolean {
    return nowMs > this.restsFromMs;
  }
}
