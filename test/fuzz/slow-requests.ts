import type { RequestHeadLimits } from '../../src/http/request-head.ts';
import { readReference } from '../unit/http/reference-request.ts';

/** How a stream of requests goes on after those that are accepted. */
export type StreamEnd = 'refused' | 'incomplete' | 'closed';
export type SlowRequest = { readonly method: string; readonly target: string; readonly body: string };
export type SlowRequests = {
  readonly accepted: readonly SlowRequest[];
  readonly end: StreamEnd /** Of a request whose head is good and whose rest is not. */;
  readonly lastMethod?: string;
};

const CHUNK = /^([\dA-Fa-f]{1,16})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r\n/;
const TRAILERS = /^(?:[!#$%&'*+\-.^_`|~\dA-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n/;
/** What may stand at the end of a body that is not whole; all else is wrong already. */
const CHUNK_BEGUN = /^(?:[\dA-Fa-f]{1,16}(?:[\t ]*|[\t ]*;[\t\x20-\x7e\x80-\xff]*)\r?)?$/;
const TRAILERS_BEGUN =
  /^(?:[!#$%&'*+\-.^_`|~\dA-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n)*(?:[!#$%&'*+\-.^_`|~\dA-Za-z]+(?::[\t\x20-\x7e\x80-\xff]*\r?)?|\r)?$/;

/** Reads a whole stream of requests, slowly and obviously: what a front must pass on, and how the stream ends. */
export function readRequestsSlowly(stream: string, limits: RequestHeadLimits): SlowRequests {
  const accepted: SlowRequest[] = [];
  for (let rest = stream; ; ) {
    rest = rest.replace(/^(?:\r\n)+/, '');
    const headEnd = rest.indexOf('\r\n\r\n') + 4;
    if (headEnd < 4) return { accepted, end: 'incomplete' };
    const head = readReference(rest.slice(0, headEnd), limits);
    if (typeof head === 'string') return { accepted, end: 'refused' };
    const body = head.isChunked ? chunkedBody(rest.slice(headEnd)) : plainBody(rest.slice(headEnd), Math.max(0, head.contentLength));
    if (typeof body === 'string') return { accepted, end: body, lastMethod: head.method };
    const isServerWide = head.path === '*' || (head.method === 'OPTIONS' && /^https?:\/\/[^/?]*$/i.test(head.target));
    if (!isServerWide && !isPlainPath(head.path)) return { accepted, end: 'refused', lastMethod: head.method };
    accepted.push({ method: head.method, target: isServerWide ? '*' : head.path + head.query, body: body.text });
    if (!head.keepAlive) return { accepted, end: 'closed' };
    rest = rest.slice(headEnd + body.used);
  }
}

/** The generator makes no escapes and no dots but by mutation; those that it makes are legal. */
function isPlainPath(path: string): boolean {
  return path.startsWith('/') && !/%(?![\dA-Fa-f]{2})|%00/.test(path);
}

type Body = { readonly text: string; readonly used: number };

function plainBody(rest: string, length: number): Body | StreamEnd {
  return rest.length < length ? 'incomplete' : { text: rest.slice(0, length), used: length };
}

function chunkedBody(rest: string): Body | StreamEnd {
  let text = '';
  for (let at = 0; ; ) {
    const match = CHUNK.exec(rest.slice(at));
    if (match === null) return CHUNK_BEGUN.test(rest.slice(at)) ? 'incomplete' : 'refused';
    const size = Number.parseInt(match[1] ?? '', 16);
    if (size > Number.MAX_SAFE_INTEGER) return 'refused';
    at += match[0].length;
    if (size === 0) {
      const trailers = TRAILERS.exec(rest.slice(at));
      if (trailers !== null) return { text, used: at + trailers[0].length };
      return TRAILERS_BEGUN.test(rest.slice(at)) ? 'incomplete' : 'refused';
    }
    const end = rest.slice(at + size, at + size + 2);
    if (!'\r\n'.startsWith(end)) return 'refused';
    if (rest.length < at + size + 2) return 'incomplete';
    text += rest.slice(at, at + size);
    at += size + 2;
  }
}
