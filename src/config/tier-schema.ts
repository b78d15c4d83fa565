import { z } from 'zod';
import { tierShedSchema } from './adaptive-schema.ts';
import { limitCost, tierLimits } from './limit-schema.ts';
import type { CalendarUnit } from './limit-types.ts';
import { nameText } from './listener-schema.ts';
import { bad, good, type Parsed } from './problem.ts';
import { boundedInteger, checkedText, duration, flag, looseBoolean, word } from './scalars.ts';
import { didYouMean } from './suggest.ts';

/** Tiers and their quotas, and which of them hold on a route. */

/** The table of quotas counts to 2.7e11: so far goes overage. */
const MAX_QUOTA = 1e11;
const MAX_TIERS = 1000;
const UNITS = ['hour', 'day', 'month'] as const;

function parseTimeZone(text: string): Parsed<string> {
  try {
    Intl.DateTimeFormat('en', { timeZone: text });
    return good(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return bad(
      `there is no time zone "${text}"`,
      didYouMean(text, Intl.supportedValuesOf('timeZone')) ?? 'write it as Europe/Berlin or UTC',
    );
  }
}

const QUOTA_TEXT = /^(\d{1,15})\/(hour|day|month)$/;

const quotaText = checkedText((text) => {
  const amount = Number(QUOTA_TEXT.exec(text)?.[1]);
  return amount >= 1 && amount <= MAX_QUOTA
    ? good(text)
    : bad(`must be a number from 1 to ${MAX_QUOTA} an hour, a day or a month, such as 1000/month`);
});

const quotaObject = z.strictObject({
  name: nameText
    .optional()
    .describe('Name in RateLimit fields and metrics; default the calendar unit. Quotas of one name are one in all tiers.'),
  amount: boundedInteger({ min: 1, max: MAX_QUOTA }).describe(`How much. A whole number from 1 to ${MAX_QUOTA}. Required.`),
  per: z.enum(UNITS, { error: 'must be one of hour, day, month' }).describe('The unit of the calendar: hour, day, month. Required.'),
  timeZone: checkedText(parseTimeZone).prefault('UTC').describe('Whose calendar: a name of the IANA, such as Europe/Berlin; default UTC.'),
  soft: looseBoolean()
    .optional()
    .describe('Whether requests beyond it go on and count as overage. true or false; default that of `overage` of the tier.'),
  cost: limitCost,
});

export type ParsedQuota = z.output<typeof quotaObject>;

export const quotas = z
  .array(
    z.union([quotaText.transform((text) => quotaObject.parse(quotaParts(text))), quotaObject], {
      error: 'must be a quota such as 1000/month, or a mapping with `amount` and `per`',
    }),
    { error: 'must be a list of quotas' },
  )
  .max(32, { error: 'must not have more than 32 quotas' })
  .prefault([]);

function quotaParts(text: string): { amount: number; per: CalendarUnit } {
  const parts = QUOTA_TEXT.exec(text);
  return { amount: Number(parts?.[1]), per: UNITS.find((unit) => unit === parts?.[2]) ?? 'hour' };
}

const overage = z
  .union(
    [
      looseBoolean().transform((allow) => ({ allow })),
      z.strictObject({ allow: flag('Whether requests beyond the limits and quotas go on and count as overage.', false) }),
    ],
    { error: 'must be true, false, or a mapping with `allow`' },
  )
  .prefault(false)
  .describe('What goes beyond the limits and quotas of the tier. true, false, or a mapping; default false.');

const tier = z.strictObject(
  {
    limits: tierLimits.describe('Limits of each consumer over all routes with this tier: rates such as 100/1h, or mappings; default none.'),
    quotas: quotas.describe('Amounts for each hour, day or month of the calendar: texts such as 1000/month, or mappings; default none.'),
    overage,
    shed: tierShedSchema,
  },
  { error: 'must be a mapping with `limits` or `quotas`' },
);

export type ParsedTier = z.output<typeof tier>;

export const tiersSchema = z
  .record(nameText, tier, { error: 'must be a mapping of names to tiers' })
  .superRefine((all, context) => {
    if (Object.keys(all).length > MAX_TIERS) context.addIssue({ code: 'custom', message: `must not have more than ${MAX_TIERS} tiers` });
  })
  .prefault({})
  .describe('What consumers may have, by the name of a tier; default none.');

const routeTiersObject = z.strictObject({
  from: word('What tells the tier of a request.', ['consumer.tier']),
  plan: z
    .array(nameText, { error: 'must be a list of names of tiers' })
    .min(1, { error: 'must have at least one tier' })
    .max(MAX_TIERS)
    .optional()
    .describe('The tiers that hold here; default all.'),
  default: nameText.optional().describe('The tier of who has none of these; default the first one of `plan`.'),
});

export type ParsedRouteTiers = z.output<typeof routeTiersObject>;

export const routeTiersSchema = z
  .union(
    [
      looseBoolean().transform((isOn) => (isOn ? routeTiersObject.parse({}) : undefined)),
      z
        .array(nameText)
        .min(1, { error: 'must have at least one tier' })
        .max(MAX_TIERS)
        .transform((plan) => routeTiersObject.parse({ plan })),
      routeTiersObject,
    ],
    { error: 'must be true, false, a list of names of tiers, or a mapping' },
  )
  .optional()
  .describe('The tiers whose limits and quotas hold here: true for all, a list of names, or a mapping; default none.');

export const usageSchema = z
  .strictObject({
    flush: duration('How often what was used of quotas is written to `store`: so much is lost with the process.', {
      min: 10,
      max: 3_600_000,
      byDefault: '1s',
    }),
  })
  .prefault({})
  .describe('Accounts of what was used.');
