import { formatWeightedList, parseWeightedList } from './weighted-list.ts';

/**
 * One text for all ways to say the same in `Accept-Encoding` (RFC 9110 12.5.3): case, order, blanks and the old aliases do not
 * matter, and a coding that is refused is as one that is not named, unless `*` would accept it. What is not such a list stays.
 */
export function normaliseAcceptEncoding(value: string): string {
  const members = parseWeightedList(value);
  if (members === undefined) return value;
  const hasWildcard = members.some(({ name }) => name === '*');
  const kept = members.filter(({ name, weight }) => weight > 0 || hasWildcard || name === 'identity');
  const unaliased = kept.map((member) => ({ ...member, name: ALIASES[member.name] ?? member.name }));
  const seen = new Set<string>();
  return formatWeightedList(unaliased.filter(({ name }) => !seen.has(name) && seen.add(name)));
}

/** RFC 9110 8.4.1.1 and 8.4.1.3: equivalent. */
const ALIASES: Readonly<Record<string, string>> = { 'x-gzip': 'gzip', 'x-compress': 'compress' };

/** The same for `Accept-Language`: tags are compared in any case (RFC 4647), and those of one weight have no order. */
export function normaliseAcceptLanguage(value: string): string {
  const members = parseWeightedList(value);
  return members === undefined ? value : formatWeightedList(members);
}
