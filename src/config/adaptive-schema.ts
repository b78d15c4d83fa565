import { z } from 'zod';
import { duration, looseBoolean, optionalDuration, percent, wholeNumber, word } from './scalars.ts';
import type { AdaptiveConfig } from './types.ts';

/** How many requests an upstream may have at once, found out by Sluice: `adaptive` of an upstream, `shed` of a route. */

const MAX_LIMIT = 1_000_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const adaptiveObject = z
  .strictObject({
    enabled: looseBoolean().prefault(true).describe('Whether requests are limited. true or false; default true.'),
    algorithm: word('What moves the limit: how much slower answers are than without a queue (gradient), or than `target` (aimd).', [
      'gradient',
      'aimd',
    ]),
    minLimit: wholeNumber('Requests that may always be in flight.', { min: 1, max: MAX_LIMIT, byDefault: 3 }),
    maxLimit: wholeNumber('Requests that may be in flight at most.', { min: 1, max: MAX_LIMIT, byDefault: 1000 }),
    initialLimit: wholeNumber('Where the limit begins, within these two.', { min: 1, max: MAX_LIMIT, byDefault: 20 }),
    window: duration('The limit is changed no more often; less often where answers take longer.', {
      min: 50,
      max: HOUR_MS,
      byDefault: '100ms',
    }),
    percentile: percent('Which of the response times is compared with `target`, with aimd.', { min: 1, max: 100, byDefault: '90%' }),
    headroom: percent('How much longer answers may take than without a queue, with gradient.', { min: 1, max: 100, byDefault: '25%' }),
    recalculate: duration(
      'With gradient, how often the response time without a queue is measured anew, by halving the limit for a moment.',
      {
        min: 1000,
        max: DAY_MS,
        byDefault: '60s',
      },
    ),
    target: optionalDuration('The response time that is too long, with aimd; required there.', { min: 1, max: HOUR_MS, byDefault: 'none' }),
    backoff: percent('What is left of the limit after a window that was too slow, with aimd.', { min: 10, max: 99, byDefault: '90%' }),
  })
  .superRefine((value, context) => {
    const refuse = (key: string, message: string): void => context.addIssue({ code: 'custom', message, path: [key] });
    if (value.minLimit > value.maxLimit) refuse('minLimit', 'must not be above `maxLimit`');
    if (value.algorithm === 'aimd' && value.target === undefined) refuse('algorithm', 'needs a `target`, such as 500ms');
  });

export type ParsedAdaptive = z.output<typeof adaptiveObject>;

export const adaptiveSchema = z
  .union([looseBoolean().transform((enabled) => adaptiveObject.parse({ enabled })), adaptiveObject], {
    error: 'must be true, false, or a mapping',
  })
  .optional()
  .describe('Requests in flight are limited to what the upstream can take, the excess gets 503. true, false, or a mapping; default false.');

const shedObject = z.strictObject({
  priority: word('Of the routes to an upstream with `adaptive`: the low ones are shed first, the high ones last.', [
    'normal',
    'high',
    'low',
  ]),
});

const shed = z.union([z.enum(['normal', 'high', 'low']).transform((priority) => shedObject.parse({ priority })), shedObject], {
  error: 'must be high, normal, low, or a mapping with `priority`',
});

export const shedSchema = shed
  .prefault({})
  .describe('Who gives way when the upstream has too many requests: high, normal, low, or a mapping; default normal.');

export const tierShedSchema = shed
  .optional()
  .describe('The same for consumers of this tier, on whatever route: high, normal, low, or a mapping; default that of the route.');

export function compileAdaptive(parsed: ParsedAdaptive | undefined): AdaptiveConfig | undefined {
  if (parsed === undefined || !parsed.enabled) return undefined;
  const { minLimit, maxLimit, initialLimit } = parsed;
  return {
    algorithm: parsed.algorithm,
    minLimit,
    maxLimit,
    initialLimit: Math.min(maxLimit, Math.max(minLimit, initialLimit)),
    windowMs: parsed.window,
    quantile: parsed.percentile,
    headroom: parsed.headroom,
    recalculateMs: parsed.recalculate,
    targetMs: parsed.target ?? 0,
    backoff: parsed.backoff,
  };
}
