import { z } from 'zod';
import { fieldPairs } from './field-pairs.ts';
import { fallbackSchema } from './retry-schema.ts';
import { respondValue } from './respond-schema.ts';
import { shedSchema } from './adaptive-schema.ts';
import { parseHostMatch } from './address.ts';
import { cacheSchema } from './cache-schema.ts';
import { collapseSchema, dedupeSchema } from './dedupe-schema.ts';
import { parseEditableName, parseFieldName } from './fields.ts';
import { limitFieldsSchema, routeLimits } from './limit-schema.ts';
import { nameText } from './listener-schema.ts';
import { faultsSchema, mirrorSchema } from './mirror-schema.ts';
import { PLANNED_ROUTE_KEYS } from './planned.ts';
import { bad, good, type Parsed } from './problem.ts';
import { checkedText, duration, flag, optionalDuration, parsedText, parseMethod, size, wholeNumber, word } from './scalars.ts';
import { routeTiersSchema } from './tier-schema.ts';
import { routeUpstream } from './split-schema.ts';
import { valueMatch } from './value-match-schema.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MAX_LIST = 1000;

/** Whether a path pattern or template can be one at all; its grammar is judged by `routing`. */
function parsePath(text: string): Parsed<string> {
  if (!text.startsWith('/')) return bad('must begin with "/"');
  if (text.length > 2048) return bad('must not be longer than 2048 characters');
  return /^[\x21-\x7e]+$/.test(text) && !/[?#]/.test(text) ? good(text) : bad('must hold visible ASCII only, and neither "?" nor "#"');
}

const method = parsedText(parseMethod);

const matchObject = z.strictObject({
  host: parsedText(parseHostMatch).optional().describe('Host without port, or "*.example.com"; default any.'),
  path: checkedText(parsePath).prefault('/*').describe('Path pattern: "/exact", "/prefix/*", "/a/{name}/b"; default "/*".'),
  methods: z
    .union([method.transform((only) => [only]), z.array(method).max(MAX_LIST)], { error: 'must be a method or a list of methods' })
    .prefault([])
    .describe('Methods; default any.'),
  headers: z.record(checkedText(parseFieldName), valueMatch).prefault({}).describe('Header fields that must match, by name; default none.'),
  query: z
    .record(z.string().min(1, { error: 'must not be empty' }), valueMatch)
    .prefault({})
    .describe('Query parameters that must match, by name; default none.'),
});

const pathText = checkedText(parsePath);

const match = z
  .union([pathText.transform((path) => matchObject.parse({ path })), matchObject], { error: 'must be a path as text, or a mapping' })
  .prefault({})
  .describe('Which requests the route takes: a path, or a mapping; default all.');

const lowerName = parsedText(lowerCased(parseFieldName));
const removedName = parsedText(lowerCased(parseEditableName));

function lowerCased(parse: (text: string) => Parsed<string>): (text: string) => Parsed<string> {
  return (text) => {
    const name = parse(text);
    return name.kind === 'ok' ? good(name.value.toLowerCase()) : name;
  };
}

const set = fieldPairs.prefault({}).describe('Fields to set, replacing what is there; default none.');
const remove = z.array(removedName).max(MAX_LIST).prefault([]).describe('Names of fields to remove; default none.');

const headers = z
  .strictObject({
    request: z
      .strictObject({
        set,
        remove,
        allow: z.array(lowerName).max(MAX_LIST).optional().describe('Names of fields that alone may pass; default all.'),
      })
      .prefault({})
      .describe('Edits of the request on its way to the upstream.'),
    response: z.strictObject({ set, remove }).prefault({}).describe('Edits of the response on its way to the client.'),
  })
  .prefault({})
  .describe('Edits of header fields.');

const respond = respondValue.optional().describe('A fixed answer in place of an upstream: a status code, or a mapping.');

const filterModule = checkedText((text) =>
  text.length > 0 && text.length <= 4096 && !text.includes('\0')
    ? good(text)
    : bad('must be the path of a module, such as "./my-filter.ts"'),
);

const filterObject = z.strictObject({
  module: filterModule.describe('Path of the module, from the folder of the configuration. Required.'),
  onError: word('What a throw or a timeout costs: a 500 to that request (fail), or nothing (open).', ['fail', 'open']),
  timeout: duration('How long one phase may take.', { min: 1, max: HOUR_MS, byDefault: '10s' }),
});

const filter = z
  .union([filterModule.transform((module) => filterObject.parse({ module })), filterObject], {
    error: 'must be the path of a module as text, or a mapping with `module`',
  })
  .describe('The path of a module, or a mapping.');

export const routeSchema = z.strictObject(
  {
    name: nameText.optional().describe('Name in logs, metrics and messages; default `route1` and so on, by position.'),
    match,
    priority: wholeNumber('The higher wins, whatever is more specific.', { min: -1000, max: 1000, byDefault: 0 }),
    upstream: routeUpstream
      .optional()
      .describe('Name of the upstream, or a list of several that share the requests. This or `respond` is required.'),
    respond,
    stripPrefix: flag('Whether the literal prefix of the path pattern is removed before forwarding.', false),
    rewrite: z
      .union(
        [pathText.transform((path) => ({ path })), z.strictObject({ path: pathText.describe('Template of the new path. Required.') })],
        {
          error: 'must be a path as text, or a mapping with `path`',
        },
      )
      .optional()
      .describe('New path, with {name} captures and {rest}: a path, or a mapping; default none.'),
    headers,
    redirects: word("Whether absolute redirects to the upstream's own authority are turned into the client's.", ['keep', 'rewrite']),
    maxBody: size('Request body; 0 means no limit. Over it: 413.', { min: 0, max: 2 ** 50, byDefault: '0' }),
    timeout: optionalDuration('The whole exchange; 0 means none.', {
      min: 0,
      max: 7 * DAY_MS,
      byDefault: 'the `timeouts.total` of the upstream',
    }),
    filters: z
      .array(filter, { error: 'must be a list of filters' })
      .max(64, { error: 'must not have more than 64 filters' })
      .prefault([])
      .describe("The user's own TypeScript, in this order; default none."),
    cache: cacheSchema,
    collapse: collapseSchema,
    dedupe: dedupeSchema,
    shed: shedSchema,
    fallback: fallbackSchema,
    mirror: mirrorSchema,
    faults: faultsSchema,
    limits: routeLimits,
    tiers: routeTiersSchema,
    limitFields: limitFieldsSchema,
    ...PLANNED_ROUTE_KEYS,
  },
  { error: 'must be a mapping' },
);
