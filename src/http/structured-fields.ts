/** As much of structured fields (RFC 9651) as is needed here: lists and dictionaries, whose parameters are checked and left out; names and strings to write. */

export type BareItem =
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'decimal'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'token'; readonly value: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  /** Byte sequences, dates and display strings: valid, and nothing that asks for another kind takes them. */
  | { readonly kind: 'other'; readonly value: string };

export type Member = BareItem | { readonly kind: 'inner-list'; readonly items: readonly BareItem[] };

/** Members of a list; `undefined` if the field does not parse, and must then be ignored as a whole (RFC 9651 4.2). */
export function parseStructuredList(text: string): readonly Member[] | undefined {
  const cursor = new Cursor(text);
  const members: Member[] = [];
  if (!cursor.startsField()) return members;
  do {
    const member = readMember(cursor);
    if (member === undefined || !readParameters(cursor)) return undefined;
    members.push(member);
  } while (cursor.continues());
  return cursor.isAtEnd && !cursor.hasFailed ? members : undefined;
}

/** Members of a dictionary by key; of a repeated key the last one. */
export function parseDictionary(text: string): ReadonlyMap<string, Member> | undefined {
  const cursor = new Cursor(text);
  const members = new Map<string, Member>();
  if (!cursor.startsField()) return members;
  do {
    const key = cursor.take(KEY);
    if (key === undefined) return undefined;
    const member: Member | undefined = cursor.skip('=') ? readMember(cursor) : { kind: 'boolean', value: true };
    if (member === undefined || !readParameters(cursor)) return undefined;
    members.delete(key);
    members.set(key, member);
  } while (cursor.continues());
  return cursor.isAtEnd && !cursor.hasFailed ? members : undefined;
}

/** The strings of a list of strings; `undefined` if anything else is in it. */
export function parseStringList(text: string): readonly string[] | undefined {
  const strings = parseStructuredList(text)?.map((member) => (member.kind === 'string' ? member.value : undefined));
  return strings?.every((value) => value !== undefined) ? strings : undefined;
}

/** A name as the member of a list: a token where it can be one, else a string. */
export function memberName(name: string): string {
  return /^[A-Za-z*][!#$%&'*+\-.^_`|~\dA-Za-z:/]*$/.test(name) ? name : quotedString(name);
}

/** A string: visible ASCII and spaces; anything else, as the line ends in keys, becomes a space. */
export function quotedString(text: string): string {
  return `"${text.replace(/[^\x20-\x7e]/g, ' ').replace(/["\\]/g, '\\$&')}"`;
}

const KEY = /[a-z*][a-z\d_.*-]*/y;
const NUMBER = /-?\d{1,15}(?:\.\d{1,3})?/y;
const STRING = /"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~\dA-Za-z:/]*/y;
const BOOLEAN = /\?[01]/y;
const BYTES = /:[A-Za-z\d+/]*={0,2}:/y;
const DATE = /@-?\d{1,15}/y;
const DISPLAY = /%"(?:[\x20\x21\x23\x24\x26-\x7e]|%[\da-f]{2})*"/y;
const SPACES = / */y;
const BLANKS = /[ \t]*/y;

/** Where in the text the reader is. */
class Cursor {
  readonly text: string;
  at = 0;
  /** A comma was followed by nothing. */
  hasFailed = false;

  constructor(text: string) {
    this.text = text;
  }

  get isAtEnd(): boolean {
    return this.at === this.text.length;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  skip(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  /** Past the blanks at the beginning; false if there is nothing else. */
  startsField(): boolean {
    this.take(SPACES);
    return !this.isAtEnd;
  }

  /** Past a comma to the next member; false if there is none, at the end or at something that should not be there. */
  continues(): boolean {
    this.take(BLANKS);
    if (!this.skip(',')) return false;
    this.take(BLANKS);
    this.hasFailed = this.isAtEnd;
    return !this.isAtEnd;
  }
}

function readMember(cursor: Cursor): Member | undefined {
  if (!cursor.skip('(')) return readItem(cursor);
  const items: BareItem[] = [];
  while (true) {
    const isApart = cursor.take(SPACES) !== '' || items.length === 0;
    if (cursor.skip(')')) return { kind: 'inner-list', items };
    const item = isApart ? readItem(cursor) : undefined;
    if (item === undefined || !readParameters(cursor)) return undefined;
    items.push(item);
  }
}

function readItem(cursor: Cursor): BareItem | undefined {
  switch (cursor.text[cursor.at]) {
    case '"':
      return readString(cursor);
    case '?':
      return kept(cursor.take(BOOLEAN), (text) => ({ kind: 'boolean', value: text === '?1' }));
    case ':':
      return kept(cursor.take(BYTES), (value) => ({ kind: 'other', value }));
    case '@':
      return kept(cursor.take(DATE), (value) => ({ kind: 'other', value }));
    case '%':
      return kept(cursor.take(DISPLAY), (value) => ({ kind: 'other', value }));
    default:
      return readNumber(cursor) ?? kept(cursor.take(TOKEN), (value) => ({ kind: 'token', value }));
  }
}

function readString(cursor: Cursor): BareItem | undefined {
  return kept(cursor.take(STRING), (text) => ({ kind: 'string', value: text.slice(1, -1).replace(/\\(.)/g, '$1') }));
}

/** Decimals have at most 12 digits before the point (RFC 9651 3.3.2). */
function readNumber(cursor: Cursor): BareItem | undefined {
  const text = cursor.take(NUMBER);
  if (text === undefined) return undefined;
  const point = text.indexOf('.');
  if (point < 0) return { kind: 'integer', value: Number(text) };
  return text.replace('-', '').indexOf('.') > 12 ? undefined : { kind: 'decimal', value: Number(text) };
}

function readParameters(cursor: Cursor): boolean {
  while (cursor.skip(';')) {
    cursor.take(SPACES);
    if (cursor.take(KEY) === undefined) return false;
    if (cursor.skip('=') && readItem(cursor) === undefined) return false;
  }
  return true;
}

function kept<T>(text: string | undefined, make: (text: string) => T): T | undefined {
  return text === undefined ? undefined : make(text);
}
