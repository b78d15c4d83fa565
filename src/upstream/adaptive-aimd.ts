import type { AdaptiveConfig } from '../config/types.ts';
import { type AdaptiveLimit, clampLimit, type LimitWindow } from './adaptive-limit.ts';

/** With more of the attempts failed the upstream is taken for overloaded, however fast the others were. */
const MAX_FAILED_SHARE = 0.1;

/** Additive increase, multiplicative decrease: one more after a window within `targetMs`, a share less after one beyond it. */
export class AimdLimit implements AdaptiveLimit {
  readonly baseMs = 0;
  limit: number;
  readonly #config: AdaptiveConfig;

  constructor(config: AdaptiveConfig) {
    this.#config = config;
    this.limit = config.initialLimit;
  }

  update({ sampleMs, isUsed, failedShare }: LimitWindow): void {
    const { targetMs, backoff } = this.#config;
    if (sampleMs > targetMs || failedShare > MAX_FAILED_SHARE) this.limit = clampLimit(this.limit * backoff, this.#config);
    else if (isUsed) this.limit = clampLimit(this.limit + 1, this.#config);
  }
}
