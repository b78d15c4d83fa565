import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAILURE_RULES, ruleOf, timeoutOf } from '../../../src/exchange/failures.ts';
import { FAILURE_KINDS, TIMEOUT_KINDS } from '../../../src/observe/labels.ts';
import type { FailureKind } from '../../../src/upstream/failure.ts';

/** The registered error types of RFC 9209 section 2.3, all of them. */
const RFC_9209_ERRORS = new Set(
  `dns_timeout dns_error destination_not_found destination_unavailable destination_ip_prohibited destination_ip_unroutable
  connection_refused connection_terminated connection_timeout connection_read_timeout connection_write_timeout
  connection_limit_reached tls_protocol_error tls_certificate_error tls_alert_received http_request_error http_request_denied
  http_response_incomplete http_response_header_section_size http_response_header_size http_response_body_size
  http_response_trailer_section_size http_response_trailer_size http_response_transfer_coding http_response_content_coding
  http_response_timeout http_upgrade_failed http_protocol_error proxy_internal_response proxy_internal_error
  proxy_configuration_error proxy_loop_detected`.split(/\s+/),
);

/** DESIGN, "Answers that Sluice makes itself": 502 the upstream broke the protocol or reset, 503 no room or no endpoint, 504 too late. */
const STATUSES: Readonly<Record<FailureKind, 502 | 503 | 504>> = {
  'connect-refused': 502,
  'connect-timeout': 504,
  'connect-failed': 502,
  'dns-failed': 502,
  reset: 502,
  'response-timeout': 504,
  'idle-timeout': 504,
  'too-slow': 504,
  'malformed-head': 502,
  'malformed-body': 502,
  'head-too-large': 502,
  truncated: 502,
  'unexpected-upgrade': 502,
  'pool-full': 503,
  'pool-timeout': 503,
  'pool-closed': 503,
  overloaded: 503,
  'no-endpoint': 503,
  open: 503,
  'try-timeout': 504,
};

test('every kind of failure has one rule, and the metrics know every kind', () => {
  const kinds = FAILURE_RULES.map(([kind]) => kind).sort();
  assert.deepEqual(kinds, Object.keys(STATUSES).sort());
  assert.deepEqual(kinds, [...FAILURE_KINDS].sort());
});

test('each failure has the status that the design gives it', () => {
  for (const [kind, rule] of FAILURE_RULES) assert.equal(rule.status, STATUSES[kind], kind);
});

test('each error word is one of RFC 9209 section 2.3', () => {
  for (const [kind, { proxyError }] of FAILURE_RULES) assert.ok(RFC_9209_ERRORS.has(proxyError), `${kind}: ${proxyError}`);
});

test('a title tells a client what happened and nothing of the inside', () => {
  for (const [kind, { title }] of FAILURE_RULES) assert.match(title, /^[A-Z][A-Za-z' ]+$/, kind);
});

test('the failures of a clock, and only they, count as one that ran out', () => {
  for (const [kind] of FAILURE_RULES) {
    const timeout = timeoutOf(kind);
    assert.equal(timeout !== undefined, /timeout|too-slow/.test(kind), kind);
    if (timeout !== undefined) assert.ok(TIMEOUT_KINDS.includes(timeout));
  }
});

test('the rule of a failure is found by its kind alone', () => {
  for (const [kind, rule] of FAILURE_RULES) {
    assert.equal(ruleOf({ kind, stage: 'sent', isReused: false, detail: 'x' }), rule);
    assert.equal(ruleOf({ kind, stage: 'body', isReused: true, detail: 'y' }), rule);
  }
});
