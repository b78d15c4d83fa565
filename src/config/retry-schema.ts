import { z } from 'zod';
import { IDEMPOTENT_METHODS } from '../http/methods.ts';
import { bad, good, type Parsed } from './problem.ts';
import { respondValue } from './respond-schema.ts';
import type { FallbackCondition, FallbackConfig, HedgeConfig, RetryCondition, RetryConfig } from './retry-types.ts';
import { duration, flag, looseBoolean, parsedText, parseMethod, size, wholeNumber, word } from './scalars.ts';
import { didYouMean } from './suggest.ts';
import type { StatusRange } from './types.ts';
import { formatDuration, parseDuration } from './units.ts';

/** What follows when an upstream fails: `retry` and `hedge` of an upstream, `fallback` of a route. */

const HOUR_MS = 3_600_000;
const MAX_LIST = 100;

const RETRY_WORDS = ['connect-failure', 'reset', 'timeout', 'gateway-error', '5xx', 'retriable-4xx'] as const;
const FALLBACK_WORDS = ['connect-failure', 'reset', 'timeout', 'open', 'no-endpoint', 'overloaded', 'gateway-error', '5xx'] as const;

const STATUSES: Readonly<Record<string, readonly StatusRange[]>> = {
  'gateway-error': [{ fromStatus: 502, toStatus: 504 }],
  '5xx': [{ fromStatus: 500, toStatus: 599 }],
  'retriable-4xx': [{ fromStatus: 409, toStatus: 409 }],
};

type On<Condition> = { readonly conditions: readonly Condition[]; readonly statuses: readonly StatusRange[] };

/** A list of words and statuses. */
function onList<Condition extends string>(words: readonly string[], byDefault: readonly (string | number)[]) {
  const wanted = `must be a status from 400 to 599, or one of ${words.join(', ')}`;
  const item = z.union([z.string({ error: wanted }), z.int({ error: wanted })], { error: wanted }).superRefine((value, context) => {
    const text = String(value);
    if (words.includes(text) || /^[45]\d\d$/.test(text)) return;
    const hint = didYouMean(text, words);
    context.addIssue({ code: 'custom', message: `${wanted}${hint === undefined ? '' : `; ${hint}`}` });
  });
  return z
    .array(item, { error: 'must be a list' })
    .min(1, { error: 'must not be empty' })
    .max(MAX_LIST)
    .prefault([...byDefault])
    .transform((items): On<Condition> => {
      const texts = items.map(String);
      const isStatus = (text: string): boolean => /^\d/.test(text) && text !== '5xx';
      return {
        conditions: texts.filter((text) => !isStatus(text) && STATUSES[text] === undefined) as Condition[],
        statuses: texts.flatMap((text) => STATUSES[text] ?? (isStatus(text) ? [{ fromStatus: Number(text), toStatus: Number(text) }] : [])),
      };
    })
    .describe(`Statuses from 400 to 599, and words of ${words.join(', ')}; default ${byDefault.join(', ')}.`);
}

type Backoff = { readonly minMs: number; readonly maxMs: number };

function parseBackoff(text: string): Parsed<Backoff> {
  const [from = '', to = from, ...rest] = text.split('..');
  const [min, max] = [parseDuration(from.trim()), parseDuration(to.trim())];
  if (rest.length > 0 || min.kind !== 'ok' || max.kind !== 'ok') return bad('must be one or two durations, such as 25ms..250ms');
  if (min.value > max.value) return bad('must not begin above its end');
  if (max.value > HOUR_MS) return bad(`must not be longer than ${formatDuration(HOUR_MS)}`);
  return good({ minMs: min.value, maxMs: max.value });
}

const idempotentMethod = parsedText((text): Parsed<string> => {
  const method = parseMethod(text);
  if (method.kind !== 'ok' || IDEMPOTENT_METHODS.has(method.value)) return method;
  return bad(`must be one of ${[...IDEMPOTENT_METHODS].join(', ')}: others may not be sent twice (RFC 9110 section 9.2.2)`);
});

const retryObject = z.strictObject({
  attempts: wholeNumber('Tries of a request in all, the first included.', { min: 1, max: 10, byDefault: 2 }),
  on: onList<RetryCondition>(RETRY_WORDS, ['connect-failure', 'reset', 502, 503, 504]),
  methods: z
    .array(parsedText(parseMethod), { error: 'must be a list of methods' })
    .min(1, { error: 'must not be empty' })
    .max(MAX_LIST)
    .prefault([...IDEMPOTENT_METHODS])
    .describe(`Methods that may be sent again; others only where nothing of them had left. Default ${[...IDEMPOTENT_METHODS].join(', ')}.`),
  backoff: parsedText(parseBackoff, 'must be text, such as "25ms..250ms"')
    .prefault('25ms..250ms')
    .describe(
      'Longest wait before the first retry, doubled before each further one, up to the second; what is waited is random below it. Default 25ms..250ms.',
    ),
  maxBody: size('A longer request body cannot be sent again.', { min: 0, max: 64 * 2 ** 20, byDefault: '64KiB' }),
  retryAfter: flag('Whether a Retry-After of the answer is waited out, up to ten times the end of `backoff`.', true),
});

