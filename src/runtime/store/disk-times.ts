import type { Numbers } from '../../base/numbers.ts';
import { FLAG_STALE, N_EPOCH, N_FRESH_UNTIL, N_RESPONSE_TIME, N_USELESS_AFTER } from '../../cache/numbers.ts';

/**
 * An object's numbers tell times of the host's monotonic clock, which begins anew with each boot; on disk they are wall time.
 * `wallOffsetMs` is what must be added to host time to make wall time, now.
 */
export function numbersToDisk(numbers: Numbers, wallOffsetMs: number): Numbers {
  const wall = numbers.slice();
  shift(wall, wallOffsetMs);
  return wall;
}

export type RestoredNumbers = { readonly numbers: Numbers; readonly flags: number };

/**
 * The way back. A response that would have come in the future tells that the wall clock was set back meanwhile: then nobody
 * knows its age, and it is kept as stale. `isSameRun` false: its epoch means nothing here; 0 is before all that this process
 * has invalidated.
 */
export function numbersFromDisk(
  wall: Numbers,
  { wallOffsetMs, hostNowMs, isSameRun }: { readonly wallOffsetMs: number; readonly hostNowMs: number; readonly isSameRun: boolean },
): RestoredNumbers {
  const numbers = wall.slice();
  shift(numbers, -wallOffsetMs);
  if (!isSameRun) numbers[N_EPOCH] = 0;
  const aheadMs = (numbers[N_RESPONSE_TIME] ?? 0) - hostNowMs;
  if (aheadMs <= MAX_AHEAD_MS) return { numbers, flags: 0 };
  shift(numbers, -aheadMs);
  return { numbers, flags: FLAG_STALE };
}

/** Clocks that are slewed, and the rounding of the two readings, come to less. */
const MAX_AHEAD_MS = 1_000;

/** 0, Infinity and -Infinity mean "never" or "always" and stay. */
function shift(numbers: Numbers, ms: number): void {
  for (const at of [N_USELESS_AFTER, N_RESPONSE_TIME, N_FRESH_UNTIL]) {
    const time = numbers[at] ?? 0;
    if (Number.isFinite(time) && time !== 0) numbers[at] = time + ms;
  }
}
