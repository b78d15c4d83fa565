import type { TIMEOUT_KINDS } from '../observe/labels.ts';
import type { FailureKind, UpstreamFailure } from '../upstream/failure.ts';

/**
 * What each failure of an attempt means: the status the client gets if nothing of an answer was sent yet, the word of
 * `Proxy-Status` (RFC 9209 section 2.3), and whether the request may be tried once more. The only place that says so.
 */
export type FailureRule = {
  readonly status: number;
  readonly proxyError: string;
  readonly title: string;
  /**
   * `never`; `unsent`: no byte of the request left, so anybody may be asked again; `stale`: a reused connection that broke
   * before any byte of an answer may have been closed by the origin while idle (RFC 9110 section 9.2.2, RFC 9112 section 9.3.1).
   */
  readonly retry: 'never' | 'unsent' | 'stale';
};

type TimeoutKind = (typeof TIMEOUT_KINDS)[number];

const TIMEOUTS: Partial<Readonly<Record<FailureKind, TimeoutKind>>> = {
  'connect-timeout': 'upstream-connect',
  'response-timeout': 'upstream-response',
  'try-timeout': 'upstream-try',
  'idle-timeout': 'upstream-idle',
  'too-slow': 'upstream-too-slow',
  'pool-timeout': 'pool-wait',
};

const RULES: Readonly<Record<FailureKind, FailureRule>> = {
  'connect-refused': { status: 502, proxyError: 'connection_refused', title: 'The upstream refused the connection', retry: 'unsent' },
  'connect-timeout': { status: 504, proxyError: 'connection_timeout', title: 'Connecting to the upstream timed out', retry: 'unsent' },
  'connect-failed': { status: 502, proxyError: 'destination_unavailable', title: 'The upstream cannot be reached', retry: 'unsent' },
  'dns-failed': { status: 502, proxyError: 'dns_error', title: "The upstream's name cannot be resolved", retry: 'unsent' },
  reset: {
    status: 502,
    proxyError: 'connection_terminated',
    title: 'The upstream closed the connection before it answered',
    retry: 'stale',
  },
  'response-timeout': { status: 504, proxyError: 'http_response_timeout', title: 'The upstream did not answer in time', retry: 'never' },
  'try-timeout': { status: 504, proxyError: 'http_response_timeout', title: 'A try at the upstream took too long', retry: 'never' },
  'idle-timeout': { status: 504, proxyError: 'connection_read_timeout', title: 'The upstream stopped in its answer', retry: 'never' },
  'too-slow': { status: 504, proxyError: 'connection_read_timeout', title: 'The upstream answers too slowly', retry: 'never' },
  'malformed-head': { status: 502, proxyError: 'http_protocol_error', title: 'The upstream sent a malformed answer', retry: 'never' },
  'malformed-body': { status: 502, proxyError: 'http_protocol_error', title: 'The upstream sent a malformed body', retry: 'never' },
  'head-too-large': {
    status: 502,
    proxyError: 'http_response_header_section_size',
    title: "The upstream's answer has too large a head",
    retry: 'never',
  },
  truncated: { status: 502, proxyError: 'http_response_incomplete', title: "The upstream's answer broke off", retry: 'never' },
  'unexpected-upgrade': {
    status: 502,
    proxyError: 'http_upgrade_failed',
    title: 'The upstream switched protocols unasked',
    retry: 'never',
  },
  'pool-full': { status: 503, proxyError: 'connection_limit_reached', title: 'Too many requests wait for this upstream', retry: 'never' },
  'pool-timeout': {
    status: 503,
    proxyError: 'connection_limit_reached',
    title: 'No connection to the upstream became free in time',
    retry: 'never',
  },
  'pool-closed': {
    status: 503,
    proxyError: 'destination_unavailable',
    title: 'The upstream is being taken out of service',
    retry: 'unsent',
  },
  overloaded: {
    status: 503,
    proxyError: 'connection_limit_reached',
    title: 'The upstream has more requests than it can take',
    retry: 'never',
  },
  'no-endpoint': {
    status: 503,
    proxyError: 'destination_unavailable',
    title: 'No endpoint of the upstream can be asked now',
    retry: 'never',
  },
  open: {
    status: 503,
    proxyError: 'destination_unavailable',
    title: 'The upstream has failed too often and is left alone for a while',
    retry: 'never',
  },
};

/** Which clock ran out, where a failure says that one did; `undefined` = none. */
export function timeoutOf(kind: FailureKind): TimeoutKind | undefined {
  return TIMEOUTS[kind];
}

export function ruleOf(failure: UpstreamFailure): FailureRule {
  return RULES[failure.kind];
}

/** Every rule with its kind, for the documents and their test. */
export const FAILURE_RULES: readonly (readonly [FailureKind, FailureRule])[] = Object.entries(RULES) as [FailureKind, FailureRule][];