export const retrySchema = z
  .union([looseBoolean().transform((enabled) => (enabled ? retryObject.parse({}) : undefined)), retryObject], {
    error: 'must be true, false, or a mapping',
  })
  .optional()
  .describe(
    'Whether a request that failed is sent again, to another endpoint where there is one. Default: only where that is safe without asking.',
  );

export const deadlineSchema = word(
  'Field by which the upstream is told until when its answer is of use, where there is a total time; a client that sends it can only shorten that.',
  ['none', 'x-request-deadline', 'grpc-timeout'],
);

export function compileRetry(retry: z.output<typeof retrySchema>): RetryConfig | undefined {
  if (retry === undefined) return undefined;
  return {
    attempts: retry.attempts,
    conditions: retry.on.conditions,
    statuses: retry.on.statuses,
    methods: retry.methods,
    backoffMinMs: retry.backoff.minMs,
    backoffMaxMs: retry.backoff.maxMs,
    maxBodyBytes: retry.maxBody,
    honoursRetryAfter: retry.retryAfter,
  };
}

function parseHedgeAfter(text: string): Parsed<HedgeConfig['after']> {
  const quantile = /^p(\d{1,2}(?:\.\d{1,2})?)$/.exec(text)?.[1];
  if (quantile !== undefined && Number(quantile) > 0) return good({ kind: 'quantile', quantile: Number(quantile) / 100 });
  const ms = parseDuration(text);
  if (ms.kind !== 'ok' || ms.value < 1 || ms.value > HOUR_MS) return bad('must be a percentile, such as p95, or a duration from 1ms to 1h');
  return good({ kind: 'delay', ms: ms.value });
}

const hedgeObject = z.strictObject({
  after: parsedText(parseHedgeAfter)
    .prefault('p95')
    .describe(
      'How long the first try may take before one more begins: a duration, or a percentile of the response times of late. Default p95.',
    ),
  max: wholeNumber('Further tries beside the first.', { min: 1, max: 3, byDefault: 1 }),
  methods: z
    .array(idempotentMethod, { error: 'must be a list of methods' })
    .min(1, { error: 'must not be empty' })
    .max(MAX_LIST)
    .prefault(['GET', 'HEAD'])
    .describe('Methods of requests that are hedged; only those without a body are. Default GET, HEAD.'),
});

export const hedgeSchema = z
  .union([looseBoolean().transform((enabled) => (enabled ? hedgeObject.parse({}) : undefined)), hedgeObject], {
    error: 'must be true, false, or a mapping',
  })
  .optional()
  .describe('Whether a request that takes long is sent to a second endpoint as well; the first good answer counts. Default false.');

const fallbackObject = z
  .strictObject({
    on: onList<FallbackCondition>(FALLBACK_WORDS, [502, 503, 504]),
    respond: respondValue.optional().describe('A fixed answer: a status code, or a mapping; default none.'),
    upstream: z
      .string({ error: 'must be the name of an upstream' })
      .optional()
      .describe('Name of an upstream that is asked instead; default none.'),
    stale: duration('How much too old a stored answer may be that is served instead, where the route caches.', {
      min: 0,
      max: 365 * 24 * HOUR_MS,
      byDefault: '0',
    }),
  })
  .superRefine((value, context) => {
    const refuse = (key: string, message: string): void => context.addIssue({ code: 'custom', message, path: [key] });
    if (value.respond !== undefined && value.upstream !== undefined) refuse('upstream', 'must not stand beside `respond`');
    if (value.respond === undefined && value.upstream === undefined && value.stale === 0)
      context.addIssue({ code: 'custom', message: 'needs `respond`, `upstream` or `stale`' });
  });

export type ParsedFallback = z.output<typeof fallbackObject>;

export const fallbackSchema = fallbackObject
  .optional()
  .describe('What the client gets in place of a failure of the upstream. Default: what the failure says.');

export function compileFallback(fallback: ParsedFallback | undefined): FallbackConfig | undefined {
  if (fallback === undefined) return undefined;
  const { on, respond, upstream } = fallback;
  const action: FallbackConfig['action'] =
    respond === undefined ? (upstream === undefined ? undefined : { kind: 'upstream', upstream }) : { kind: 'respond', respond };
  return { ...on, action };
}
