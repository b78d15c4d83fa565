import { applyDirective, type CacheControl, clearDirectives } from './cache-control.ts';
import { MAX_DELTA_SEC } from './delta-seconds.ts';
import { type Member, parseDictionary } from './structured-fields.ts';

/** Directives that say a number, and only that. */
const TIMED = new Set(['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error', 'max-stale', 'min-fresh']);

/**
 * A targeted field such as `CDN-Cache-Control` (RFC 9213): a dictionary. False, and `into` cleared, where it is as if it were not
 * there: it does not parse, is empty, or gives a time that is no whole number.
 */
export function parseTargetedCacheControl(value: string, into: CacheControl): boolean {
  clearDirectives(into);
  const members = parseDictionary(value);
  if (members === undefined || members.size === 0) return false;
  for (const [key, member] of members) {
    if (TIMED.has(key) ? !applyTime(into, key, member) : !applyOther(into, key, member)) {
      clearDirectives(into);
      return false;
    }
  }
  return true;
}

function applyTime(into: CacheControl, key: string, member: Member): boolean {
  if (member.kind !== 'integer') return false;
  applyDirective(into, key, member.value < 0 ? '' : String(Math.min(member.value, MAX_DELTA_SEC)));
  return true;
}

/** A directive that is there says what it says, unless it is false. */
function applyOther(into: CacheControl, key: string, member: Member): boolean {
  if (member.kind === 'boolean' && !member.value) return true;
  applyDirective(into, key, member.kind === 'string' || member.kind === 'token' ? member.value : undefined);
  return true;
}
