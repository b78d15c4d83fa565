import { bad, good, type Parsed } from './problem.ts';

/**
 * Regular expressions in matches run on what strangers send, on the engine's backtracking matcher. So only those are accepted
 * whose worst case is small: this module bounds the steps that an expression can take on a text of at most `MAX_REGEX_INPUT`
 * characters, and refuses it above `MAX_STEPS_LOG2`. It never accepts a dangerous one; it may refuse a harmless one, and then
 * says how to write it.
 *
 * Counted are ways (how often the matcher can come past a place) and steps (ways to a place × what is tried there). Ways of a
 * sequence multiply, those of alternatives add, a repeated part has (its ways)^(repetitions) × (choices of the count). A
 * repetition leaves one way only where the next part cannot begin with a character of the repeated one (`[0-9]+\.`).
 */
export const MAX_REGEX_INPUT = 256;
const MAX_REGEX_LENGTH = 256;
const MAX_STEPS_LOG2 = 17;
const INPUT_LOG2 = Math.log2(MAX_REGEX_INPUT);

type Cost = { readonly waysLog2: number; readonly stepsLog2: number };
/** An item of a sequence; `single` is the source of the one character that it is, if it is one. */
type Atom = Cost & { readonly single: string | undefined; readonly isEnd: boolean };
type Count = { readonly min: number; readonly max: number };
type Item = Atom & { readonly count: Count };
type Cursor = { readonly source: string; at: number; depth: number };

const NO_COST: Cost = { waysLog2: 0, stepsLog2: 0 };

/** Whether `source` is a regular expression that may run on requests. Values longer than `MAX_REGEX_INPUT` must not be tried. */
export function parseRegex(source: string): Parsed<string> {
  if (source.length === 0 || source.length > MAX_REGEX_LENGTH) return bad(`must have 1 to ${MAX_REGEX_LENGTH} characters`);
  // Values are bytes as latin1; what is one character here would be several there, and the reckoning below would be of another one.
  if (!/^[\x20-\x7e]+$/.test(source)) return bad('must hold ASCII characters only', 'write the bytes of others as \\xNN');
  try {
    // Tried here, because the matcher compiles late and would throw "too large" at a request.
    new RegExp(source).test('');
  } catch (error) {
    return bad(error instanceof Error ? error.message : 'is not a regular expression');
  }
  if (/\\[1-9k]|\(\?(?!:)/.test(source)) return bad('must not use back references, look-around or named groups: they cannot be bounded');
  const cursor: Cursor = { source, at: 0, depth: 0 };
  const startLog2 = source.startsWith('^') ? 0 : INPUT_LOG2;
  const { stepsLog2 } = alternatives(cursor);
  if (cursor.at < source.length || startLog2 + stepsLog2 > MAX_STEPS_LOG2) {
    return bad('could take too long on a hostile value', 'anchor it with ^, avoid nested repetitions, and use fewer of + and *');
  }
  return good(source);
}

function alternatives(cursor: Cursor): Cost {
  if (++cursor.depth > 32) return { waysLog2: Number.POSITIVE_INFINITY, stepsLog2: Number.POSITIVE_INFINITY };
  const branches: Cost[] = [];
  do {
    branches.push(sequence(cursor));
  } while (take(cursor, '|'));
  cursor.depth--;
  // `^a|b` anchors only its first branch: as if it were not anchored at all.
  const startLog2 = cursor.depth === 0 && branches.length > 1 && cursor.source.startsWith('^') ? INPUT_LOG2 : 0;
  return {
    waysLog2: sumLog2(branches.map(({ waysLog2 }) => waysLog2)) + startLog2,
    stepsLog2: sumLog2(branches.map(({ stepsLog2 }) => stepsLog2)) + startLog2,
  };
}

function sumLog2(amounts: readonly number[]): number {
  return Math.log2(amounts.reduce((sum, amountLog2) => sum + 2 ** amountLog2, 0));
}

function sequence(cursor: Cursor): Cost {
  const items: Item[] = [];
  while (cursor.at < cursor.source.length && !'|)'.includes(cursor.source[cursor.at] ?? '')) {
    const part = atom(cursor);
    items.push({ ...part, count: quantifier(cursor) });
  }
  let waysLog2 = 0;
  let stepsLog2 = 0;
  for (const [i, item] of items.entries()) {
    const cost = repeated(item, items[i + 1]);
    stepsLog2 = Math.max(stepsLog2, waysLog2 + cost.stepsLog2);
    waysLog2 += cost.waysLog2;
  }
  return { waysLog2, stepsLog2 };
}

function repeated(item: Item, next: Item | undefined): Cost {
  const { min, max } = item.count;
  const repetitions = Math.min(max, MAX_REGEX_INPUT);
  const choicesLog2 = Math.log2(Math.max(1, repetitions - min + 1));
  const isOneWay = choicesLog2 > 0 && item.single !== undefined && next !== undefined && isDisjoint(item.single, next);
  const waysLog2 = (isOneWay ? 0 : choicesLog2) + (item.waysLog2 === 0 ? 0 : item.waysLog2 * repetitions);
  const insideLog2 = item.waysLog2 === 0 ? Math.log2(Math.max(1, repetitions)) : waysLog2;
  return { waysLog2, stepsLog2: insideLog2 + item.stepsLog2 };
}

function isDisjoint(single: string, next: Item): boolean {
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
function atom(cursor: Cursor): Atom {
  const { source } = cursor;
  const start = cursor.at;
  const first = source[cursor.at++] ?? '';
  if (first === '^' || first === '$') return { ...NO_COST, single: undefined, isEnd: first === '$' };
  if (first === '(') return group(cursor);
  if (first === '[') skipClass(cursor);
  if (first === '\\') {
    const escaped = /^(?:x[0-9a-f]{2}|u[0-9a-f]{4}|c[a-z]|.)/i.exec(source.slice(cursor.at))?.[0] ?? '';
    cursor.at += escaped.length;
    if (escaped === 'b' || escaped === 'B') return { ...NO_COST, single: undefined, isEnd: false };
  }
  return { ...NO_COST, single: source.slice(start, cursor.at), isEnd: false };
}

function group(cursor: Cursor): Atom {
  if (cursor.source.startsWith('?:', cursor.at)) cursor.at += 2;
  const cost = alternatives(cursor);
  take(cursor, ')');
  return { ...cost, single: undefined, isEnd: false };
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
