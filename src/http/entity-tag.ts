import { isBlank } from './tokens.ts';

const QUOTE = 34;
const COMMA = 44;

/** Whether a tag may be compared strongly (RFC 9110 8.8.3): quoted and not weak. */
export function isStrongTag(tag: string): boolean {
  return tag.length >= 2 && tag.charCodeAt(0) === QUOTE && tag.indexOf('"', 1) === tag.length - 1;
}

/** RFC 9110 8.8.3.2: both strong, and the same. */
export function isStrongMatch(a: string, b: string): boolean {
  return a === b && isStrongTag(a);
}

/** The same opaque tag, weak or not. Tags that are not well formed match when they are written alike. */
export function isWeakMatch(a: string, b: string): boolean {
  return opaquePart(a) === opaquePart(b);
}

/** Whether `*`, or one of the tags in the list of an If-None-Match or If-Match, is the tag. `tag` `''` = the response has none. */
export function listHasTag(list: string, tag: string, isMatch: (a: string, b: string) => boolean): boolean {
  if (list.trim() === '*') return true;
  if (tag === '') return false;
  let at = 0;
  while (at < list.length) {
    const code = list.charCodeAt(at);
    if (code === COMMA || isBlank(code)) {
      at++;
      continue;
    }
    const end = endOfTag(list, at);
    if (isMatch(list.slice(at, end).trimEnd(), tag)) return true;
    at = end;
  }
  return false;
}

/** A quoted tag may have commas in it; what is not quoted ends at the next one. */
function endOfTag(list: string, start: number): number {
  const open = list.startsWith('W/"', start) ? start + 2 : start;
  if (list.charCodeAt(open) === QUOTE) {
    const close = list.indexOf('"', open + 1);
    return close < 0 ? list.length : close + 1;
  }
  const comma = list.indexOf(',', start);
  return comma < 0 ? list.length : comma;
}

function opaquePart(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag;
}
