/** What a request that a limit refuses, or that has a wrong key, is told (RFC 9457, and section 5 of the draft of RateLimit). */

export type LimitProblem = {
  readonly status: number;
  /** An absolute URI. */
  readonly type: string;
  readonly title: string;
  readonly detail: string;
  /** Members beside those of RFC 9457. */
  readonly members: Readonly<Record<string, unknown>>;
  /** Field lines with CRLF. */
  readonly extra: string;
};

/** In the registry of the IANA. */
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';
const OWN_PREFIX = 'urn:sluice:problem:';

/** `violated`: names of the limits and quotas that said no, one at least. `fieldLines`: RateLimit fields and Retry-After. */
export function limitProblem(violated: readonly string[], fieldLines: string): LimitProblem {
  return {
    status: 429,
    type: QUOTA_EXCEEDED,
    title: 'Request cannot be satisfied as assigned quota has been exceeded',
    detail: `The limit of ${listed(violated)} is reached.`,
    members: { 'violated-policies': violated },
    extra: fieldLines,
  };
}

/** RFC 9110 15.5.2 wants a challenge. API keys have no registered scheme; this is the name that they usually go by. */
export const UNKNOWN_KEY: LimitProblem = {
  status: 401,
  type: `${OWN_PREFIX}unknown-key`,
  title: 'Unauthorized',
  detail: 'Nobody has this API key.',
  members: {},
  extra: 'WWW-Authenticate: ApiKey\r\n',
};

function listed(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(', ');
}
