import { z } from 'zod';
import { notAvailable } from './planned.ts';
import { bad, good, type Parsed } from './problem.ts';
import { didYouMean } from './suggest.ts';
import { DURATION_PATTERN, formatDuration, formatSize, parseDuration, parsePercent, parseSize, SIZE_PATTERN } from './units.ts';

/**
 * The leaves of the schema. Each carries a description with unit, bounds and default, from which the JSON Schema and the
 * reference are made, and refuses what is out of bounds by naming them. Text is accepted where a number or a flag is meant,
 * because `${env:NAME}` gives text.
 */

export type Range = { readonly min: number; readonly max: number };
export type Bounds<Default> = Range & { readonly byDefault: Default };

/** Extends a JSON Schema pattern by references that are only known at load. */
const orReference = (pattern: string): string => `${pattern}|\\$\\{`;

export function duration(what: string, bounds: Bounds<string>) {
  return durationValue(bounds)
    .prefault(bounds.byDefault)
    .describe(`${what} A duration ${durationRange(bounds)}; default ${bounds.byDefault}.`);
}

/** A duration that may be left out; `otherwise` says what holds then. */
export function optionalDuration(what: string, bounds: Bounds<string>) {
  return durationValue(bounds)
    .optional()
    .describe(`${what} A duration ${durationRange(bounds)}; default ${bounds.byDefault}.`);
}

/** A duration without default or description, in ms. */
export function durationValue(bounds: Range) {
  const range = durationRange(bounds);
  return z
    .union([z.string().meta({ pattern: orReference(DURATION_PATTERN) }), z.literal(0)], { error: messageOf(parseDuration('?')) })
    .transform((value, context) => within(parseDuration(String(value)), bounds, { context, range }));
}

function durationRange({ min, max }: Range): string {
  return `from ${formatDuration(min)} to ${formatDuration(max)}`;
}

export function size(what: string, bounds: Bounds<string>) {
  return sizeValue(bounds)
    .prefault(bounds.byDefault)
    .describe(`${what} A size ${sizeRange(bounds)}; default ${bounds.byDefault}.`);
}

/** A size that may be left out; `byDefault` says what holds then. */
export function optionalSize(what: string, bounds: Bounds<string>) {
  return sizeValue(bounds)
    .optional()
    .describe(`${what} A size ${sizeRange(bounds)}; default ${bounds.byDefault}.`);
}

function sizeValue(bounds: Range) {
  const range = sizeRange(bounds);
  return z
    .union([z.string().meta({ pattern: orReference(SIZE_PATTERN) }), z.literal(0)], { error: messageOf(parseSize('?')) })
    .transform((value, context) => within(parseSize(String(value)), bounds, { context, range }));
}

function sizeRange({ min, max }: Range): string {
  return `from ${formatSize(min)} to ${formatSize(max)}`;
}

export function wholeNumber(what: string, bounds: Bounds<number>) {
  return boundedInteger(bounds)
    .prefault(bounds.byDefault)
    .describe(`${what} A whole number from ${bounds.min} to ${bounds.max}; default ${bounds.byDefault}.`);
}

/** A whole number without a default. */
export function boundedInteger({ min, max }: Range) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .union([z.int({ error }).min(min, { error }).max(max, { error }), z.string().meta({ pattern: orReference('^-?[0-9]+$') })], { error })
    .transform((value, context): number => {
      const number = typeof value === 'number' ? value : /^-?\d{1,15}$/.test(value) ? Number(value) : Number.NaN;
      if (number >= min && number <= max) return number;
      context.addIssue({ code: 'custom', message: error });
      return z.NEVER;
    });
}

/** A number, whole or not. */
export function numberBetween(what: string, { min, max, byDefault }: Bounds<number>) {
  const error = `must be a number from ${min} to ${max}`;
  return z
    .union(
      [z.number({ error }).min(min, { error }).max(max, { error }), z.string().meta({ pattern: orReference('^[0-9]+(\\.[0-9]+)?$') })],
      {
        error,
      },
    )
    .transform((value, context): number => {
      const number = typeof value === 'number' ? value : /^\d{1,9}(\.\d{1,9})?$/.test(value) ? Number(value) : Number.NaN;
      return number >= min && number <= max ? number : passOn(bad(error), context);
    })
    .prefault(byDefault)
    .describe(`${what} A number from ${min} to ${max}; default ${byDefault}.`);
}

