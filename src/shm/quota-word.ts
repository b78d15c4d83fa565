/**
 * A quota in 64 bits: the window's begin in whole minutes (26 bits, up to the year 2097) and what was used in it (38 bits). One word, so
 * that a window is left for the next one and charged there in one swap.
 */
const USED_BITS = 38n;
const USED_MASK = 2n ** USED_BITS - 1n;
export const MAX_USED = Number(USED_MASK);
const MAX_MINUTE = 2 ** 26 - 1;
const SECONDS = 60;

/** `used` is cut to 0..`MAX_USED` and to a whole number. */
export function packQuota(startSec: number, used: number): bigint {
  const minute = Math.min(MAX_MINUTE, Math.max(0, Math.floor(startSec / SECONDS)));
  return (BigInt(minute) << USED_BITS) | BigInt(Math.floor(Math.min(MAX_USED, Math.max(0, used))));
}

export function quotaStartSec(word: bigint): number {
  return Number(word >> USED_BITS) * SECONDS;
}

export function quotaUsed(word: bigint): number {
  return Number(word & USED_MASK);
}
