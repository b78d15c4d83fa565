import { hyphened, isCredentialName } from '../http/credential-fields.ts';
import type { ForwardPolicy } from '../http/forward.ts';
import { withoutParameters } from '../http/query-parameters.ts';
import type { RefusalAnswer, RequestRefusal } from '../http/refusal.ts';
import type { RequestHead } from '../http/request-head.ts';
import { statusText } from '../http/status.ts';
import type { FailureKind } from '../upstream/failure.ts';
import { type OwnAnswer, type RenderedAnswer, RETRY_AFTER } from './answers.ts';
import type { FailureRule } from './failures.ts';
import type { RoutePlan } from './plan.ts';

export const NO_ROUTE: OwnAnswer = {
  status: 404,
  problem: 'no-route',
  title: 'Not Found',
  detail: 'No route matches this request.',
  proxyError: '',
  extra: '',
};

export const LOOP_DETECTED: OwnAnswer = {
  status: 508,
  problem: 'loop-detected',
  title: 'Loop Detected',
  detail: 'The request has passed this server before.',
  proxyError: 'proxy_loop_detected',
  extra: '',
};

export const TOTAL_TIMEOUT: OwnAnswer = {
  status: 504,
  problem: 'deadline',
  title: 'Gateway Timeout',
  detail: 'The answer was not ready within the time that this route allows.',
  proxyError: 'http_response_timeout',
  extra: '',
};

/** `only-if-cached` without an answer in the cache (RFC 9111 section 5.2.1.7). */
export const NOT_CACHED: OwnAnswer = {
  status: 504,
  problem: 'not-cached',
  title: 'Gateway Timeout',
  detail: 'The request asks for a cached response only, and there is none that it may have.',
  proxyError: '',
  extra: '',
};

export const INTERNAL_ERROR: OwnAnswer = {
  status: 500,
  problem: 'internal-error',
  title: 'Internal Server Error',
  detail: 'The server failed while it handled this request.',
  proxyError: 'proxy_internal_error',
  extra: '',
};

export const FILTER_FAILED: OwnAnswer = { ...INTERNAL_ERROR, problem: 'filter-failed', detail: 'A filter of this route failed.' };

export function refusalAnswer(answer: RefusalAnswer, refusal: RequestRefusal): OwnAnswer {
  return { ...answer, problem: refusal, proxyError: '', extra: '' };
}

export function answerForMethod(allow: string): OwnAnswer {
  return {
    status: 405,
    problem: 'method-not-allowed',
    title: 'Method Not Allowed',
    detail: 'The route exists, but not for this method.',
    proxyError: '',
    extra: `Allow: ${allow}\r\n`,
  };
}

/** `retryAfterSec`: when to come again, of a 503; 0 = soon. The prefix keeps the upstream's `malformed-body` apart from the client's: a `type` means one thing. */
export function answerForRule(kind: FailureKind, rule: FailureRule, retryAfterSec = 0): OwnAnswer {
  const { status, proxyError, title } = rule;
  const retryAfter = retryAfterSec > 1 ? `Retry-After: ${retryAfterSec}\r\n` : RETRY_AFTER;
  return { status, problem: `upstream-${kind}`, title, detail: `${title}.`, proxyError, extra: status === 503 ? retryAfter : '' };
}

/**
 * OPTIONS or TRACE with `Max-Forwards: 0` ends here (RFC 9110 section 7.6.2): OPTIONS is answered for this server with the
 * methods of the route (9.3.7), TRACE reflects the request without what is secret.
 */
export function answerForMaxForwards(
  head: RequestHead,
  { allow, forward }: RoutePlan,
  secretParameters: readonly string[],
): RenderedAnswer {
  if (head.method === 'OPTIONS') return { status: statusText(200), block: `Allow: ${allow}\r\n`, body: Buffer.alloc(0) };
  const [requestLine = '', ...lines] = head.text.split('\r\n');
  const reflected = [reflectedLine(requestLine, secretParameters), ...lines.filter((line) => !isSecret(line, forward))];
  return { status: statusText(200), block: 'Content-Type: message/http\r\n', body: Buffer.from(reflected.join('\r\n'), 'latin1') };
}

function reflectedLine(requestLine: string, secretParameters: readonly string[]): string {
  const [method, target = '', ...rest] = requestLine.split(' ');
  return [method, withoutParameters(target, secretParameters), ...rest].join(' ');
}

/** Of a field line: what must not be reflected (RFC 9110 section 9.3.8), and what the configuration finds keys in. */
function isSecret(line: string, { credentialFields, identityFields }: ForwardPolicy): boolean {
  const name = hyphened(line.slice(0, Math.max(0, line.indexOf(':'))).toLowerCase());
  return isCredentialName(name) || credentialFields.has(name) || identityFields.has(name);
}
