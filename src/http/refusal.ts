import type { Refusal } from './request-head.ts';

/** Refusals beyond those of the head parser: what the edge itself finds out while it reads a request. */
export type RequestRefusal =
  | Refusal
  | 'head-too-large'
  | 'head-timeout'
  | 'body-timeout'
  | 'body-too-slow'
  | 'body-too-large'
  | 'malformed-body'
  | 'misdirected'
  | 'loop-detected';

/** How a refusal is answered (RFC 9457); after it the connection is closed. `detail` names no value that the client sent. */
export type RefusalAnswer = { readonly status: number; readonly title: string; readonly detail: string };

/** The one table from a refusal to its answer. */
export const REFUSALS: Readonly<Record<RequestRefusal, RefusalAnswer>> = {
  'malformed-request-line': bad('The request line is not of the form method SP target SP version.'),
  'bad-method': bad('The method is not a token.'),
  'bad-target': bad('The request target is malformed, or of a form that the method does not allow.'),
  'target-too-long': { status: 414, title: 'URI Too Long', detail: 'The request target is longer than this server takes.' },
  'bad-version': bad('The protocol version is malformed.'),
  'unsupported-version': { status: 505, title: 'HTTP Version Not Supported', detail: 'Only HTTP/1.0 and HTTP/1.1 are spoken here.' },
  'too-many-fields': {
    status: 431,
    title: 'Request Header Fields Too Large',
    detail: 'The request has more header fields than this server takes.',
  },
  'malformed-field': bad('A header field is malformed.'),
  'missing-host': bad('The Host header field is missing.'),
  'bad-host': bad('The Host header field is malformed or repeated.'),
  'bad-length': bad('The Content-Length header field is malformed or repeated.'),
  'length-and-coding': bad('The request has both Content-Length and Transfer-Encoding.'),
  'bad-transfer-encoding': bad('The Transfer-Encoding header field is not exactly "chunked".'),
  'unsupported-transfer-encoding': { status: 501, title: 'Not Implemented', detail: 'No transfer coding but "chunked" is supported.' },
  'coding-in-http-1.0': bad('An HTTP/1.0 request cannot have a Transfer-Encoding.'),
  'bad-expect': { status: 417, title: 'Expectation Failed', detail: 'No expectation but "100-continue" is supported.' },
  'content-in-trace': bad('A TRACE request has no content.'),
  'connect-refused': { status: 501, title: 'Not Implemented', detail: 'CONNECT is not available on this listener.' },
  'head-too-large': { status: 431, title: 'Request Header Fields Too Large', detail: 'The request head is larger than this server takes.' },
  'head-timeout': { status: 408, title: 'Request Timeout', detail: 'The request head did not arrive in time.' },
  'body-timeout': { status: 408, title: 'Request Timeout', detail: 'The request body stopped arriving.' },
  'body-too-slow': { status: 408, title: 'Request Timeout', detail: 'The request body arrived too slowly.' },
  'body-too-large': { status: 413, title: 'Content Too Large', detail: 'The request body is larger than this server takes.' },
  'malformed-body': bad('The chunked request body is malformed.'),
  misdirected: { status: 421, title: 'Misdirected Request', detail: 'An https target needs a secured connection.' },
  'loop-detected': { status: 508, title: 'Loop Detected', detail: 'The request has passed this server before.' },
};

function bad(detail: string): RefusalAnswer {
  return { status: 400, title: 'Bad Request', detail };
}
