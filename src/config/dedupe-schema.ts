import { SAFE_METHODS } from '../http/methods.ts';
import { z } from 'zod';
import { parseFieldName } from './fields.ts';
import { bad, good, type Parsed } from './problem.ts';
import { duration, flag, looseBoolean, optionalDuration, parsedText, parseMethod, size, wholeNumber } from './scalars.ts';
import type { DedupeKeyConfig, IdempotencyScope } from './dedupe-types.ts';

/** How requests share one upstream request: `collapse` and `dedupe` of a route. */

const SECOND_MS = 1000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const MIB = 2 ** 20;
const MAX_METHODS = 32;
const MAX_NAMES = 100;

const collapseObject = z.strictObject({
  enabled: flag('Whether requests wait for one another.', true),
  maxWait: duration('How long a request waits for another one to be answered; after it: to the upstream.', {
    min: 0,
    max: HOUR_MS,
    byDefault: '10s',
  }),
  maxFollowers: wholeNumber('Requests that wait for the same answer on one worker; over it: to the upstream.', {
    min: 0,
    max: 1_000_000,
    byDefault: 10_000,
  }),
  uncacheableFor: duration('How long a URL whose answer could not be shared is remembered, so that nobody waits for it.', {
    min: 0,
    max: DAY_MS,
    byDefault: '60s',
  }),
});

export type ParsedCollapse = z.output<typeof collapseObject>;

export const collapseSchema = z
  .union([looseBoolean().transform((enabled) => collapseObject.parse({ enabled })), collapseObject], {
    error: 'must be true, false, or a mapping',
  })
  .prefault(true)
  .describe('Of requests for what the cache does not have, one on the whole host goes to the upstream. Default true where `cache` is on.');

const method = parsedText(parseMethod);

const fieldName = parsedText((text) => {
  const name = parseFieldName(text);
  return name.kind === 'ok' ? good(name.value.toLowerCase()) : name;
});

/** Of the key: these words are no header names there. */
const KEY_WORDS = ['method', 'url', 'headers', 'body', 'ip'];

const key = z
  .array(fieldName, { error: 'must be a list of method, url, headers, body, ip and header names' })
  .min(1, { error: 'must have at least one part' })
  .max(MAX_NAMES)
  .transform(
    (parts): DedupeKeyConfig => ({
      hasMethod: parts.includes('method'),
      hasUrl: parts.includes('url'),
      hasBody: parts.includes('body'),
      hasHeaders: parts.includes('headers'),
      hasAddress: parts.includes('ip'),
      headers: [...new Set(parts.filter((part) => !KEY_WORDS.includes(part)))],
    }),
  )
  .prefault(['method', 'url', 'headers', 'body'])
  .describe(
    "What is equal in identical requests: method, url, body, ip (the client's address), names of header fields, or headers for all but those of the way (X-Forwarded-For, traces); default [method, url, headers, body]. Credentials, conditions, ranges and what is accepted always are.",
  );

const SCOPES = ['consumer', 'ip', 'none'] as const;

const scope = fieldName
  .transform((text): IdempotencyScope => {
    const kind = SCOPES.find((word) => word === text);
    return kind === undefined ? { kind: 'header', name: text } : { kind };
  })
  .prefault('consumer')
  .describe(
    'Whose a key is: consumer (whoever sends the same Authorization, API key and the like), ip, none, or the name of a header field that tells; default consumer.',
  );

const onConcurrent = z
  .union(
    [
      z.literal('wait').transform((): 'wait' | 'conflict' => 'wait'),
      z.union([z.literal(409), z.literal('409')]).transform((): 'wait' | 'conflict' => 'conflict'),
    ],
    { error: 'must be wait or 409' },
  )
  .prefault('wait')
  .describe('What a request gets while another one with its key runs: wait (for the answer of that one) or 409; default wait.');

/** A method that changes nothing may be sent again anyhow. */
const keyedMethod = parsedText((text): Parsed<string> => {
  const parsed = parseMethod(text);
  return parsed.kind === 'ok' && SAFE_METHODS.has(parsed.value) ? bad('is a safe method, which needs no key') : parsed;
});

const idempotencyObject = z.strictObject({
  header: fieldName.prefault('idempotency-key').describe('Field of the request with the key; default Idempotency-Key.'),
  ttl: duration('How long an answer is kept for those who send its key again.', { min: SECOND_MS, max: 90 * DAY_MS, byDefault: '24h' }),
  required: flag('Whether a request without a key is refused (400).', false),
  onConcurrent,
  scope,
  methods: z
    .array(keyedMethod, { error: 'must be a list of methods' })
    .min(1, { error: 'must have at least one method' })
    .max(MAX_METHODS)
    .prefault(['POST', 'PATCH'])
    .describe('Methods whose keys count; default [POST, PATCH].'),
  maxBody: size('Body of a request with a key. Over it: 413.', { min: 0, max: 64 * MIB, byDefault: '1MiB' }),
  maxAnswer: size('Longest body of an answer that is kept. The key of a longer one is used up: 409.', {
    min: 0,
    max: 64 * MIB,
    byDefault: '1MiB',
  }),
  maxWait: optionalDuration('How long a request waits for the one that runs. After it: 409.', {
    min: 0,
    max: HOUR_MS,
    byDefault: 'the `maxWait` of `dedupe`',
  }),
});

const idempotencyKey = z
  .union([looseBoolean().transform((isOn) => (isOn ? idempotencyObject.parse({}) : undefined)), idempotencyObject], {
    error: 'must be true, false, or a mapping',
  })
  .optional()
  .describe(
    'A request with Idempotency-Key runs once, and who sends it again gets the same answer. true, false, or a mapping; default false.',
  );

const dedupeObject = z.strictObject({
  enabled: flag('Whether requests are deduplicated.', true),
  methods: z
    .array(method, { error: 'must be a list of methods' })
    .max(MAX_METHODS)
    .optional()
    .describe('Methods of which identical requests at the same time are one; default [GET, HEAD], beside `idempotencyKey` none.'),
  key,
  shareSetCookie: flag('Whether an answer with Set-Cookie is shared; else it is for the client that asked first.', false),
  maxBody: size('Longest body of requests that are compared.', { min: 0, max: 64 * MIB, byDefault: '64KiB' }),
  maxAnswer: size('Longest body of an answer that is shared.', { min: 0, max: 1024 * MIB, byDefault: '1MiB' }),
  maxWait: duration('How long a request waits for an identical one to be answered; after it: to the upstream, or 409 (POST, PATCH).', {
    min: 0,
    max: HOUR_MS,
    byDefault: '10s',
  }),
  maxFollowers: wholeNumber('Identical requests that wait on one worker; over it: to the upstream, or 409 (POST, PATCH).', {
    min: 0,
    max: 1_000_000,
    byDefault: 10_000,
  }),
  idempotencyKey,
});

export type ParsedDedupe = z.output<typeof dedupeObject>;

export const dedupeSchema = z
  .union([looseBoolean().transform((enabled) => dedupeObject.parse({ enabled })), dedupeObject], {
    error: 'must be true, false, or a mapping',
  })
  .optional()
  .describe('Identical requests at the same time are one upstream request, cached or not. true, false, or a mapping; default false.');
