import { CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE, CONNECTION_NOMINATES, connectionOptions } from './connection-options.ts';
import { MALFORMED_FIELD, markFieldLines, TOO_MANY_FIELDS } from './field-lines.ts';
import { HeadMemo } from './head-memo.ts';
import type { FieldMarks } from './field-marks.ts';
import {
  FIELD_CONNECTION,
  FIELD_CONTENT_LENGTH,
  FIELD_KEEP_ALIVE,
  FIELD_TRANSFER_ENCODING,
  FIELD_UPGRADE,
  knownResponseField,
} from './known-fields.ts';
import { CHAR_CLASS, isBlank, isNameAt, isWordAt, VALUE_CHAR } from './tokens.ts';

export type ResponseHeadLimits = { readonly maxFields: number };

/** Why a response head was refused. Every one of them means: 502, and nothing more is read from that connection. */
export type ResponseFault =
  | 'malformed-status-line'
  | 'unsupported-version' // another major version than 1
  | 'malformed-field' // no colon, bad name, folded line, bad byte in a value, bare CR or LF
  | 'too-many-fields'
  | 'bad-length' // malformed or differing Content-Length
  | 'length-and-coding' // Content-Length with Transfer-Encoding, RFC 9112 6.3
  | 'bad-transfer-encoding' // anything but `chunked` alone, or a word alone that is no coding
  | 'coding-in-http-1.0';

/**
 * One response head as text with the places of what matters. Hot object: pooled, one shape, overwritten by `parseResponseHead`.
 * `text` begins with the head; what stands after the empty line is not part of it.
 */
export class ResponseHead {
  text = '';
  /** Minor version as sent, 0 to 9; everything above 0 is treated as 1. */
  minor = 1;
  /** 100 to 999. Only 100 to 599 are valid (RFC 9110 15); a gateway passes the others on. */
  status = 0;
  reason = '';
  /** Status and reason as they stand in a status line: `200 OK`. */
  statusText = '';
  /** -1 = none, and always so for 1xx and 204, whose framing fields mean nothing. */
  contentLength = -1;
  isChunked = false;
  /** `Transfer-Encoding` names no coding at all: the body is bare and ends with the connection. */
  isBare = false;
  /** The origin lets the connection persist. The framing may still forbid it. */
  keepAlive = true;
  /** `Keep-Alive: timeout=N` in seconds; -1 = not told. */
  keepAliveSec = -1;
  /** `Connection` names fields beyond the ones that are always dropped, so a slower pass is due. */
  hasNominated = false;
  /** There is an `Upgrade` field. */
  hasUpgrade = false;
  /** Where the field lines begin and end in `text`; each ends in CRLF and `fieldsEnd` is after the last one. */
  fieldsStart = 0;
  fieldsEnd = 0;
  marks: FieldMarks;
  /** What was built of this very head last, and by what: see `RequestHead.built`. */
  builtBy: object | null = null;
  /** See `RequestHead.memo`. */
  readonly memo = new HeadMemo();
  built = '';

  constructor(marks: FieldMarks) {
    this.marks = marks;
  }
}

