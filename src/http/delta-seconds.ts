/** What larger values count as (RFC 9111 1.2.2): 2^31 seconds, 68 years. */
export const MAX_DELTA_SEC = 2 ** 31;

/** `delta-seconds` (RFC 9111 1.2.2) of `text[start, end)`, capped; -1 unless it is one or more digits and nothing else. */
export function parseDeltaSeconds(text: string, start: number, end: number): number {
  if (start >= end) return -1;
  let seconds = 0;
  for (let i = start; i < end; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return -1;
    if (seconds < MAX_DELTA_SEC) seconds = seconds * 10 + digit;
  }
  return Math.min(seconds, MAX_DELTA_SEC);
}
