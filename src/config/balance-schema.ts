import { z } from 'zod';
import { isToken } from '../http/tokens.ts';
import type { BalanceConfig, BalanceKey, StickyConfig } from './balance-types.ts';
import { lowerFieldName } from './limit-key-schema.ts';
import { bad, good, type Parsed } from './problem.ts';
import { checkedText, duration, numberBetween, parsedText, passOn, percent, wholeNumber, word } from './scalars.ts';

/** How the endpoints of an upstream share its requests: `balance` and `sticky` of an upstream, `priority` and `zone` of an endpoint. */

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

const METHODS = ['round-robin', 'least-requests', 'random', 'ring-hash', 'maglev'] as const;
const KEY_MUST_BE = 'must be ip, path, consumer, or a mapping with `header` or `cookie`';

export const cookieName = checkedText((text) =>
  isToken(text) && text.length <= 128 ? good(text) : bad('is not a cookie name (RFC 6265 4.1.1): letters, digits, - and _'),
);

const keyWord = z.enum(['ip', 'path', 'consumer'], { error: KEY_MUST_BE }).transform((kind): BalanceKey => ({ kind }));

const keyMapping = z
  .strictObject({
    header: lowerFieldName.optional().describe('Name of a header field.'),
    cookie: cookieName.optional().describe('Name of a cookie; case counts.'),
  })
  .transform(({ header, cookie }, context): BalanceKey => {
    if (header !== undefined && cookie === undefined) return { kind: 'header', name: header };
    if (header === undefined && cookie !== undefined) return { kind: 'cookie', name: cookie };
    return passOn(bad('must have exactly one of header, cookie'), context);
  });

const balanceObject = z
  .strictObject({
    method: word('How an endpoint is chosen among those of a level, by weight.', METHODS),
    choices: wholeNumber('With least-requests, how many endpoints are drawn, of which the less busy on the whole host is taken.', {
      min: 2,
      max: 10,
      byDefault: 2,
    }),
    key: z
      .union([keyWord, keyMapping], { error: KEY_MUST_BE })
      .prefault('ip')
      .describe(
        'With ring-hash and maglev, what keeps its endpoint: ip (of the client), path (without the query), consumer (as limits know it, else the address), { header: NAME } or { cookie: NAME }, and the address where the request has none; default ip.',
      ),
    boundedLoad: numberBetween(
      'With ring-hash and maglev, an endpoint with more than so many times its part of what is in flight on the host is passed over; 0 means never.',
      { min: 0, max: 10, byDefault: 1.25 },
    ).refine((factor) => factor === 0 || factor >= 1.01, { error: 'must be 0, or from 1.01 to 10' }),
    ringSize: wholeNumber('With ring-hash, points of an endpoint with the highest weight; others have fewer.', {
      min: 64,
      max: 8192,
      byDefault: 1024,
    }),
    panicThreshold: percent(
      'Below this share of endpoints that are well all of a priority are used, if no other can help; 0% means never.',
      {
        min: 0,
        max: 100,
        byDefault: '50%',
      },
    ),
    slowStart: duration('How long an endpoint that is new, or well again, takes to get its whole share; 0 means none.', {
      min: 0,
      max: HOUR_MS,
      byDefault: '0s',
    }),
  })
  .prefault({});

export const balanceSchema = z
  .union(
    [
      word('', METHODS)
        .unwrap()
        .transform((method) => balanceObject.parse({ method })),
      balanceObject,
    ],
    {
      error: `must be one of ${METHODS.join(', ')}, or a mapping with \`method\``,
    },
  )
  .prefault({})
  .describe(`How the endpoints share the requests: ${METHODS.join(', ')}, or a mapping; default round-robin.`);

export type ParsedBalance = z.output<typeof balanceSchema>;

/** The text is not quoted: it is a secret. */
const secret = checkedText((text) => (text.length >= 16 && text.length <= 4096 ? good(text) : bad('must have 16 to 4096 characters')));

export const stickySchema = z
  .strictObject({
    cookie: cookieName.prefault('sluice_endpoint').describe('Name of the cookie; default sluice_endpoint.'),
    secret: secret.describe(
      'What the cookie is signed with, best from the environment; 16 characters or more, the same on all hosts. Required.',
    ),
    ttl: duration('How long clients keep the cookie; 0 means until they are closed.', { min: 0, max: 400 * DAY_MS, byDefault: '0s' }),
    path: parsedText(parseCookiePath).prefault('/').describe('Path of the cookie; default "/".'),
  })
  .optional()
  .describe('A client stays with the endpoint that answered it first, by a signed cookie; default not.');

export type ParsedSticky = z.output<typeof stickySchema>;

export const endpointPriority = wholeNumber('The lower is used first; the next one takes over what those before it cannot take.', {
  min: 0,
  max: 9,
  byDefault: 0,
});

const zoneName = checkedText((text) =>
  /^[\w.-]{0,64}$/.test(text) ? good(text) : bad('must have up to 64 letters, digits, ".", "_" and "-"'),
);

export const endpointZone = zoneName.prefault('').describe('Where it stands, such as eu-1a; default nowhere in particular.');

export const upstreamZone = zoneName
  .prefault('')
  .describe('Where this host stands: of each priority, endpoints of this zone are used first; default zones do not count.');

function parseCookiePath(text: string): Parsed<string> {
  return /^\/[\x21-\x3a\x3c-\x7e]{0,1023}$/.test(text)
    ? good(text)
    : bad('must be a path as cookies have it: from "/" on, without ";" and blanks');
}

export function compileBalance({ method, choices, key, boundedLoad, panicThreshold, slowStart, ringSize }: ParsedBalance): BalanceConfig {
  return { method, choices, key, boundedLoad, panicThreshold, slowStartMs: slowStart, ringSize };
}

export function compileSticky(parsed: ParsedSticky): StickyConfig | undefined {
  return parsed === undefined ? undefined : { cookie: parsed.cookie, secret: parsed.secret, ttlMs: parsed.ttl, path: parsed.path };
}
