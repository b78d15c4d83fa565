import { createLimitTable } from '../../../src/shm/limit-memory.ts';
import { LimitTable } from '../../../src/shm/limit-table.ts';
import type { RollingLimit } from '../../../src/shm/rolling-limit.ts';
import { SEED } from './store-fixture.ts';

export const SMALL_TABLE_BYTES = 256 * 1024;

/** A table with all its participants in this thread. */
export function makeLimits(bytes = SMALL_TABLE_BYTES, participants = 1): LimitTable[] {
  const memory = createLimitTable({ bytes, seed: SEED });
  return Array.from({ length: participants }, (_, self) => new LimitTable(memory, self));
}

export function bucketOf(amount: number, windowMs: number, burst = amount): RollingLimit {
  return { algorithm: 'token-bucket', amount, windowMs, burst };
}

export function windowOf(amount: number, windowMs: number): RollingLimit {
  return { algorithm: 'sliding-window', amount, windowMs, burst: amount };
}

/** Two words for a number, far apart for numbers that are near each other. */
export function wordsOf(key: number): { readonly low: number; readonly high: number } {
  const low = Math.imul(key + 1, 0x9e3779b1) ^ (key << 7);
  return { low: low | 0, high: Math.imul(low ^ (low >>> 13), 0x85ebca6b) | 0 };
}

/** A token bucket as in a textbook. */
export class PlainBucket {
  readonly #limit: RollingLimit;
  #tokens: number;
  #lastMs = 0;

  constructor(limit: RollingLimit) {
    this.#limit = limit;
    this.#tokens = limit.burst;
  }

  tokensAt(nowMs: number): number {
    const { amount, windowMs, burst } = this.#limit;
    this.#tokens = Math.min(burst, this.#tokens + ((nowMs - this.#lastMs) * amount) / windowMs);
    this.#lastMs = nowMs;
    return this.#tokens;
  }

  take(nowMs: number, cost: number): boolean {
    if (this.tokensAt(nowMs) < cost) return false;
    this.#tokens -= cost;
    return true;
  }

  move(nowMs: number, cost: number): void {
    const { burst } = this.#limit;
    const before = this.tokensAt(nowMs);
    this.#tokens = Math.min(burst, Math.max(before - cost, Math.min(before, -burst)));
  }
}

/** A sliding window of two counts. */
export class PlainWindow {
  readonly #limit: RollingLimit;
  #window = -2;
  #current = 0;
  #before = 0;

  constructor(limit: RollingLimit) {
    this.#limit = limit;
  }

  countedAt(nowMs: number): number {
    const windows = nowMs / this.#limit.windowMs;
    const window = Math.floor(windows);
    if (window !== this.#window) {
      this.#before = window === this.#window + 1 ? this.#current : 0;
      this.#current = 0;
      this.#window = window;
    }
    return this.#current + this.#before * (1 - (windows - window));
  }

  take(nowMs: number, cost: number): boolean {
    if (this.countedAt(nowMs) + cost > this.#limit.amount) return false;
    this.#current += cost;
    return true;
  }

  move(nowMs: number, cost: number): void {
    this.countedAt(nowMs);
    this.#current = Math.max(0, Math.min(this.#current + cost, Math.max(2 * this.#limit.amount, this.#current)));
  }
}
