import { z } from 'zod';
import { isToken } from '../http/tokens.ts';
import { cacheMemory, storeSchema } from './cache-schema.ts';
import { consumersSchema } from './consumer-schema.ts';
import { limiterSchema } from './limit-schema.ts';
import { adminSchema, listenerSchema, nameText } from './listener-schema.ts';
import { PLANNED_TOP_KEYS } from './planned.ts';
import { bad, good } from './problem.ts';
import { routeSchema } from './route-schema.ts';
import { boundedInteger, checkedText, duration, flag, looseBoolean, word } from './scalars.ts';
import { tiersSchema, usageSchema } from './tier-schema.ts';
import { upstreamSchema } from './upstream-schema.ts';

const HOUR_MS = 3_600_000;

const logPath = z.string({ error: 'must be stdout, stderr or a file path' }).min(1, { error: 'must not be empty' });

const accessLog = z
  .union(
    [
      looseBoolean().transform((enabled) => ({ enabled, path: 'stdout' })),
      logPath.transform((path) => ({ enabled: true, path })),
      z.strictObject({
        enabled: flag('Whether a line is written for each exchange.', true),
        path: logPath.prefault('stdout').describe('Where to: stdout, stderr or a file path; default stdout.'),
      }),
    ],
    { error: 'must be true, false, a path, or a mapping with `path`' },
  )
  .prefault(false)
  .describe('JSON lines, one per exchange. true, false, a path, or a mapping; default false, so that only the ready line is printed.');

const processSchema = z
  .strictObject({
    drainTimeout: duration('After SIGTERM, how long requests under way may take.', { min: 0, max: HOUR_MS, byDefault: '30s' }),
    drainDelay: duration('How long to go on accepting after readiness is withdrawn.', { min: 0, max: HOUR_MS, byDefault: '0s' }),
    stuckReport: duration('A worker whose loop stands still for so long is reported.', { min: 100, max: HOUR_MS, byDefault: '2s' }),
    stuckKill: duration('A worker whose loop stands still for so long is replaced.', { min: 1000, max: HOUR_MS, byDefault: '10s' }),
  })
  .prefault({})
  .describe('Life of the processes and workers.');

/** A whole number of workers, or 0 for `auto`. */
const workers = z
  .union([z.literal('auto').transform(() => 0), boundedInteger({ min: 1, max: 1024 })], {
    error: 'must be auto or a whole number from 1 to 1024',
  })
  .prefault('auto')
  .describe('Worker threads. auto (one for each available core) or a whole number from 1 to 1024; default auto.');

export const configSchema = z.strictObject(
  {
    workers,
    sharding: word('How connections are spread over the workers.', ['reuseport', 'acceptor']),
    admin: adminSchema,
    listeners: z
      .array(listenerSchema, { error: 'must be a list of listeners' })
      .min(1, { error: 'must have at least one listener' })
      .max(100, { error: 'must not have more than 100 listeners' })
      .prefault(['127.0.0.1:8080'])
      .describe('Where clients connect: a list of addresses or mappings; default ["127.0.0.1:8080"].'),
    upstreams: z.record(nameText, upstreamSchema).prefault({}).describe('Where requests go, by name; default none.'),
    routes: z
      .array(routeSchema, { error: 'must be a list of routes' })
      .min(1, { error: 'must have at least one route' })
      .max(10_000, { error: 'must not have more than 10000 routes' })
      .describe('Which request goes where. Required.'),
    accessLog,
    serverName: checkedText((text) =>
      isToken(text) && text.length <= 64 ? good(text) : bad('must be a token of 1 to 64 letters, digits and -'),
    )
      .prefault('sluice')
      .describe('Name of this proxy in Via, CDN-Loop and Proxy-Status; default sluice.'),
    forwarded: flag('Whether Forwarded (RFC 7239) is sent beside X-Forwarded-*.', false),
    serverTiming: flag('Whether answers carry Server-Timing.', false),
    process: processSchema,
    cacheMemory,
    store: storeSchema,
    consumers: consumersSchema,
    tiers: tiersSchema,
    limits: limiterSchema,
    usage: usageSchema,
    ...PLANNED_TOP_KEYS,
  },
  { error: 'must be a mapping with `routes`' },
);

/** What a person writes, in YAML or TypeScript. */
export type ConfigInput = z.input<typeof configSchema>;
/** The same after parsing: units converted, shorthands expanded, defaults filled in. */
export type ParsedConfig = z.output<typeof configSchema>;
