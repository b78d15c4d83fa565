import { z } from 'zod';
import { limitKey, lowerFieldName } from './limit-key-schema.ts';
import type { LimitAction, LimitCost } from './limit-types.ts';
import { nameText } from './listener-schema.ts';
import { bad, good, type Parsed } from './problem.ts';
import { boundedInteger, checkedText, durationValue, type IssueContext, parsedText, size, wholeNumber, word } from './scalars.ts';
import { parseRate, type Rate } from './units.ts';

/** Limits of a route, of a tier and of a consumer. */

const MAX_AMOUNT = 1e9;
const MAX_CONCURRENCY = 1e6;
/** Of a rate: a month of 31 days. */
const MAX_WINDOW_MS = 31 * 86_400_000;
/** As far ahead as the limiter gives out turns, whatever the rate. */
const MAX_DELAY_MS = 24_000;
/** Of a sliding window; as short as the limiter can tell apart. */
const MIN_SLIDING_WINDOW_MS = 100;
const MAX_LIMITS = 32;

function parseLimitRate(text: string): Parsed<Rate> {
  const rate = parseRate(text);
  if (rate.kind === 'bad') return rate;
  const { count, perMs } = rate.value;
  if (count < 1 || count > MAX_AMOUNT) return bad(`must be from 1 to ${MAX_AMOUNT} in its time`);
  if (perMs > MAX_WINDOW_MS) return bad('must be in 31d at most', 'use a quota of a tier for longer times');
  return count > perMs * 1e6 ? bad('must be 1000000 a millisecond at most') : rate;
}

const amount = boundedInteger({ min: 1, max: MAX_AMOUNT });

export const limitCost = z
  .union(
    [
      amount.transform((only): LimitCost => ({ kind: 'fixed', amount: only })),
      z
        .strictObject({
          header: lowerFieldName.describe('Field of the answer that tells the cost, a whole number. Required.'),
          ahead: amount
            .prefault(1)
            .describe(`What is taken when the request comes, until the answer tells. A whole number from 1 to ${MAX_AMOUNT}; default 1.`),
        })
        .transform(({ header, ahead }): LimitCost => ({ kind: 'header', name: header, ahead })),
    ],
    { error: `must be a whole number from 1 to ${MAX_AMOUNT}, or a mapping with \`header\`` },
  )
  .prefault(1)
  .describe(`What a request costs: a whole number from 1 to ${MAX_AMOUNT}, or { header: NAME } where the answer tells it; default 1.`);

const parts = {
  name: nameText.optional().describe('Name in RateLimit fields and metrics. Limits of one name are one limit; default made from the rate.'),
  rate: parsedText(parseLimitRate).optional().describe('So many in a time, such as 100/1m. This or `concurrency` is required.'),
  burst: amount.optional().describe(`How many may come at once. A whole number from 1 to ${MAX_AMOUNT}; default that of \`rate\`.`),
  algorithm: word('How a rate is counted.', ['token-bucket', 'sliding-window']),
  cost: limitCost,
  maxDelay: durationValue({ min: 1, max: MAX_DELAY_MS })
    .optional()
    .describe('Longest wait with action throttle; 429 for who would wait longer. A duration from 1ms to 24s; default 2s.'),
  concurrency: boundedInteger({ min: 1, max: MAX_CONCURRENCY })
    .optional()
    .describe(`So many at the same time. A whole number from 1 to ${MAX_CONCURRENCY}. This or \`rate\` is required.`),
};

const routeLimit = z
  .strictObject({
    ...parts,
    key: limitKey,
    action: z
      .enum(['reject', 'throttle', 'shadow'], { error: 'must be one of reject, throttle, shadow' })
      .optional()
      .describe('What happens beyond it: reject (429), throttle (the request waits its turn), shadow (it is counted); default reject.'),
  })
  .superRefine(checkLimit);

const tierLimit = z
  .strictObject({
    ...parts,
    action: z
      .enum(['reject', 'throttle', 'shadow', 'overage'], { error: 'must be one of reject, throttle, shadow, overage' })
      .optional()
      .describe('What happens beyond it: reject, throttle, shadow, overage; default reject, or overage where the tier allows it.'),
  })
  .superRefine(checkLimit);