const CR = 13;
const LF = 10;
const SP = 32;
const COMMA = 44;
/** A name at the start of a line, and white space between it and its colon. The two share no character, so nothing is tried twice. */
const BLANKS_BEFORE_COLON = /(^|\r\n)([!#$%&'*+\-.^_`|~\dA-Za-z]+)[\t ]+(?=:)/g;

/**
 * Parses the head that `text` (latin1) begins with, strictly (RFC 9112). `text` must hold the empty line that ends the head;
 * what follows it is not looked at. On a fault `into` holds what had been read and must not be used.
 */
export function parseResponseHead(text: string, into: ResponseHead, limits: ResponseHeadLimits): ResponseFault | undefined {
  into.text = text;
  into.builtBy = null;
  into.memo.forget();
  into.contentLength = -1;
  into.isChunked = false;
  into.isBare = false;
  into.keepAliveSec = -1;
  into.hasUpgrade = false;
  const maxFields = Math.min(limits.maxFields, into.marks.capacity);
  return parseStatusLine(text, into) ?? markFields(into, maxFields) ?? readFields(into);
}

/** RFC 9112 section 4. The space before an empty reason may be missing: origins leave it out, and nothing can be read two ways. */
function parseStatusLine(text: string, into: ResponseHead): ResponseFault | undefined {
  if (!text.startsWith('HTTP/')) return 'malformed-status-line';
  const minor = text.charCodeAt(7) - 48;
  if (text.charCodeAt(5) !== 49 || text.charCodeAt(6) !== 46) return isVersionShape(text) ? 'unsupported-version' : 'malformed-status-line';
  const status = threeDigits(text, 9);
  if (!(minor >= 0 && minor <= 9) || text.charCodeAt(8) !== SP || status < 100) return 'malformed-status-line';
  let end = 12;
  if (text.charCodeAt(end) === SP) {
    end++;
    while (((CHAR_CLASS[text.charCodeAt(end)] ?? 0) & VALUE_CHAR) !== 0) end++;
  }
  if (text.charCodeAt(end) !== CR || text.charCodeAt(end + 1) !== LF) return 'malformed-status-line';
  into.minor = minor;
  into.status = status;
  into.reason = end > 13 ? text.substring(13, end) : '';
  into.statusText = end > 12 ? text.substring(9, end) : `${text.substring(9, 12)} `;
  into.fieldsStart = end + 2;
  return undefined;
}

/** `HTTP/d.d SP`, so a version that is well written but not ours. */
function isVersionShape(text: string): boolean {
  const major = text.charCodeAt(5) - 48;
  const minor = text.charCodeAt(7) - 48;
  return major >= 0 && major <= 9 && text.charCodeAt(6) === 46 && minor >= 0 && minor <= 9 && text.charCodeAt(8) === SP;
}

/** The number that three digits make, or -1. */
function threeDigits(text: string, at: number): number {
  const a = text.charCodeAt(at) - 48;
  const b = text.charCodeAt(at + 1) - 48;
  const c = text.charCodeAt(at + 2) - 48;
  // Written so that NaN, past the end of the text, is refused too.
  return a >= 0 && a <= 9 && b >= 0 && b <= 9 && c >= 0 && c <= 9 ? a * 100 + b * 10 + c : -1;
}

/** Marks every field line up to the empty line. The only pass of a relay that touches each character of the head. */
function markFields(into: ResponseHead, maxFields: number): ResponseFault | undefined {
  const { marks } = into;
  let end = markFieldLines(into.text, into.fieldsStart, marks, maxFields);
  if (end === MALFORMED_FIELD && removeBlanksBeforeColons(into)) end = markFieldLines(into.text, into.fieldsStart, marks, maxFields);
  if (end < 0) return end === TOO_MANY_FIELDS ? 'too-many-fields' : 'malformed-field';
  const { text } = into;
  const { kinds, starts, nameEnds, count } = marks;
  for (let i = 0; i < count; i++) {
    const start = starts[i] ?? 0;
    kinds[i] = knownResponseField(text, start, (nameEnds[i] ?? 0) - start);
  }
  into.fieldsEnd = end;
  return undefined;
}

/**
 * RFC 9112 5.1: a proxy must remove white space between a name and its colon from a response. True if there was any; then
 * `text` is the head without it. What a field so written says counts, or the next recipient would read more than we did.
 */
function removeBlanksBeforeColons(into: ResponseHead): boolean {
  const { text, fieldsStart } = into;
  const fields = text.slice(fieldsStart, text.indexOf('\r\n\r\n', fieldsStart - 2) + 4);
  const cleaned = fields.replace(BLANKS_BEFORE_COLON, '$1$2');
  into.text = text.slice(0, fieldsStart) + cleaned;
  return cleaned.length < fields.length;
}

/** Reads the fields that decide framing and persistence. */
function readFields(into: ResponseHead): ResponseFault | undefined {
  const marks = into.marks;
  // RFC 9110 8.6, RFC 9112 6.1: neither may be sent with these, and neither can mean anything.
  const isFramingMute = into.status < 200 || into.status === 204;
  let options = 0;
  for (let i = 0; i < marks.count; i++) {
    switch (marks.kinds[i]) {
      case FIELD_CONTENT_LENGTH:
        if (!isFramingMute && !readLength(into, i)) return 'bad-length';
        break;
      case FIELD_TRANSFER_ENCODING:
        if (!isFramingMute && !readCoding(into, i)) return 'bad-transfer-encoding';
        break;
      case FIELD_CONNECTION:
        options |= connectionOptions(into, i, knownResponseField);
        break;
      case FIELD_KEEP_ALIVE:
        readKeepAlive(into, i);
        break;
      case FIELD_UPGRADE:
        into.hasUpgrade = true;
    }
  }
  // RFC 9112 9.3: `close` wins; HTTP/1.0 persists only with `keep-alive`.
  into.keepAlive = !into.isBare && (options & CONNECTION_CLOSE) === 0 && (into.minor > 0 || (options & CONNECTION_KEEP_ALIVE) !== 0);
  into.hasNominated = (options & CONNECTION_NOMINATES) !== 0;
  if (!into.isChunked && !into.isBare) return undefined;
  if (into.minor === 0) return 'coding-in-http-1.0';
  return into.contentLength >= 0 ? 'length-and-coding' : undefined;
}

/** Codings that exist (RFC 9112 7). We ask for none but `chunked`, and what is in them would reach the client as what it is not. */
const CODINGS = ['compress', 'x-compress', 'deflate', 'gzip', 'x-gzip', 'identity'];
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

/**
 * `chunked` alone, once; or one word that is no coding. Origins that say such a thing send the body bare, and RFC 9112 6.3 has it
 * end with the connection. What looks like `chunked` and is not is never read so.
 */
function readCoding(into: ResponseHead, index: number): boolean {
  if (into.isChunked || into.isBare) return false;
  const start = into.marks.valueStarts[index] ?? 0;
  const end = into.marks.valueEnds[index] ?? 0;
  into.isChunked = isWordAt(into.text, start, end, 'chunked');
  if (into.isChunked) return true;
  const word = into.text.slice(start, end).toLowerCase();
  into.isBare = TOKEN.test(word) && !CODINGS.includes(word) && !word.includes('chunked');
  return into.isBare;
}

/** One number, or the same number several times, in one line or in several (RFC 9110 8.6 allows folding those). */
function readLength(into: ResponseHead, index: number): boolean {
  const { text, marks } = into;
  const end = marks.valueEnds[index] ?? 0;
  let at = marks.valueStarts[index] ?? 0;
  while (true) {
    const start = at;
    let length = 0;
    for (let digit = text.charCodeAt(at) - 48; at < end && digit >= 0 && digit <= 9; digit = text.charCodeAt(++at) - 48) {
      length = length * 10 + digit;
      if (length > Number.MAX_SAFE_INTEGER) return false;
    }
    if (at === start) return false;
    if (into.contentLength >= 0 && into.contentLength !== length) return false;
    into.contentLength = length;
    while (at < end && isBlank(text.charCodeAt(at))) at++;
    if (at === end) return true;
    if (text.charCodeAt(at) !== COMMA) return false;
    at++;
    while (at < end && isBlank(text.charCodeAt(at))) at++;
  }
}

/** `timeout=N` in `Keep-Alive`. A hint: what cannot be read is as if it were not there. */
function readKeepAlive(into: ResponseHead, index: number): void {
  const { text, marks } = into;
  const end = marks.valueEnds[index] ?? 0;
  for (let at = marks.valueStarts[index] ?? 0; at + 8 < end; at++) {
    if (!isNameAt(text, at, 'timeout=')) continue;
    let seconds = 0;
    for (at += 8; at < end && seconds < 1e6; at++) {
      const digit = text.charCodeAt(at) - 48;
      if (!(digit >= 0 && digit <= 9)) break;
      seconds = seconds * 10 + digit;
      into.keepAliveSec = seconds;
    }
    return;
  }
}
