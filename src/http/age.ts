import { parseDeltaSeconds } from './delta-seconds.ts';

/**
 * Seconds in an `Age` field (RFC 9111 5.1), -1 if it has none that can be read. Of a list or of several lines the first member
 * counts and the others do not, as 5.1 says; what is not a whole number of seconds is as if it were not there.
 */
export function parseAge(joined: string | undefined): number {
  if (joined === undefined) return -1;
  const comma = joined.indexOf(',');
  const first = (comma < 0 ? joined : joined.slice(0, comma)).trim();
  return parseDeltaSeconds(first, 0, first.length);
}
