import { z } from 'zod';
import { parseFieldName } from './fields.ts';
import { bad, good, type Parsed } from './problem.ts';
import {
  checkedText,
  duration,
  durationValue,
  flag,
  looseBoolean,
  optionalDuration,
  optionalSize,
  parsedText,
  passOn,
  size,
  wholeNumber,
} from './scalars.ts';
import type { CacheMethod, KeyQuery, StatusRange, StatusTtl, TtlOverride } from './types.ts';
import { parsePercent } from './units.ts';

const DAY_MS = 86_400_000;
const YEAR_MS = 365 * DAY_MS;
const MAX_NAMES = 100;
const METHODS: readonly CacheMethod[] = ['GET', 'HEAD', 'QUERY'];

function parseCacheMethod(text: string): Parsed<CacheMethod> {
  const method = METHODS.find((one) => one === text.toUpperCase());
  return method === undefined ? bad(`must be one of ${METHODS.join(', ')}`) : good(method);
}

/** `404`, `4xx` or `any`. */
function parseStatuses(text: string): Parsed<StatusRange> {
  if (text === 'any') return good({ fromStatus: 100, toStatus: 599 });
  if (/^[2-5]xx$/.test(text)) return good({ fromStatus: Number(text[0]) * 100, toStatus: Number(text[0]) * 100 + 99 });
  if (/^[2-5]\d\d$/.test(text)) return good({ fromStatus: Number(text), toStatus: Number(text) });
  return bad('must be a status from 200 to 599, a class such as 4xx, or any');
}

function parseKeyPart(text: string): Parsed<string> {
  return text.length > 0 && text.length <= 256 ? good(text) : bad('must have 1 to 256 characters');
}

function parseCookieName(text: string): Parsed<string> {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/.test(text) ? good(text) : bad('is not the name of a cookie (RFC 6265 4.1.1)');
}

const fieldName = parsedText((text) => {
  const name = parseFieldName(text);
  return name.kind === 'ok' ? good(name.value.toLowerCase()) : name;
});

const statuses = checkedText((text) => {
  const range = parseStatuses(text);
  return range.kind === 'ok' ? good(text) : range;
});

function rangeOf(text: string): StatusRange {
  const range = parseStatuses(text);
  // The keys have been checked by `statuses`.
  return range.kind === 'ok' ? range.value : { fromStatus: 0, toStatus: 0 };
}

/** Exact statuses first, then classes, then all: the first that holds a status is the one that is meant for it. */
function narrowestFirst<T extends StatusRange>(ranges: readonly T[]): T[] {
  return ranges.toSorted((a, b) => a.toStatus - a.fromStatus - (b.toStatus - b.fromStatus) || a.fromStatus - b.fromStatus);
}

const names = z.array(parsedText(parseKeyPart), { error: 'must be a list of names' }).max(MAX_NAMES);

const keyQuery = z
  .union(
    [
      z.literal('all').transform((): KeyQuery => ({ kind: 'all' })),
      names.transform((list): KeyQuery => ({ kind: 'keep', names: list })),
      z
        .strictObject({
          keep: names.optional().describe('Parameters that count; all others do not.'),
          ignore: names.optional().describe('Parameters that do not count, such as utm_source; all others do.'),
        })
        .transform((value, context): KeyQuery => {
          if ((value.keep === undefined) === (value.ignore === undefined))
            return passOn(bad('must have exactly one of keep and ignore'), context);
          return value.keep === undefined ? { kind: 'ignore', names: value.ignore ?? [] } : { kind: 'keep', names: value.keep };
        }),
    ],
    { error: 'must be all, a list of parameters to keep, or a mapping with `keep` or `ignore`' },
  )
  .prefault('all')
  .describe('Parameters of the query that count: all, a list, or a mapping; default all.');

const key = z
  .strictObject({
    query: keyQuery,
    sortQuery: flag('Whether parameters in another order are the same request.', true),
    headers: z
      .array(fieldName, { error: 'must be a list of header names' })
      .max(MAX_NAMES)
      .prefault([])
      .describe('Header fields of the request whose values count; default none.'),
    cookies: z
      .array(parsedText(parseCookieName), { error: 'must be a list of cookie names' })
      .max(MAX_NAMES)
      .prefault([])
      .describe('Cookies whose values count; default none.'),
  })
  .prefault({})
  .describe('What tells one cached answer from another, beside scheme, host, path and Vary.');

const percent = parsedText(parsePercent, 'must be a percentage as text, such as 10%');

const heuristicObject = z.strictObject({
  fraction: percent.prefault('10%').describe('Share of the time since Last-Modified. A percentage; default 10%.'),
  max: duration('Longest guess.', { min: 0, max: YEAR_MS, byDefault: '1d' }),
});

const heuristic = z
  .union([looseBoolean().transform((isOn) => heuristicObject.parse(isOn ? {} : { fraction: '0%' })), heuristicObject], {
    error: 'must be true, false, or a mapping with `fraction` and `max`',
  })
  .prefault({})
  .describe('Guessed freshness of answers that state none (RFC 9111 4.2.2). true, false, or a mapping.');

const ttlRange = { min: 0, max: YEAR_MS };

