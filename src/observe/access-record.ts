/**
 * How an exchange ended: `answered` whole; `refused` by the gateway, the request or its body; `failed` = an upstream failed and
 * the gateway answered in its stead; `aborted` by the client; `cut` = the answer broke off.
 */
export type AccessOutcome = 'answered' | 'refused' | 'failed' | 'aborted' | 'cut';

/**
 * One line of the access log. Hot object: pooled with its exchange, one shape, overwritten by `reset`. Texts are latin1 as
 * they came from the wire; `''` and -1 mean that there is none, and leave the key out of the line.
 *
 * There is no field for `Authorization`, `Cookie` or a body. `target` and `referer` are logged as they came, query included
 * (but for API keys where `consumers.from` says that they are): a client that puts another secret into its URL finds it there.
 */
export class AccessRecord {
  requestId = '';
  listener = '';
  route = '';
  upstream = '';
  /** URL of the endpoint that was asked last. */
  endpoint = '';
  method = '';
  target = '';
  host = '';
  /** `HTTP/1.1` and the like. */
  protocol = '';
  /** Who the client is, after trusted proxies were believed; `peerAddress` is the other end of the socket. */
  clientAddress = '';
  peerAddress = '';
  /** Sent to the client; 0 when it left before any was. */
  status = 0;
  /** Body bytes from and to the client. */
  bytesReceived = 0;
  bytesSent = 0;
  retries = 0;
  /** Wall clock at the end, ms since 1970. */
  timeMs = 0;
  /** Phases in ms, in order of time. -1 = did not happen. Waiting in the front before the exchange began. */
  queueMs = -1;
  /** Routing, gates and filters, until an upstream was asked for. */
  routeMs = -1;
  /** Waiting for what another request gets. */
  waitMs = -1;
  /** Waiting for a connection. */
  connectMs = -1;
  /** From there to the head of the answer. */
  responseMs = -1;
  /** From there to the end. */
  bodyMs = -1;
  totalMs = 0;
  outcome: AccessOutcome = 'answered';
  userAgent = '';
  referer = '';
  /** Error word of Proxy-Status (RFC 9209 section 2.3). */
  proxyError = '';
  /** Why it was not sent once more, where a policy of retries names what happened; or `''`. */
  retryGivenUp = '';

  /** Forgets the last request. */
  reset(): void {
    this.requestId = '';
    this.listener = '';
    this.route = '';
    this.upstream = '';
    this.endpoint = '';
    this.method = '';
    this.target = '';
    this.host = '';
    this.protocol = '';
    this.clientAddress = '';
    this.peerAddress = '';
    this.status = 0;
    this.bytesReceived = 0;
    this.bytesSent = 0;
    this.retries = 0;
    this.timeMs = 0;
    this.queueMs = -1;
    this.routeMs = -1;
    this.waitMs = -1;
    this.connectMs = -1;
    this.responseMs = -1;
    this.bodyMs = -1;
    this.totalMs = 0;
    this.outcome = 'answered';
    this.userAgent = '';
    this.referer = '';
    this.proxyError = '';
    this.retryGivenUp = '';
  }
}