/** A share, as `20%`; 0 to 1 after parsing. Bounds in percent. */
export function percent(what: string, bounds: Bounds<string>) {
  const range = `from ${bounds.min}% to ${bounds.max}%`;
  return parsedText(parsePercent, 'must be a percentage as text, such as 10%')
    .refine((share) => share >= bounds.min / 100 && share <= bounds.max / 100, { error: `must be ${range}` })
    .prefault(bounds.byDefault)
    .describe(`${what} A percentage ${range}; default ${bounds.byDefault}.`);
}

export function flag(what: string, byDefault: boolean) {
  return looseBoolean().prefault(byDefault).describe(`${what} true or false; default ${byDefault}.`);
}

export function looseBoolean() {
  const error = 'must be true or false';
  return z
    .union([z.boolean({ error }), z.string().meta({ pattern: orReference('^(true|false)$') })], { error })
    .transform((value, context): boolean => {
      if (typeof value === 'boolean') return value;
      if (value === 'true' || value === 'false') return value === 'true';
      context.addIssue({ code: 'custom', message: error });
      return z.NEVER;
    });
}

/** One of a few words; `later` are words of coming versions with what they wait for. */
export function word<const Words extends readonly [string, ...string[]]>(
  what: string,
  words: Words,
  later: Readonly<Record<string, string>> = {},
) {
  const [first] = words;
  const choice = words.length > 1 ? `one of ${words.join(', ')}` : `"${first}"`;
  const error = ({ input }: { readonly input?: unknown }): string => {
    const feature = typeof input === 'string' && Object.hasOwn(later, input) ? later[input] : undefined;
    if (feature !== undefined) return notAvailable(feature);
    const hint = typeof input === 'string' ? didYouMean(input, words) : undefined;
    return `must be ${choice}${hint === undefined ? '' : `; ${hint}`}`;
  };
  return z.enum(words, { error }).prefault(first).describe(`${what} Must be ${choice}; default ${first}.`);
}

/** Upper case, whatever was written. */
export function parseMethod(text: string): Parsed<string> {
  const method = text.toUpperCase();
  return /^[A-Z][A-Z0-9_-]{0,31}$/.test(method) ? good(method) : bad('is not a method, such as GET');
}

/** Text that `parse` judges and turns into what the inside wants. */
export function parsedText<T>(parse: (text: string) => Parsed<T>, hint = 'must be text; put it in quotes') {
  return z.string({ error: hint }).transform((text, context): T => passOn(parse(text), context));
}

/** As `parsedText`, where the text stays text: usable as the key of a mapping. */
export function checkedText(parse: (text: string) => Parsed<string>) {
  return z.string({ error: 'must be text; put it in quotes' }).superRefine((text, context) => void passOn(parse(text), context));
}

/** The issue reporter that zod hands to a transform, as far as it is used here. */
export type IssueContext = {
  addIssue(issue: { code: 'custom'; message: string; params?: Record<string, unknown>; path?: PropertyKey[] }): void;
};

export function passOn<T>(parsed: Parsed<T>, context: IssueContext): T {
  if (parsed.kind === 'ok') return parsed.value;
  context.addIssue({
    code: 'custom',
    message: parsed.message,
    ...(parsed.remedy === undefined ? {} : { params: { remedy: parsed.remedy } }),
  });
  return z.NEVER;
}

type Within = { readonly context: IssueContext; readonly range: string };

function within(parsed: Parsed<number>, bounds: Range, { context, range }: Within): number {
  if (parsed.kind === 'ok' && (parsed.value < bounds.min || parsed.value > bounds.max)) {
    return passOn({ kind: 'bad', message: `must be ${range}` }, context);
  }
  return passOn(parsed, context);
}

function messageOf(parsed: Parsed<number>): string {
  return parsed.kind === 'bad' ? parsed.message : '';
}
