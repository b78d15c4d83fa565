import type { FieldMarks } from './field-marks.ts';

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
  /** Minor version: 0 or 1 (anything above 1 counts as 1). */
  minor = 1;
  /** -1 = none. */
  contentLength = -1;
  isChunked = false;
  /** The client lets the connection persist. */
  keepAlive = true;
  expectsContinue = false;
  /** `Connection` names fields beyond the ones that are always dropped, so a slower pass is due. */
  hasNominated = false;
  /** Where the field lines begin and end in `text`; each line ends in CRLF and `fieldsEnd` is after the last one. */
  fieldsStart = 0;
  fieldsEnd = 0;
  marks: FieldMarks;
  constructor(marks: FieldMarks) {
    this.marks = marks;
  }
}
