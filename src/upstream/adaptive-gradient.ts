import type { AdaptiveConfig } from '../config/types.ts';
import { type AdaptiveLimit, clampLimit, type LimitWindow } from './adaptive-limit.ts';

/** Below this gradient the answers are too slow to go on by the base as it is: either there is a queue, or the upstream has changed. */
const LOST_GRADIENT = 0.7;
/** What a probe leaves of the limit at each step. */
const PROBE_SHARE = 0.5;
/** How fast the base follows answers that are faster, and how slowly those that are slower while the limit is not felt. */
const FALL_WEIGHT = 0.05;
const RISE_WEIGHT = 0.02;
const JITTER = 0.1;

/**
 * The limit follows the gradient (1 + headroom) × base / sample, where base is the response time without a queue: at the limit's
 * equilibrium answers take `headroom` longer than that, so that the upstream never starves and its queue stays short. As in Envoy
 * the limit becomes gradient × limit + √limit; but the root fades out towards the equilibrium, where it would be a standing queue.
 *
 * Envoy measures the base at a limit of 3, which costs most of the throughput. Here a probe halves the limit as long as that makes
 * answers faster; where it does not, there was no queue, and their time is the base. So a probe costs little, an upstream that became
 * ten times slower is told from one that has a queue, and it is not starved for it. A probe is made at the start, every
 * `recalculate`, and when the gradient falls below 0.7. While less than half of the limit is used every window measures the base,
 * and the limit stays as it is: it has not been tried.
 */
export class GradientLimit implements AdaptiveLimit {
  limit: number;
  baseMs = 0;
  readonly #config: AdaptiveConfig;
  readonly #random: () => number;
  /** Where the limit stood before it fell, and the sample there; 0 = none was taken. */
  #fromLimit: number;
  #fromMs = 0;
  #isProbing = true;
  /** The window before felt the limit too, so that this one did from its beginning. */
  #wasUsed = false;
  #nextProbeMs = 0;

  /** `random`: 0 to 1. */
  constructor(config: AdaptiveConfig, random: () => number) {
    this.#config = config;
    this.#random = random;
    this.limit = config.initialLimit;
    this.#fromLimit = config.initialLimit;
  }

  update(window: LimitWindow): void {
    // Without an answer there is nothing to go by.
    if (window.sampleMs === 0) return;
    const { isUsed } = window;
    if (!isUsed) this.#rest(window);
    else if (this.#isProbing && (this.#fromMs !== 0 || this.#wasUsed)) this.#probe(window);
    else if (!this.#isProbing) this.#follow(window);
    this.#wasUsed = isUsed;
  }

  /** The limit has not been felt: it stays, or comes back. What can be learned of the base is not sure, so a probe is left to come. */
  #rest({ sampleMs, nowMs }: LimitWindow): void {
    if (this.#isProbing) {
      const wasHalved = this.#fromMs !== 0;
      this.baseMs = sampleMs;
      this.limit = this.#fromLimit;
      this.#fromMs = 0;
      if (wasHalved) this.#endProbe(nowMs);
      return;
    }
    this.#lean(sampleMs);
    if (this.#gradientOf(sampleMs) < LOST_GRADIENT) this.#expectProbe();
  }

  #follow({ sampleMs, nowMs }: LimitWindow): void {
    if (sampleMs < this.baseMs) this.#lean(sampleMs);
    const gradient = this.#gradientOf(sampleMs);
    if (gradient < LOST_GRADIENT || nowMs >= this.#nextProbeMs) {
      this.#isProbing = true;
      this.#halve(sampleMs);
      return;
    }
    if (gradient >= 1) this.#anchor(sampleMs);
    const fading = Math.min(1, Math.max(0, (gradient - 1) / this.#config.headroom));
    this.limit = clampLimit(Math.min(2, gradient) * this.limit + Math.sqrt(this.limit) * fading, this.#config);
    // So far down by small steps is as good as halved: did it help?
    this.#isProbing = this.limit < this.#fromLimit * PROBE_SHARE;
  }

  #probe({ sampleMs, nowMs }: LimitWindow): void {
    const share = this.limit / this.#fromLimit;
    // Half of what a queue would have lost.
    const isFaster = this.#fromMs === 0 || sampleMs < (this.#fromMs * (1 + share)) / 2;
    if (isFaster && this.limit > this.#config.minLimit) {
      this.#halve(sampleMs);
      return;
    }
    this.baseMs = sampleMs;
    const gradient = this.#fromMs === 0 ? 1 : this.#gradientOf(this.#fromMs);
    this.limit = clampLimit(this.#fromLimit * Math.min(1, gradient), this.#config);
    this.#anchor(sampleMs);
    this.#endProbe(nowMs);
  }

  #gradientOf(sampleMs: number): number {
    return ((1 + this.#config.headroom) * this.baseMs) / sampleMs;
  }

  #lean(sampleMs: number): void {
    this.baseMs += (sampleMs - this.baseMs) * (sampleMs < this.baseMs ? FALL_WEIGHT : RISE_WEIGHT);
  }

  #halve(sampleMs: number): void {
    this.#anchor(sampleMs);
    this.limit = clampLimit(this.limit * PROBE_SHARE, this.#config);
  }

  #anchor(sampleMs: number): void {
    this.#fromLimit = this.limit;
    this.#fromMs = sampleMs;
  }

  /** As soon as the limit is felt. */
  #expectProbe(): void {
    this.#isProbing = true;
    this.#fromLimit = this.limit;
    this.#fromMs = 0;
  }

  #endProbe(nowMs: number): void {
    this.#isProbing = false;
    this.#nextProbeMs = nowMs + this.#config.recalculateMs * (1 + JITTER * this.#random());
  }
}
