import { bad, good, type Parsed } from './problem.ts';

/**
 * Regular expressions in matches run on what strangers send, on the engine's backtracking matcher. So only those are accepted
 * whose worst case is small: this module bounds the number of ways in which an expression can try a text of at most
 * `MAX_REGEX_INPUT` characters, and refuses it where the bound is above `MAX_WAYS_LOG2`. It never accepts a dangerous one; it
 * may refuse a harmless one, and then says how to write it.
 *
 * Ways of a sequence multiply, ways of alternatives add, a repeated part has (its ways)^(repetitions) × (choices of the
 * count). A repetition costs nothing where the next part cannot begin with a character of the repeated one (`[0-9]+\.`).
 */
export const MAX_REGEX_INPUT = 256;
const MAX_REGEX_LENGTH = 256;
const MAX_WAYS_LOG2 = 17;
const INPUT_LOG2 = Math.log2(MAX_REGEX_INPUT);

/** An item of a sequence: its ways (log2), and the source of one character it always begins with, if it is one character. */
type Item = { readonly waysLog2: number; readonly single: string | undefined; readonly isEnd: boolean };
type Cursor = { readonly source: string; at: number; depth: number };
type Count = { readonly min: number; readonly max: number };

/** Whether `source` is a regular expression that may run on requests. Values longer than `MAX_REGEX_INPUT` must not be tried. */
export function parseRegex(source: string): Parsed<string> {
  if (source.length === 0 || source.length > MAX_REGEX_LENGTH) return bad(`must have 1 to ${MAX_REGEX_LENGTH} characters`);
  try {
    new RegExp(source);
  } catch (error) {
    return bad(error instanceof Error ? error.message : 'is not a regular expression');
  }
  if (/\\[1-9k]|\(\?(?!:)/.test(source)) return bad('must not use back references, look-around or named groups: they cannot be bounded');
  const cursor: Cursor = { source, at: 0, depth: 0 };
  const waysLog2 = alternatives(cursor) + (source.startsWith('^') ? 0 : INPUT_LOG2);
  if (cursor.at < source.length || waysLog2 > MAX_WAYS_LOG2) {
    return bad('could take too long on a hostile value', 'anchor it with ^, avoid nested repetitions, and use fewer of + and *');
  }
  return good(source);
}

function alternatives(cursor: Cursor): number {
  if (++cursor.depth > 32) return Number.POSITIVE_INFINITY;
  let ways = 0;
  let count = 0;
  do {
    ways += 2 ** sequence(cursor);
    count++;
  } while (take(cursor, '|'));
  cursor.depth--;
  // `^a|b` anchors only its first branch: as if it were not anchored at all.
  return Math.log2(ways) + (cursor.depth === 0 && count > 1 ? INPUT_LOG2 : 0);
}

function sequence(cursor: Cursor): number {
  const items: (Item & { readonly count: Count })[] = [];
  while (cursor.at < cursor.source.length && !'|)'.includes(cursor.source[cursor.at] ?? '')) {
    const item = atom(cursor);
    items.push({ ...item, count: quantifier(cursor) });
  }
  let waysLog2 = 0;
  for (const [i, item] of items.entries()) waysLog2 += repeated(item, items[i + 1]);
  return waysLog2;
}

function repeated(item: Item & { readonly count: Count }, next: (Item & { readonly count: Count }) | undefined): number {
  const { min, max } = item.count;
  const choices = Math.min(max, MAX_REGEX_INPUT) - min + 1;
  if (choices > 1 && item.single !== undefined && next !== undefined && isDisjoint(item.single, next)) return 0;
  return Math.log2(Math.max(1, choices)) + (item.waysLog2 === 0 ? 0 : item.waysLog2 * Math.min(max, MAX_REGEX_INPUT));
}

function isDisjoint(single: string, next: Item & { readonly count: Count }): boolean {
  if (next.isEnd) return true;
  if (next.single === undefined || next.count.min === 0) return false;
  const first = new RegExp(`^${single}$`, 's');
  const second = new RegExp(`^${next.single}$`, 's');
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    if (first.test(character) && second.test(character)) return false;
  }
  return true;
}

/** One atom: an assertion, a group, a class, an escape, or a character. The source has compiled, so it is well formed. */
function atom(cursor: Cursor): Item {
  const { source } = cursor;
  const start = cursor.at;
  const first = source[cursor.at++] ?? '';
  if (first === '^' || first === '$') return { waysLog2: 0, single: undefined, isEnd: first === '$' };
  if (first === '(') return group(cursor);
  if (first === '[') skipClass(cursor);
  if (first === '\\') {
    const escaped = /^(?:x[0-9a-f]{2}|u[0-9a-f]{4}|c[a-z]|.)/i.exec(source.slice(cursor.at))?.[0] ?? '';
    cursor.at += escaped.length;
    if (escaped === 'b' || escaped === 'B') return { waysLog2: 0, single: undefined, isEnd: false };
  }
  return { waysLog2: 0, single: source.slice(start, cursor.at), isEnd: false };
}

function group(cursor: Cursor): Item {
  if (cursor.source.startsWith('?:', cursor.at)) cursor.at += 2;
  const waysLog2 = alternatives(cursor);
  take(cursor, ')');
  return { waysLog2, single: undefined, isEnd: false };
}

function skipClass(cursor: Cursor): void {
  while (cursor.at < cursor.source.length && cursor.source[cursor.at] !== ']') cursor.at += cursor.source[cursor.at] === '\\' ? 2 : 1;
  cursor.at++;
}

function quantifier(cursor: Cursor): Count {
  const text = /^(?:[*+?]|\{\d+(?:,\d*)?\})/.exec(cursor.source.slice(cursor.at))?.[0];
  if (text === undefined) return { min: 1, max: 1 };
  cursor.at += text.length;
  take(cursor, '?');
  if (text === '*') return { min: 0, max: Number.POSITIVE_INFINITY };
  if (text === '+') return { min: 1, max: Number.POSITIVE_INFINITY };
  if (text === '?') return { min: 0, max: 1 };
  const [min = '', max = min] = text.slice(1, -1).split(',');
  return { min: Number(min), max: max === '' ? Number.POSITIVE_INFINITY : Number(max) };
}

function take(cursor: Cursor, character: string): boolean {
  if (cursor.source[cursor.at] !== character) return false;
  cursor.at++;
  return true;
}
