import { copied } from '../base/copied.ts';
import { normaliseAcceptEncoding, normaliseAcceptLanguage } from './accept-encoding.ts';
import { type SelectingHead, valueAtOrigin } from './origin-value.ts';
import { isBlank, isToken } from './tokens.ts';

/** Matches no request, not even the one that it came with. */
export const VARY_ANY: readonly string[] = Object.freeze(['*']);
const VARY_NOTHING: readonly string[] = Object.freeze([]);

/**
 * The fields that `Vary` names, lower case, sorted, each once. `VARY_ANY` for `*` in any place (RFC 9110 12.5.5), and for a value
 * that has something else than names in it: what it depends on is then not known.
 */
export function parseVary(joined: string | undefined): readonly string[] {
  if (joined === undefined) return VARY_NOTHING;
  const names = new Set<string>();
  for (const member of joined.toLowerCase().split(',')) {
    const name = member.trim();
    if (name === '') continue;
    if (name === '*' || !isToken(name)) return VARY_ANY;
    names.add(name);
  }
  return names.size === 0 ? VARY_NOTHING : [...names].sort();
}

/** Fields that this gateway writes by the connection of whoever asks: by the client's words alone nobody can tell two values of them apart. */
export const BY_ADDRESS: ReadonlySet<string> = new Set(['x-forwarded-for', 'x-forwarded-port', 'x-real-ip', 'forwarded']);

/** Values that have been normalised, by field; forgotten when there are too many. Clients say few different things in these two. */
const MAX_REMEMBERED = 512;
/** A longer value counts as it stands: no honest client sends one, and taking it apart costs whoever shares the worker. */
const MAX_NORMALISED_CHARS = 1024;
const encodings = new Map<string, string>();
const languages = new Map<string, string>();

/** A request's value of a field that a response varies by, normalised as RFC 9111 4.1 allows. Absent is `''`; what is there begins with `=`. */
export function selectingValue(request: SelectingHead, lowerName: string): string {
  const value = valueAtOrigin(request, lowerName);
  if (value === undefined) return '';
  if (lowerName === 'accept-encoding') return remembered(encodings, value, normaliseAcceptEncoding);
  if (lowerName === 'accept-language') return remembered(languages, value, normaliseAcceptLanguage);
  return `=${value.includes(',') ? withoutBlanksAtCommas(value) : value}`;
}

function remembered(known: Map<string, string>, value: string, normalise: (value: string) => string): string {
  if (value.length > MAX_NORMALISED_CHARS) return `=${value}`;
  const before = known.get(value);
  if (before !== undefined) return before;
  const normalised = `=${normalise(value)}`;
  if (known.size === MAX_REMEMBERED) known.clear();
  known.set(copied(value), normalised);
  return normalised;
}

/** Whether the request has the values that `pairs` (name, `selectingValue`, flat) were made of. */
export function isSelected(pairs: readonly string[], request: SelectingHead): boolean {
  if (pairs[0] === '*') return false;
  for (let i = 0; i < pairs.length; i += 2) if (selectingValue(request, pairs[i] ?? '') !== pairs[i + 1]) return false;
  return true;
}

/** The pairs of a response with this Vary to this request. */
export function selectingPairs(vary: readonly string[], request: SelectingHead): readonly string[] {
  if (vary === VARY_ANY) return VARY_ANY;
  return vary.flatMap((name) => [name, selectingValue(request, name)]);
}

/** Members of a list as they stand, without what may or may not stand around their commas. What is quoted is left alone. */
function withoutBlanksAtCommas(value: string): string {
  return value.includes('"') ? value : value.split(',').map(withoutBlanks).join(',');
}

/** Not `trim`, which takes away bytes above 0x7f, too; and no expression, which would look at a run of blanks from each of them. */
function withoutBlanks(member: string): string {
  let start = 0;
  let end = member.length;
  while (start < end && isBlank(member.charCodeAt(start))) start++;
  while (end > start && isBlank(member.charCodeAt(end - 1))) end--;
  return member.slice(start, end);
}
