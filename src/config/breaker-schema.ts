import { z } from 'zod';
import type { BreakerConfig, BreakerSettings, ResourcesConfig } from './breaker-types.ts';
import { duration, looseBoolean, parsedText, percent, wholeNumber } from './scalars.ts';
import { parsePercent } from './units.ts';

/** What keeps requests from an upstream that fails or has enough: `breaker`, `resources` and `extraLoad` of an upstream. */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_RESOURCE = 1_000_000;

const errorRate = z
  .strictObject({
    over: percent('It opens when more than this share has failed.', { min: 1, max: 99, byDefault: '50%' }),
    minRequests: wholeNumber('Of how many requests at least.', { min: 1, max: 1_000_000, byDefault: 20 }),
  })
  .optional()
  .describe('Whether a share of failures within `window` opens it, beside failures in a row. Default: it does not.');

/** Of a breaker of whatever size. */
const settings = {
  failures: wholeNumber('Failures in a row that open it: answers with a status of 500 and above, or none at all. 0 means never.', {
    min: 0,
    max: 1000,
    byDefault: 5,
  }),
  window: duration('The first of them must be no longer ago.', { min: 100, max: HOUR_MS, byDefault: '30s' }),
  openFor: duration('How long nothing is sent there before one request tries again.', { min: 50, max: DAY_MS, byDefault: '60s' }),
  halfOpenProbes: wholeNumber('Requests that must succeed, one after the other, until it closes; one that fails opens it again.', {
    min: 1,
    max: 15,
    byDefault: 1,
  }),
  errorRate,
  ramp: duration('After it has closed the share of requests grows from a tenth to the whole in this time; 0 means at once.', {
    min: 0,
    max: HOUR_MS,
    byDefault: '10s',
  }),
  slow: duration('An answer that takes longer counts as a failure; 0 means none is too slow.', { min: 0, max: HOUR_MS, byDefault: '0' }),
};

const serviceObject = z.strictObject(settings);
const service = z
  .union([looseBoolean().transform((enabled) => (enabled ? serviceObject.parse({}) : undefined)), serviceObject], {
    error: 'must be true, false, or a mapping',
  })
  .optional()
  .describe('Whether all endpoints together have a breaker as well: true, false, or a mapping with the same keys; default false.');

const breakerObject = z.strictObject({ ...settings, service });

export const breakerSchema = z
  .union([looseBoolean().transform((enabled) => (enabled ? breakerObject.parse({}) : undefined)), breakerObject], {
    error: 'must be true, false, or a mapping',
  })
  .optional()
  .describe('Circuit breaker of each endpoint, one for all workers. true, false, or a mapping; default false.');

const resource = (what: string) => wholeNumber(`${what} 0 means no bound.`, { min: 0, max: MAX_RESOURCE, byDefault: 0 });

export const resourcesSchema = z
  .strictObject({
    maxConnections: resource('Connections to all its endpoints from all workers. Over it requests wait.'),
    maxPending: resource('Requests that wait for a connection on all workers. Over it: 503.'),
    maxRequests: resource('Requests under way on all workers, up to the end of the answer. Over it: 503.'),
    maxRetries: resource('Of these, retries and hedges. Over it none is begun.'),
  })
  .optional()
  .describe('What the upstream may have at once over the whole host, beside what `pool` says for each worker. Default: no bounds.');

export const extraLoadSchema = parsedText(parsePercent, 'must be a percentage as text, such as 20%')
  .optional()
  .describe(
    'How much it may be asked beyond first attempts, on the whole host: retries, hedges, mirrored requests and revalidations in the background together, ' +
      'of first attempts within 10s; 3 are always allowed. A percentage from 0% to 100%; default 20%.',
  );

export function compileBreaker(parsed: z.output<typeof breakerSchema>): BreakerConfig | undefined {
  if (parsed === undefined) return undefined;
  return { endpoint: compileSettings(parsed), service: parsed.service === undefined ? undefined : compileSettings(parsed.service) };
}

function compileSettings(parsed: z.output<typeof serviceObject>): BreakerSettings {
  return {
    failures: parsed.failures,
    windowMs: parsed.window,
    openForMs: parsed.openFor,
    halfOpenProbes: parsed.halfOpenProbes,
    errorRate: parsed.errorRate,
    rampMs: parsed.ramp,
    slowMs: parsed.slow,
  };
}

/** Bounds that are none are nothing. */
export function compileResources(parsed: z.output<typeof resourcesSchema>): ResourcesConfig | undefined {
  return parsed === undefined || Object.values(parsed).every((bound) => bound === 0) ? undefined : parsed;
}