export type ParsedRouteLimit = z.output<typeof routeLimit>;
export type ParsedTierLimit = z.output<typeof tierLimit>;

const rateAlone = checkedText((text) => {
  const rate = parseLimitRate(text);
  return rate.kind === 'ok' ? good(text) : rate;
});
const MUST_BE = 'must be a rate such as 100/1m, or a mapping with `rate` or `concurrency`';
const MUST_BE_LIST = 'must be a list of limits';
const TOO_MANY = `must not have more than ${MAX_LIMITS} limits`;

export const routeLimits = z
  .array(z.union([rateAlone.transform((rate) => routeLimit.parse({ rate })), routeLimit], { error: MUST_BE }), { error: MUST_BE_LIST })
  .max(MAX_LIMITS, { error: TOO_MANY })
  .prefault([])
  .describe('Limits that must all hold, or nothing is charged: rates such as 100/1m by consumer, or mappings; default none.');

export const tierLimits = z
  .array(z.union([rateAlone.transform((rate) => tierLimit.parse({ rate })), tierLimit], { error: MUST_BE }), { error: MUST_BE_LIST })
  .max(MAX_LIMITS, { error: TOO_MANY })
  .prefault([]);

export const limiterSchema = z
  .strictObject({
    memory: size('Shared memory for rates; about 32 bytes a key. Taken when something is limited.', {
      min: 2 ** 20,
      max: 2 ** 34,
      byDefault: '32MiB',
    }),
    maxDelayed: wholeNumber('Requests that wait their turn on one worker; those of one key take half of it at most. Over it: 429.', {
      min: 0,
      max: 1_000_000,
      byDefault: 10_000,
    }),
  })
  .prefault({})
  .describe('Bounds of the limiter itself.');

export const limitFieldsSchema = word(
  'Fields that tell a client its limits: RateLimit and RateLimit-Policy (draft), X-RateLimit-* (legacy).',
  ['draft', 'legacy', 'both', 'none'],
);

type Settings = {
  readonly rate?: Rate | undefined;
  readonly concurrency?: number | undefined;
  readonly burst?: number | undefined;
  readonly algorithm: string;
  readonly cost: LimitCost;
  readonly maxDelay?: number | undefined;
  readonly action?: LimitAction | undefined;
};

/** What the parts of one limit say about each other. */
function checkLimit(limit: Settings, context: IssueContext): void {
  const refuse: Refuse = (key, message) => context.addIssue({ code: 'custom', message, path: [key] });
  if ((limit.rate === undefined) === (limit.concurrency === undefined)) {
    context.addIssue({ code: 'custom', message: 'must have exactly one of rate, concurrency' });
    return;
  }
  if (limit.maxDelay !== undefined && limit.action !== 'throttle') refuse('maxDelay', 'needs `action: throttle`');
  if (limit.rate === undefined) checkConcurrency(limit, refuse);
  else checkRate(limit, limit.rate, refuse);
}

type Refuse = (key: string, message: string) => void;

function checkConcurrency({ burst, algorithm, cost, action }: Settings, refuse: Refuse): void {
  if (burst !== undefined) refuse('burst', 'does not go with `concurrency`, which counts what is under way');
  if (algorithm !== 'token-bucket') refuse('algorithm', 'does not go with `concurrency`, which counts what is under way');
  if (cost.kind !== 'fixed' || cost.amount !== 1) refuse('cost', 'does not go with `concurrency`, where each request is one');
  if (action === 'throttle' || action === 'overage') refuse('action', 'must be reject or shadow with `concurrency`');
}

function checkRate({ burst, algorithm, cost, action }: Settings, rate: Rate, refuse: Refuse): void {
  const most = burst ?? rate.count;
  const least = cost.kind === 'fixed' ? cost.amount : cost.ahead;
  if (least > most) refuse('cost', `must not be above ${most}, which is all that there can be at once`);
  if (algorithm !== 'sliding-window') return;
  if (rate.perMs < MIN_SLIDING_WINDOW_MS) refuse('rate', `must be in ${MIN_SLIDING_WINDOW_MS}ms at least with a sliding window`);
  if (burst !== undefined) refuse('burst', 'does not go with a sliding window, where the whole rate may come at once');
  if (action === 'throttle') refuse('action', 'cannot be throttle with a sliding window, which knows no turn to wait for');
}
