import { z } from 'zod';
import { DEFAULT_EXTRA_LOAD } from './breaker-types.ts';
import { parseFieldName } from './fields.ts';
import type { CompareConfig, FaultConfig, MirrorConfig } from './mirror-types.ts';
import { bad, good, type Parsed } from './problem.ts';
import { boundedInteger, checkedText, duration, looseBoolean, parsedText, parseMethod, percent, size, wholeNumber } from './scalars.ts';
import type { UpstreamConfig } from './types.ts';
import { valueMatch } from './value-match-schema.ts';

/** Copies of requests for another upstream, and faults for a drill: `mirror` and `faults` of a route. */

const HOUR_MS = 3_600_000;
const MAX_LIST = 100;
const USUAL_HEADERS = ['content-type', 'location', 'cache-control'];

/** Where two answers can differ. */
function parseComparedField(text: string): Parsed<string> {
  if (text === 'outcome' || text === 'status' || text === 'body' || /^(?:header\.[^\s.]+|body[.[].+)$/.test(text)) return good(text);
  return bad('must be outcome, status, header.NAME, body, or a path in it, such as body.items[].price');
}

const comparedFields = (what: string) =>
  z
    .array(checkedText(parseComparedField), { error: 'must be a list' })
    .max(MAX_LIST)
    .prefault([])
    .describe(`${what} outcome, status, header.NAME, body, or a path in it, such as body.items[].price; each with what is in it.`);

const lowerFieldName = parsedText((text): Parsed<string> => {
  const name = parseFieldName(text);
  return name.kind === 'ok' ? good(name.value.toLowerCase()) : name;
});

const compareObject = z.strictObject({
  fields: comparedFields('What alone is compared; default all.'),
  ignore: comparedFields('What is not compared; default nothing.'),
  headers: z
    .array(lowerFieldName, { error: 'must be a list of names' })
    .max(MAX_LIST)
    .prefault(USUAL_HEADERS)
    .describe(`Names of response fields that are compared; default ${USUAL_HEADERS.join(', ')}.`),
  maxBody: size('Of a longer answer the length and so much of its begin are compared.', { min: 0, max: 16 * 2 ** 20, byDefault: '64KiB' }),
  minRequests: wholeNumber('Of fewer comparisons there is no verdict.', { min: 1, max: 1_000_000, byDefault: 100 }),
});

const compare = z
  .union([looseBoolean().transform((enabled) => (enabled ? compareObject.parse({}) : undefined)), compareObject], {
    error: 'must be true, false, or a mapping',
  })
  .optional()
  .describe(
    'Whether the answer is compared with the live one, and that with one more of the live upstream, so that what differs by itself is not reported; ' +
      'of safe methods alone. true, false, or a mapping; default false.',
  );

const upstreamName = z.string({ error: 'must be the name of an upstream' });

const mirrorObject = z.strictObject({
  upstream: upstreamName.describe('Name of the upstream that gets the copies. Required.'),
  sample: percent('Share of the requests that are copied.', { min: 0, max: 100, byDefault: '100%' }),
  methods: z
    .array(parsedText(parseMethod), { error: 'must be a list of methods' })
    .min(1, { error: 'must not be empty' })
    .max(MAX_LIST)
    .prefault(['GET', 'HEAD'])
    .describe('Methods of requests that are copied; what others do they do twice. Default GET, HEAD.'),
  maxBody: size('A request with a longer body is not copied.', { min: 0, max: 16 * 2 ** 20, byDefault: '64KiB' }),
  maxPending: wholeNumber('Copies under way on one worker; one more is dropped.', { min: 1, max: 100_000, byDefault: 100 }),
  compare,
});

export const mirrorSchema = z
  .union([upstreamName.transform((upstream) => mirrorObject.parse({ upstream })), mirrorObject], {
    error: 'must be the name of an upstream, or a mapping with `upstream`',
  })
  .optional()
  .describe('Copies of requests go to another upstream, whose answers nobody gets: its name, or a mapping; default none.');

const faultObject = z
  .strictObject({
    share: percent('Share of the requests that it happens to.', { min: 0, max: 100, byDefault: '100%' }),
    when: z
      .strictObject({
        header: z
          .record(checkedText(parseFieldName), valueMatch)
          .prefault({})
          .describe('Header fields that must match, by name; default none.'),
      })
      .prefault({})
      .describe('Which requests it happens to; default all.'),
    delay: duration('How long the request waits before it goes on; 0 means not at all.', { min: 0, max: HOUR_MS, byDefault: '0' }),
    abort: boundedInteger({ min: 400, max: 599 })
      .optional()
      .describe('The status that it is answered with, in place of the upstream. A whole number from 400 to 599; default none.'),
    throttle: size('Bytes of the answer in a second; 0 means no bound.', { min: 0, max: 2 ** 40, byDefault: '0' }),
  })
  .superRefine((value, context) => {
    if (value.delay === 0 && value.abort === undefined && value.throttle === 0)
      context.addIssue({ code: 'custom', message: 'needs `delay`, `abort` or `throttle`' });
    if (value.abort !== undefined && value.throttle !== 0)
      context.addIssue({ code: 'custom', message: 'must not stand beside `abort`', path: ['throttle'] });
  });

export const faultsSchema = z
  .array(faultObject, { error: 'must be a list of mappings' })
  .max(16, { error: 'must not have more than 16 faults' })
  .prefault([])
  .describe('What happens to some requests for a drill: the first one that a request meets; default none.');

export function compileMirror(parsed: z.output<typeof mirrorSchema>): MirrorConfig | undefined {
  if (parsed === undefined || parsed.sample === 0) return undefined;
  const { upstream, sample, methods, maxBody, maxPending } = parsed;
  return { upstream, sample, methods, maxBodyBytes: maxBody, maxPending, compare: compileCompare(parsed.compare) };
}

function compileCompare(parsed: z.output<typeof compare>): CompareConfig | undefined {
  if (parsed === undefined) return undefined;
  const { fields, ignore, headers, maxBody, minRequests } = parsed;
  return { fields, ignored: ignore, headers, maxBodyBytes: maxBody, minRequests };
}

export function compileFaults(parsed: z.output<typeof faultsSchema>): readonly FaultConfig[] {
  return parsed.map(({ share, when, delay, abort, throttle }) => ({
    share,
    when: Object.entries(when.header).map(([name, match]) => ({ name: name.toLowerCase(), match })),
    delayMs: delay,
    abortStatus: abort ?? 0,
    throttleBytesPerSec: throttle,
  }));
}

type MirroredRoute = {
  readonly upstream?: string | readonly { readonly name: string }[] | undefined;
  readonly mirror?: z.output<typeof mirrorSchema> | undefined;
};

/** Live upstreams that are asked twice, so that answers can be compared. */
export function comparedUpstreams(routes: readonly MirroredRoute[]): ReadonlySet<string> {
  return new Set(
    routes.flatMap(({ upstream = [], mirror }) => {
      if (mirror?.compare === undefined) return [];
      return typeof upstream === 'string' ? [upstream] : upstream.map(({ name }) => name);
    }),
  );
}

/** What goes there beside first attempts is counted, also where nothing is said of it. */
export function withAllowance(upstream: UpstreamConfig): UpstreamConfig {
  return { ...upstream, extraLoad: upstream.extraLoad ?? DEFAULT_EXTRA_LOAD };
}
