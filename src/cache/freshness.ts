import type { StoredView } from './stored.ts';

/** Current age in seconds, whole and rounded down (RFC 9111 section 4.2.3). */
export function currentAgeSec(numbers: Float64Array, hostNowMs: number): number {
  throw new Error(`pending: ${numbers.length} ${hostNowMs}`);
}

/** Whether it may be served without asking, as far as the response itself says. */
export function isFresh(stored: StoredView, hostNowMs: number): boolean {
  throw new Error(`pending: ${stored.bodyLength} ${hostNowMs}`);
}
