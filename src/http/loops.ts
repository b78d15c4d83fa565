import { fieldValueOfKind } from './fields.ts';
import { FIELD_CDN_LOOP, FIELD_VIA } from './known-fields.ts';
import { hasField, type RequestHead } from './request-head.ts';
import { isBlank } from './tokens.ts';

/**
 * The pseudonym of this gateway in `Via` and `CDN-Loop`: the configured name and a token of this host's run, so that two
 * gateways of the same name in one chain are no loop. Both must be tokens.
 */
export function viaPseudonym(serverName: string, runToken: string): string {
  return `${serverName}-${runToken}`;
}

/** Whether the request has passed this gateway before: `Via` (RFC 9110 7.6.3) or `CDN-Loop` (RFC 8586) has its pseudonym. */
export function isLoop(head: RequestHead, pseudonym: string): boolean {
  if (!hasField(head, FIELD_VIA) && !hasField(head, FIELD_CDN_LOOP)) return false;
  const lower = pseudonym.toLowerCase();
  const via = fieldValueOfKind(head, FIELD_VIA);
  if (via !== undefined && receivers(via).includes(lower)) return true;
  const cdnLoop = fieldValueOfKind(head, FIELD_CDN_LOOP);
  return cdnLoop?.split(',').some((member) => member.split(';', 1)[0]?.trim().toLowerCase() === lower) ?? false;
}

/** The received-by of each member of a `Via` value, lower case. Comments in parentheses may hold commas. */
function receivers(via: string): string[] {
  const names: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i <= via.length; i++) {
    const character = via[i];
    if (depth > 0 && character === '\\') i++;
    else if (character === '(') depth++;
    else if (character === ')') depth = Math.max(0, depth - 1);
    if (i >= via.length || (depth === 0 && character === ',')) {
      names.push(receivedBy(via, start, i));
      start = i + 1;
    }
  }
  return names;
}

/** The second word of `text[start, end)`. */
function receivedBy(text: string, start: number, end: number): string {
  let at = start;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  while (at < end && !isBlank(text.charCodeAt(at))) at++;
  while (at < end && isBlank(text.charCodeAt(at))) at++;
  let last = at;
  while (last < end && !isBlank(text.charCodeAt(last)) && text[last] !== '(') last++;
  return text.slice(at, last).toLowerCase();
}
