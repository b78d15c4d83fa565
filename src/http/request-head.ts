import { HeadMemo } from './head-memo.ts';
import type { FieldMarks } from './field-marks.ts';
import { markFieldLines, TOO_MANY_FIELDS } from './field-lines.ts';
import { FIELD_LOOKALIKE, FIELD_OTHER, knownRequestField } from './known-fields.ts';
import { interpretRequestFields } from './request-fields.ts';
import { parseRequestLine } from './request-line.ts';

/** Bounds and manners of one listener, as the parser needs them. */
export type RequestHeadLimits = {
  readonly maxTargetBytes: number;
  readonly maxFields: number;
};

/** Why a head was refused; the edge answers with the status that `http/refusal.ts` gives it, and closes. */
export type Refusal =
  | 'malformed-request-line' // 400
  | 'bad-method' // 400
  | 'bad-target' // 400
  | 'target-too-long' // 414
  | 'bad-version' // 400 (not HTTP/d.d)
  | 'unsupported-version' // 505 (major other than 1)
  | 'too-many-fields' // 431
  | 'malformed-field' // 400: no colon, space before it, bad name, folded line, bad byte in a value
  | 'missing-host' // 400
  | 'bad-host' // 400: several, or not host[:port], or differing from an absolute-form target where that is not allowed
  | 'bad-length' // 400: malformed, differing or repeated Content-Length
  | 'length-and-coding' // 400: Content-Length with Transfer-Encoding
  | 'bad-transfer-encoding' // 400
  | 'unsupported-transfer-encoding' // 501: final coding is chunked but others are before it
  | 'coding-in-http-1.0' // 400
  | 'bad-expect' // 417
  | 'content-in-trace' // 400
  | 'connect-refused'; // 501 / 405: CONNECT on a reverse-proxy listener

/**
 * One request head as text with the places of what matters. Hot object: pooled, one shape, overwritten by `parseRequestHead`.
 * The text is latin1 and stays whole, field lines are never split into objects.
 */
export class RequestHead {
  /** The whole head; what `marks` point into. */
  text = '';
  method = '';
  /** As received. */
  target = '';
  /** Path as received, beginning with `/`; `*` for asterisk-form. Never decoded. */
  path = '';
  /** `''`, or from `?` on. */
  query = '';
  /** Host[:port] in lower case: of the absolute-form target if there is one (RFC 9112 3.2.2), else of `Host`; `''` where an HTTP/1.0 request has none. */
  authority = '';
  /** Minor version as received, 0 to 9; everything above 0 is treated as 1. */
  minor = 1;
  /** -1 = none. */
  contentLength = -1;
  isChunked = false;
  /** The client lets the connection persist. */
  keepAlive = true;
  expectsContinue = false;
  /** `Connection` names fields beyond the ones that are always dropped, so a slower pass is due. */
  hasNominated = false;
  /** Bit `1 << kind` for each kind of field that occurs; kinds of requests are all below 32. */
  seen = 0;
  /** Where the field lines begin and end in `text`; each line ends in CRLF and `fieldsEnd` is after the last one. */
  fieldsStart = 0;
  fieldsEnd = 0;
  marks: FieldMarks;
  /** The bytes that this was parsed from, if it was parsed from bytes that may come again. */
  readonly memo = new HeadMemo();
  /** What was built of this very head last, and by what: the same head need not be built again. `null` = nothing. */
  builtBy: object | null = null;
  /** What routing asks, found when it is first asked: see `exchange/request-facts.ts`. `isRead` says that it has been. */
  isRead = false;
  routeHost = '';
  routePath: string | undefined = undefined;
  routeTarget = '';
  /** What a cache asks, found when it is first asked and by which policy: see `exchange/cache-steps.ts`. */
  cacheReadBy: object | null = null;
  cacheKey = '';
  cacheBits = 0;
  /** Which limits it meets, found when it is first asked: see `exchange/limit-memo.ts`. */
  limits: object | null = null;
  builtTarget = '';
  builtAuthority = '';
  built = '';
  constructor(marks: FieldMarks) {
    this.marks = marks;
  }
}

/**
 * Vets one request head, strictly after RFC 9112, and fills `into`. `text` is the head with its empty line at the end, latin1;
 * the caller has skipped empty lines before it (2.2). After a refusal `into` is half-filled and must not be read, and the
 * connection must be closed: where the next request begins is not known.
 *
 * @returns why it was refused, or `undefined` if it is good
 */
export function parseRequestHead(text: string, into: RequestHead, limits: RequestHeadLimits): Refusal | undefined {
  into.text = text;
  into.builtBy = null;
  into.cacheReadBy = null;
  into.limits = null;
  into.isRead = false;
  into.memo.forget();
  into.authority = '';
  into.contentLength = -1;
  into.isChunked = false;
  into.expectsContinue = false;
  into.hasNominated = false;
  into.seen = 0;
  const refusal =
    parseRequestLine(text, into, limits.maxTargetBytes) ?? markRequestFields(text, into, limits.maxFields) ?? interpretRequestFields(into);
  return refusal;
}

/** Whether a field of this kind occurs in the head. */
export function hasField(head: RequestHead, kind: number): boolean {
  return (head.seen & (1 << kind)) !== 0;
}

function markRequestFields(text: string, head: RequestHead, maxFields: number): Refusal | undefined {
  const marks = head.marks;
  const end = markFieldLines(text, head.fieldsStart, marks, Math.min(maxFields, marks.capacity));
  if (end === TOO_MANY_FIELDS) return 'too-many-fields';
  if (end !== text.length - 2) return 'malformed-field';
  head.fieldsEnd = end;
  for (let i = 0; i < marks.count; i++) {
    const kind = requestKind(text, i, marks);
    marks.kinds[i] = kind;
    head.seen |= 1 << kind;
  }
  return undefined;
}

function requestKind(text: string, index: number, marks: FieldMarks): number {
  const start = marks.starts[index] ?? 0;
  const nameEnd = marks.nameEnds[index] ?? start;
  if (marks.kinds[index] !== FIELD_LOOKALIKE) return knownRequestField(text, start, nameEnd - start);
  const hyphened = text.slice(start, nameEnd).replaceAll('_', '-');
  return knownRequestField(hyphened, 0, hyphened.length) === FIELD_OTHER ? FIELD_OTHER : FIELD_LOOKALIKE;
}