const negativeTtl = z
  .record(statuses, durationValue(ttlRange), { error: 'must be a mapping of statuses to durations' })
  .transform((byStatus): StatusTtl[] => narrowestFirst(Object.entries(byStatus).map(([text, ttlMs]) => ({ ...rangeOf(text), ttlMs }))))
  .prefault({})
  .describe('Freshness by status, such as { 404: 10s, 5xx: 1s }, of answers that state none; before `defaultTtl`; default none.');

const ttlObject = z
  .strictObject({
    min: duration('Shortest freshness.', { ...ttlRange, byDefault: '0s' }),
    max: optionalDuration('Longest freshness.', { ...ttlRange, byDefault: 'none' }),
    force: optionalDuration('Freshness whatever the answer states, no-store and private excepted.', { ...ttlRange, byDefault: 'none' }),
  })
  .superRefine(({ min, max }, context) => {
    if (max !== undefined && max < min) context.addIssue({ code: 'custom', message: 'must not be below `min`', path: ['max'] });
  });

const ttlEntry = z.union([durationValue(ttlRange).transform((force) => ({ ...ttlObject.parse({}), force })), ttlObject], {
  error: 'must be a duration, which is forced, or a mapping with min, max, force',
});

const ttl = z
  .record(statuses, ttlEntry, { error: 'must be a mapping of statuses to durations or mappings' })
  .transform((byStatus): TtlOverride[] =>
    narrowestFirst(
      Object.entries(byStatus).map(([text, { min, max, force }]) => ({
        ...rangeOf(text),
        minTtlMs: min,
        maxTtlMs: max,
        forceTtlMs: force,
      })),
    ),
  )
  .prefault({})
  .describe('Corrects the freshness that answers state, by status (404, 4xx, any): a duration, or a mapping; default none.');

const tagsHeader = z
  .union([fieldName.transform((only) => [only]), z.array(fieldName).max(16)], { error: 'must be a header name or a list of them' })
  .prefault(['surrogate-key', 'cache-tag'])
  .describe('Response fields that list tags to purge by; default [surrogate-key, cache-tag].');

const staleBounds = { min: 0, max: YEAR_MS, byDefault: '0s' };

const cacheObject = z.strictObject({
  enabled: flag('Whether answers are cached.', true),
  methods: z
    .array(parsedText(parseCacheMethod), { error: 'must be a list of methods' })
    .min(1, { error: 'must have at least one method' })
    .max(METHODS.length)
    .prefault(['GET', 'HEAD'])
    .describe('Methods answered from the cache, of GET, HEAD and QUERY; default [GET, HEAD].'),
  maxObject: optionalSize('Longest body that is stored.', {
    min: 0,
    max: 2 ** 36,
    byDefault: '10MiB, or a quarter of `cacheMemory` where that is less',
  }),
  key,
  staleWhileRevalidate: duration(
    'How long a stale answer is served while a new one is fetched, where it does not say (RFC 5861).',
    staleBounds,
  ),
  staleIfError: duration('How long a stale answer is served when the upstream fails, where it does not say (RFC 5861).', {
    ...staleBounds,
    byDefault: '1m',
  }),
  defaultTtl: duration('Freshness of answers that state none; 0 leaves them to the heuristic.', staleBounds),
  heuristic,
  negativeTtl,
  ttl,
  storeSetCookie: flag('Whether answers with Set-Cookie may be stored.', false),
  tagsHeader,
  targeted: z
    .array(fieldName, { error: 'must be a list of header names' })
    .max(16)
    .prefault(['cdn-cache-control'])
    .describe('Fields that go before Cache-Control (RFC 9213), the most specific first; default [cdn-cache-control].'),
  debug: flag('Whether Cache-Status tells the key.', false),
  maxVariants: wholeNumber('Answers held for one key that differ by Vary.', { min: 1, max: 1000, byDefault: 32 }),
  noVarySearch: flag('Whether No-Vary-Search of an answer is honoured.', true),
  ignoreClientCacheControl: flag('Whether Cache-Control and Pragma of requests are ignored, only-if-cached excepted.', false),
});

export type ParsedCache = z.output<typeof cacheObject>;

export const cacheSchema = z
  .union([looseBoolean().transform((enabled) => cacheObject.parse({ enabled })), cacheObject], {
    error: 'must be true, false, or a mapping',
  })
  .optional()
  .describe('HTTP cache of the route (RFC 9111). true, false, or a mapping; default false.');

export const cacheMemory = size('Shared memory of the HTTP cache, its tables included; taken when a route caches.', {
  min: 2 ** 20,
  max: 2 ** 36,
  byDefault: '256MiB',
});

const folder = checkedText((text) =>
  text.length > 0 && text.length <= 4096 && !text.includes('\0') ? good(text) : bad('must be the path of a folder'),
);

const storeObject = z.strictObject({
  path: folder.describe('Folder, from the folder of the configuration. Required.'),
  cacheDisk: size('What the HTTP cache may keep on disk; 0 keeps nothing.', { min: 0, max: 2 ** 50, byDefault: '1GiB' }),
  idempotencyDisk: size('What the records of Idempotency-Key may take.', { min: 2 ** 20, max: 2 ** 50, byDefault: '1GiB' }),
});

export const storeSchema = z
  .union([folder.transform((path) => storeObject.parse({ path })), storeObject], {
    error: 'must be the path of a folder as text, or a mapping with `path`',
  })
  .optional()
  .describe('What outlives the process: the path of a folder, or a mapping; default none.');
