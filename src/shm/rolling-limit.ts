import { assert } from '../base/assert.ts';

/** A limit in rolling time. A token bucket admits `amount` a window and up to `burst` at once; a sliding window takes no `burst`. */
export type RollingLimit = {
  readonly algorithm: 'token-bucket' | 'sliding-window';
  /** Tokens a window, 1..1e9. */
  readonly amount: number;
  /** 1..3.2e9 ms (37 days); a sliding window has at least `MIN_SLIDING_WINDOW_MS`. */
  readonly windowMs: number;
  /** Size of the bucket in tokens, 1..1e9 (more than 800 million count as 800 million). */
  readonly burst: number;
};

/**
 * A limit in the numbers that a decision needs. Tokens and time of a bucket are counted in *units* of the limit's own: even
 * whole numbers for tokens, so that their arithmetic is exact, and as many of them a ms as flow into the bucket in a ms. Tokens of a
 * sliding window are counted in whole numbers.
 */
export type CompiledLimit = {
  readonly isWindow: boolean;
  readonly windowMs: number;
  /** What the units of two limits have in common if they can share a cell; never 0. */
  readonly salt: number;
  readonly unitsPerToken: number;
  /** Of a call that costs one token. */
  readonly unitsOfOne: number;
  readonly unitsPerMs: number;
  /** What a unit takes in units of `COARSE_MS`. */
  readonly coarsePerUnit: number;
  /** Units of a full bucket, or of a window. */
  readonly capacity: number;
  /** No charge makes a cell be kept for longer than this from its moment on, in units of `COARSE_MS`. */
  readonly mostKept: number;
  /** Debts end here: units ahead of now. */
  readonly maxAhead: number;
  /** Whole tokens of a full bucket, or of a window. */
  readonly tokens: number;
};

export const MAX_AMOUNT = 1e9;
export const MAX_WINDOW_MS = 3.2e9;
/**
 * A window's number is kept in 5 bits. Cells are kept for up to half a second longer than their windows count, and clocks may be late by
 * as much before they are noticed to be (`LimitCell`): 16 windows have to be more than that.
 */
export const MIN_SLIDING_WINDOW_MS = 100;

/**
 * Times of a bucket are 32 bits of units and lie at most so far ahead of now; for a thread with a late clock up to `mostKept`, which is 9/8 of
 * it and half a second. As far behind one may lie until it is not looked at any more (`LimitCell`). Both are less than 2^31.
 */
export const MAX_AHEAD = 0x6000_0000;
/** A full bucket has about so many units, and no fewer than two a token. */
const WANTED_CAPACITY = 2 ** 27;
/** Finer than this (15 ns) time is not cut: 2^32 units are a minute. */
const MAX_UNITS_PER_MS = 2 ** 16;
/** Beyond what a bucket or window needs a cell is kept for an eighth of it (what a clock is late counts too), and so many units of `COARSE_MS`. */
const KEPT_BEYOND = 5;
const WINDOWS_KEPT = 8;
/** Host time at which a key is forgotten is kept in these units. 2^32 of them are 13 years; they are compared by difference. */
export const COARSE_MS = 100;
/** Nothing is kept for longer than this, three years: a bucket that has idled for so long is full. */
export const MAX_KEPT = 2 ** 30;
/** Counts of a sliding window have 26 bits. */
export const MAX_COUNT = 2 ** 26 - 1;

/** Throws when the limit is out of bounds. */
export function compileLimit(limit: RollingLimit): CompiledLimit {
  const { algorithm, amount, windowMs, burst } = limit;
  assert(amount >= 1 && amount <= MAX_AMOUNT, `a limit has 1 to ${MAX_AMOUNT} tokens a window`);
  assert(windowMs >= 1 && windowMs <= MAX_WINDOW_MS, `a window has 1 to ${MAX_WINDOW_MS} ms`);
  return algorithm === 'sliding-window' ? compileWindow(amount, windowMs) : compileBucket(limit, burst);
}

function compileBucket(limit: RollingLimit, burst: number): CompiledLimit {
  assert(burst >= 1 && burst <= MAX_AMOUNT, `a bucket holds 1 to ${MAX_AMOUNT} tokens`);
  const tokensPerMs = limit.amount / limit.windowMs;
  const finest = MAX_UNITS_PER_MS / tokensPerMs;
  // Whole and even where it can be, which is up to 33 million tokens a second. Above that a token counts for more than it is.
  const unitsPerToken = finest < 2 ? finest : Math.floor(Math.max(2, Math.min(WANTED_CAPACITY / burst, finest)) / 2) * 2;
  const unitsPerMs = tokensPerMs * unitsPerToken;
  const capacity = Math.max(2, Math.min(Math.floor(burst * unitsPerToken), MAX_AHEAD));
  return Object.freeze({
    isWindow: false,
    windowMs: limit.windowMs,
    salt: saltOf(limit.amount, limit.windowMs, burst),
    unitsPerToken,
    unitsOfOne: roundUnits(unitsPerToken),
    unitsPerMs,
    coarsePerUnit: 1 / unitsPerMs / COARSE_MS,
    capacity,
    mostKept: Math.ceil(Math.min(MAX_AHEAD / unitsPerMs / COARSE_MS, MAX_KEPT) * 1.125) + KEPT_BEYOND,
    maxAhead: Math.min(2 * capacity, MAX_AHEAD),
    tokens: burst,
  });
}

function compileWindow(amount: number, windowMs: number): CompiledLimit {
  assert(windowMs >= MIN_SLIDING_WINDOW_MS, `a sliding window has at least ${MIN_SLIDING_WINDOW_MS} ms`);
  const tokensPerUnit = Math.ceil(amount / (MAX_COUNT / 2));
  const capacity = Math.floor(amount / tokensPerUnit);
  return Object.freeze({
    isWindow: true,
    windowMs,
    salt: saltOf(amount, windowMs, 0),
    unitsPerToken: 1 / tokensPerUnit,
    unitsOfOne: 1,
    unitsPerMs: capacity / windowMs,
    coarsePerUnit: 0,
    capacity,
    mostKept: Math.ceil((WINDOWS_KEPT * windowMs) / COARSE_MS) + KEPT_BEYOND,
    maxAhead: 2 * capacity,
    tokens: amount,
  });
}

/** Tokens as units: rounded up to an even number, so that nothing is given away. */
export function bucketUnits(limit: CompiledLimit, tokens: number): number {
  return roundUnits(tokens * limit.unitsPerToken);
}

function roundUnits(units: number): number {
  return Math.ceil(units / 2) * 2;
}

export function windowUnits(limit: CompiledLimit, tokens: number): number {
  return Math.ceil(tokens * limit.unitsPerToken);
}

function saltOf(...numbers: readonly number[]): number {
  const words = new Int32Array(new Float64Array(numbers).buffer);
  let salt = 0x2545f491;
  for (const word of words) {
    salt = Math.imul(salt ^ word, 0x9e3779b1);
    salt ^= salt >>> 15;
  }
  return salt === 0 ? 1 : salt;
}
