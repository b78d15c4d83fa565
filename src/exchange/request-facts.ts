import { FieldMarks } from '../http/field-marks.ts';
import type { CidrSet } from '../http/cidr.ts';
import { fieldValue } from '../http/fields.ts';
import { clientAddress } from '../http/forwarded.ts';
import { parseRequestHead, RequestHead, type RequestHeadLimits } from '../http/request-head.ts';
import { normalisePath } from '../routing/normalise.ts';
import type { GivenUp } from './retry-plan.ts';
import type { RouteQuery } from '../routing/query.ts';

const NO_CAPTURES: Readonly<Record<string, string>> = {};
/** `http://host` with nothing behind it: OPTIONS of that is OPTIONS of the whole server (RFC 9112 section 3.2.4). */
const BARE_ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^/?]*$/i;

/**
 * What is known of one request, and what has been counted of it. A hot object: one with each exchange, every field set here
 * in one order, and back to that by `reset`. Times are ms of the monotonic clock, 0 = not yet.
 */
export class RequestFacts implements RouteQuery {
  head: RequestHead;
  private readonly ownHead: RequestHead;
  /** `head` may be read. */
  isHeadVetted = false;
  method = '';
  /** Lower case, without port and final dot; `''` if there is none. */
  host = '';
  /** Normalised, for routing only. */
  path = '';
  queryText = '';
  /** What goes upstream: as received, or as the route or a filter rewrote it. */
  target = '';
  /** The same where a filter chose it: it may have looked at anything. `''` = none did. */
  filteredTarget = '';
  captures = NO_CAPTURES;
  requestId = '';
  clientAddress = '';
  /** Name of the consumer, where the route asks for one; `''` = none. */
  consumer = '';
  attempts = 0;
  /** Bytes of the request body were handed to an attempt; they cannot be sent again. */
  isBodySpent = false;
  isRequestWhole = false;
  /** When its body ended; 0 = it had none. */
  wholeMs = 0;
  /** The gateway would not take it, or not the whole of it. */
  isRefused = false;
  /** Sent to the client; 0 = none yet. */
  status = 0;
  /** Word of Proxy-Status (RFC 9209 section 2.3), or `''`. */
  proxyError = '';
  /** Why it was not sent once more, where the client should know; `''` = nothing to tell. */
  retryGivenUp: GivenUp | '' = '';
  bytesReceived = 0;
  bytesSent = 0;
  startMs = 0;
  askedMs = 0;
  /** Until when the answer is of use, where the upstream is to be told; 0 = not known, or not told. */
  deadlineMs = 0;
  /** Spent waiting for what another request gets; -1 = it did not. */
  waitMs = -1;
  /** A new connection comes by an event of its own, before which nobody has looked at the clock. */
  connectedMs = 0;
  headMs = 0;

  constructor(maxFields: number) {
    this.ownHead = new RequestHead(new FieldMarks(maxFields));
    this.head = this.ownHead;
  }

  /** Takes over what the vetted head says. False: the path has no one meaning, so it can be matched with no route. */
  read(): boolean {
    const { head } = this;
    if (!head.isRead) readForRouting(head);
    this.isHeadVetted = true;
    this.isRequestWhole = !head.isChunked && head.contentLength <= 0;
    this.method = head.method;
    this.queryText = head.query;
    this.host = head.routeHost;
    this.target = head.routeTarget;
    this.path = head.routePath ?? '';
    return head.routePath !== undefined;
  }

  /** Has a head of its own from now on, where `head` was the client connection's. */
  keepHead(limits: RequestHeadLimits): void {
    if (this.head === this.ownHead) return;
    parseRequestHead(this.head.text, this.ownHead, limits);
    this.head = this.ownHead;
  }

  /** A field of the request by lower-case name, repeated ones joined. */
  field(lowerName: string): string | undefined {
    return fieldValue(this.head, lowerName);
  }

  /** The client's address, as far as the trusted proxies can be believed; found when first asked for. */
  addressBehind(peerAddress: string, trusted: CidrSet): string {
    if (this.clientAddress === '') this.clientAddress = clientAddress(this.head, peerAddress, trusted);
    return this.clientAddress;
  }

  /** Its body has ended. */
  markWhole(nowMs: number): void {
    this.isRequestWhole = true;
    this.wholeMs = nowMs;
  }

  /** Time went by until another request got what this one waits for. */
  addWait(ms: number): void {
    this.waitMs = Math.max(0, this.waitMs) + ms;
  }

  /** It may not have begun: then it does now. */
  markRefused(nowMs: number): void {
    this.isRefused = true;
    if (this.startMs === 0) this.startMs = nowMs;
  }

  reset(): void {
    this.head = this.ownHead;
    this.isHeadVetted = false;
    this.method = '';
    this.host = '';
    this.path = '';
    this.queryText = '';
    this.target = '';
    this.filteredTarget = '';
    this.captures = NO_CAPTURES;
    this.requestId = '';
    this.clientAddress = '';
    this.consumer = '';
    this.attempts = 0;
    this.isBodySpent = false;
    this.isRequestWhole = false;
    this.wholeMs = 0;
    this.isRefused = false;
    this.status = 0;
    this.proxyError = '';
    this.retryGivenUp = '';
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.startMs = 0;
    this.askedMs = 0;
    this.deadlineMs = 0;
    this.waitMs = -1;
    this.connectedMs = 0;
    this.headMs = 0;
  }
}

/** Kept with the head, because the same head often comes again. */
function readForRouting(head: RequestHead): void {
  const isServerWide = head.path === '*' || (head.method === 'OPTIONS' && BARE_ORIGIN.test(head.target));
  head.isRead = true;
  head.routeHost = hostOf(head.authority);
  head.routeTarget = isServerWide ? '*' : head.path + head.query;
  head.routePath = isServerWide ? '/' : normalisePath(head.path);
}

function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(':');
  const host = colon < 0 || authority.endsWith(']') ? authority : authority.slice(0, colon);
  return host.endsWith('.') ? host.slice(0, -1) : host;
}
