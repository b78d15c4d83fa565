import { z } from 'zod';
import { adaptiveSchema } from './adaptive-schema.ts';
import { parseEndpoint } from './address.ts';
import { balanceSchema, endpointPriority, endpointZone, stickySchema, upstreamZone } from './balance-schema.ts';
import { breakerSchema, extraLoadSchema, resourcesSchema } from './breaker-schema.ts';
import { discoverySchema } from './discovery-schema.ts';
import { healthSchema } from './health-schema.ts';
import { minRate } from './listener-schema.ts';
import { PLANNED_PROTOCOL, PLANNED_UPSTREAM_KEYS } from './planned.ts';
import { deadlineSchema, hedgeSchema, retrySchema } from './retry-schema.ts';
import { duration, flag, parsedText, size, wholeNumber, word } from './scalars.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

const endpointUrl = parsedText((text) => parseEndpoint(text, 1), 'must be a URL as text: "http://127.0.0.1:9001"');

const endpoint = z
  .union(
    [
      endpointUrl,
      z
        .strictObject({
          url: endpointUrl.describe('"http://HOST[:PORT]", without a path. Required.'),
          weight: wholeNumber('Share of the requests beside the other endpoints.', { min: 1, max: 1000, byDefault: 1 }),
          priority: endpointPriority,
          zone: endpointZone,
        })
        .transform(({ url, weight, priority, zone }) => ({ ...url, weight, priority, zone })),
    ],
    { error: 'must be a URL as text, or a mapping with `url`' },
  )
  .describe('A URL, or a mapping.');

export const endpoints = z
  .array(endpoint, { error: 'must be a list of endpoints' })
  .min(1, { error: 'must have at least one endpoint' })
  .max(1000, { error: 'must not have more than 1000 endpoints' });

const pool = z
  .strictObject({
    maxConnections: wholeNumber('Connections to one endpoint from one worker.', { min: 1, max: 65_535, byDefault: 256 }),
    maxPending: wholeNumber('Requests that may wait for a connection, per endpoint and worker. Over it: 503.', {
      min: 0,
      max: 1_000_000,
      byDefault: 1024,
    }),
    pendingTimeout: duration('How long a request may wait for a connection. Over it: 503.', { min: 1, max: HOUR_MS, byDefault: '10s' }),
    maxRequests: wholeNumber('Requests on one connection before it is closed; 0 means no limit.', {
      min: 0,
      max: 1_000_000_000,
      byDefault: 4096,
    }),
    idleTimeout: duration('After this an idle connection is closed; keep it below the limit of the origin.', {
      min: 10,
      max: DAY_MS,
      byDefault: '60s',
    }),
    pipelining: wholeNumber('Safe requests that may be under way on one connection; 1 turns pipelining off.', {
      min: 1,
      max: 256,
      byDefault: 1,
    }),
  })
  .prefault({})
  .describe('Persistent connections.');

const timeouts = z
  .strictObject({
    connect: duration('To open a connection. Over it: 504.', { min: 1, max: HOUR_MS, byDefault: '2s' }),
    response: duration('From the end of the request to the response head; 0 means none. Over it: 504.', {
      min: 0,
      max: DAY_MS,
      byDefault: '30s',
    }),
    try: duration('From when an endpoint is chosen to the response head, for each try; 0 means none. Over it: 504, or a retry.', {
      min: 0,
      max: DAY_MS,
      byDefault: '0',
    }),
    idle: duration('Between two bytes of a body.', { min: 10, max: DAY_MS, byDefault: '60s' }),
    total: duration('The whole exchange; 0 means none.', { min: 0, max: 7 * DAY_MS, byDefault: '0' }),
  })
  .prefault({})
  .describe('Times that the upstream may take.');

const limits = z
  .strictObject({
    maxHead: size('Response head. Over it: 502.', { min: 1024, max: 2 ** 20, byDefault: '64KiB' }),
    maxFields: wholeNumber('Header fields of a response. Over it: 502.', { min: 8, max: 1000, byDefault: 200 }),
  })
  .prefault({})
  .describe('Bounds of what the upstream may send.');

const upstreamShape = z.strictObject({
  endpoints: endpoints.optional().describe('Where to send requests: a list of URLs or mappings. Required, unless `discovery` finds them.'),
  discovery: discoverySchema,
  zone: upstreamZone,
  balance: balanceSchema,
  sticky: stickySchema,
  protocol: word('Protocol towards the endpoints.', ['http/1.1'], PLANNED_PROTOCOL),
  forwardCredentials: flag('Whether Authorization and Cookie reach the upstream.', false),
  host: word("Host that the upstream sees: the client's, or the endpoint's own authority.", ['client', 'upstream']),
  pool,
  timeouts,
  minRate: minRate('a response body'),
  limits,
  adaptive: adaptiveSchema,
  breaker: breakerSchema,
  resources: resourcesSchema,
  extraLoad: extraLoadSchema,
  health: healthSchema,
  retry: retrySchema,
  hedge: hedgeSchema,
  deadline: deadlineSchema,
  ...PLANNED_UPSTREAM_KEYS,
});

/** The shorthands take the defaults of the long form. */
const upstreamSettings = upstreamShape.omit({ endpoints: true });

const upstreamObject = upstreamShape.transform(({ endpoints: known, ...rest }, context) => {
  if (known === undefined && rest.discovery === undefined) {
    context.addIssue({ code: 'custom', message: 'must have `endpoints`, or `discovery` that finds them', path: [] });
  }
  return { ...rest, endpoints: known ?? [] };
});

export const upstreamSchema = z
  .union(
    [
      endpointUrl.transform((only) => ({ ...upstreamSettings.parse({}), endpoints: [only] })),
      endpoints.transform((several) => ({ ...upstreamSettings.parse({}), endpoints: several })),
      upstreamObject,
    ],
    { error: 'must be a URL, a list of URLs, or a mapping with `endpoints`' },
  )
  .describe('A URL, a list of URLs, or a mapping.');
