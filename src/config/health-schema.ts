import { z } from 'zod';
import { parseFieldName, parseFieldValue } from './fields.ts';
import type {
  ActiveHealthConfig,
  BodyExpectation,
  HealthConfig,
  HealthQuestion,
  PassiveHealthConfig,
  StatusRange,
} from './health-types.ts';
import { bad, good, type Parsed } from './problem.ts';
import { parseRegex } from './regex-cost.ts';
import {
  boundedInteger,
  checkedText,
  duration,
  flag,
  looseBoolean,
  numberBetween,
  optionalDuration,
  parsedText,
  percent,
  wholeNumber,
} from './scalars.ts';

/** `health` of an upstream: whom to ask, what to expect, and what of the traffic tells that an endpoint is not well. */

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

const path = checkedText((text) => {
  if (!text.startsWith('/')) return bad('must begin with "/"');
  return /^\/[\x21-\x22\x24-\x7e]{0,2047}$/.test(text) ? good(text) : bad('must hold up to 2048 visible ASCII characters, and no "#"');
});

const host = checkedText((text) => (/^[A-Za-z0-9_.:[\]-]{1,255}$/.test(text) ? good(text) : bad('must be a host, with a port or without')));

/** `204`, `200-299`, `2xx`. */
function parseStatuses(text: string): Parsed<StatusRange> {
  const range = /^([1-5]\d\d)-([1-5]\d\d)$/.exec(text) ?? /^([1-5]\d\d)$/.exec(text);
  const hundreds = /^([1-5])xx$/.exec(text)?.[1];
  if (hundreds !== undefined) return good({ from: Number(hundreds) * 100, to: Number(hundreds) * 100 + 99 });
  const [, from = '0', to = from] = range ?? [];
  return Number(from) >= 100 && Number(to) >= Number(from) ? good({ from: Number(from), to: Number(to) }) : bad(MUST_BE_STATUS);
}

const MUST_BE_STATUS = 'must be a status, a range such as 200-299, or a class such as 2xx';

const statuses = z.union(
  [boundedInteger({ min: 100, max: 599 }).transform((only) => ({ from: only, to: only })), parsedText(parseStatuses)],
  {
    error: MUST_BE_STATUS,
  },
);

/** `/…/` is a pattern, anything else stands for itself. */
function parseBody(text: string): Parsed<BodyExpectation> {
  if (text.length === 0 || text.length > 1024) return bad('must have 1 to 1024 characters');
  if (text.length < 3 || !text.startsWith('/') || !text.endsWith('/')) return good({ kind: 'text', text });
  const source = parseRegex(text.slice(1, -1));
  return source.kind === 'ok' ? good({ kind: 'pattern', source: source.value }) : source;
}

const expect = z
  .strictObject({
    status: z
      .union([statuses.transform((only) => [only]), z.array(statuses).min(1).max(100)], { error: `${MUST_BE_STATUS}, or a list of these` })
      .prefault('200-299')
      .describe('Statuses that are expected: 204, 200-299, 2xx, or a list of these; default 200-299.'),
    body: parsedText(parseBody)
      .optional()
      .describe(
        'What the first 64 KiB of the body must have: text, or /a regular expression/, which is tried on each line up to 256 characters; default anything.',
      ),
  })
  .prefault({})
  .describe('What an answer over HTTP must be like.');

const activeObject = z
  .strictObject({
    path: path.optional().describe('Asked by GET; default "/", where neither `tcp` nor `grpc` is there.'),
    tcp: looseBoolean().optional().describe('Whether to open a connection only. true or false; default false.'),
    grpc: z
      .union(
        [
          looseBoolean().transform((isOn) => (isOn ? { service: '' } : undefined)),
          z.strictObject({
            service: z.string().max(255).prefault('').describe('The service that is asked for; default the server as a whole.'),
          }),
        ],
        { error: 'must be true, or a mapping with `service`' },
      )
      .optional()
      .describe('Calls grpc.health.v1.Health/Check over HTTP/2 without TLS. true, or a mapping; default not.'),
    host: host.optional().describe('Host field; default that of the endpoint.'),
    headers: z
      .record(checkedText(parseFieldName), checkedText(parseFieldValue))
      .prefault({})
      .describe('Fields of the request beside Host, User-Agent and Connection; default none.'),
    expect,
    interval: duration('Between the beginnings of two checks of one endpoint.', { min: 100, max: DAY_MS, byDefault: '5s' }),
    unhealthyInterval: optionalDuration('The same while an endpoint is not well.', {
      min: 100,
      max: DAY_MS,
      byDefault: 'the same as `interval`',
    }),
    timeout: duration('For the whole answer.', { min: 10, max: HOUR_MS, byDefault: '1s' }),
    healthyAfter: wholeNumber('Checks in a row that pass until an endpoint is used again.', { min: 1, max: 100, byDefault: 2 }),
    unhealthyAfter: wholeNumber('Checks in a row that fail until it is used no more. The very first check decides alone.', {
      min: 1,
      max: 100,
      byDefault: 3,
    }),
    jitter: percent('By how much the interval varies, so that checks do not come together.', { min: 0, max: 50, byDefault: '10%' }),
    port: boundedInteger({ min: 1, max: 65_535 })
      .optional()
      .describe("Port that is asked. A whole number from 1 to 65535; default the endpoint's own."),
  })
  .superRefine((value, context) => {
    const refuse = (key: string, message: string): void => context.addIssue({ code: 'custom', message, path: [key] });
    const asksTcp = value.tcp === true;
    if (asksTcp && value.path !== undefined) refuse('tcp', 'cannot stand beside `path`: one check asks one thing');
    if (value.grpc !== undefined && (asksTcp || value.path !== undefined)) {
      refuse('grpc', 'cannot stand beside `path` or `tcp`: one check asks one thing');
    }
    if (value.timeout > value.interval) refuse('timeout', 'must not be above `interval`: no endpoint is asked twice at once');
    for (const name of Object.keys(value.headers)) {
      if (WRITTEN.has(name.toLowerCase())) context.addIssue({ code: 'custom', message: 'is written by Sluice', path: ['headers', name] });
    }
  });

const WRITTEN: ReadonlySet<string> = new Set(['host', 'user-agent', 'connection', 'transfer-encoding', 'content-length', 'upgrade', 'te']);

const activeSchema = z
  .union([path.transform((only) => activeObject.parse({ path: only })), activeObject], {
    error: 'must be a path as text, or a mapping with path, tcp or grpc',
  })
  .optional()
  .describe('Endpoints are asked, by one thread for the whole host: a path, or a mapping; default not.');

/** `true`, `false` or a mapping → what the mapping says, with its defaults. */
function switched<Shape extends z.ZodType>(shape: Shape, what: string, byDefault: boolean) {
  return z
    .union([looseBoolean().transform((isOn) => (isOn ? shape.parse({}) : undefined)), shape], {
      error: 'must be true, false, or a mapping',
    })
    .prefault(byDefault)
    .describe(`${what} true, false, or a mapping; default ${byDefault}.`);
}

const hosts = (byDefault: number) => wholeNumber('Endpoints with enough requests that there must be.', { min: 2, max: 1000, byDefault });
const requests = (byDefault: number) =>
  wholeNumber('Requests in an interval that an endpoint must have had to be judged.', { min: 1, max: 1_000_000, byDefault });
const run = (what: string, byDefault: number) =>
  wholeNumber(`${what} in a row, over the whole host, that eject an endpoint; 0 means never.`, { min: 0, max: 1_000_000, byDefault });

const passiveObject = z.strictObject({
  consecutive5xx: run('Statuses of 500 and above', 5),
  consecutiveGateway: run('Statuses 502, 503 and 504', 0),
  consecutiveLocal: run('Requests without an answer (no connection, reset, timeout)', 5),
  interval: duration('Over which rates and response times are judged.', { min: 100, max: HOUR_MS, byDefault: '10s' }),
  ejectFor: duration('How long an endpoint is ejected the first time; the second time twice as long, and so on.', {
    min: 100,
    max: DAY_MS,
    byDefault: '30s',
  }),
  maxEjectFor: duration('However often it was ejected.', { min: 100, max: 7 * DAY_MS, byDefault: '300s' }),
  maxEjected: percent('Share of the endpoints that may be ejected at once; one always may.', { min: 0, max: 100, byDefault: '10%' }),
  successRate: switched(
    z.strictObject({
      minHosts: hosts(5),
      minRequests: requests(100),
      stdev: numberBetween('Ejected below the mean of all by so many standard deviations.', { min: 0.1, max: 10, byDefault: 1.9 }),
    }),
    'Endpoints that answer worse than the others are ejected.',
    false,
  ),
  failureShare: switched(
    z.strictObject({
      from: percent('Share of failures from which an endpoint is ejected.', { min: 1, max: 100, byDefault: '85%' }),
      minHosts: hosts(5),
      minRequests: requests(50),
    }),
    'Endpoints are ejected by the share of their requests that fail.',
    false,
  ),
  latency: switched(
    z.strictObject({
      quantile: numberBetween('Of the response times.', { min: 0.5, max: 0.999, byDefault: 0.99 }),
      factor: numberBetween('Ejected above so many times the median of the others.', { min: 1.1, max: 100, byDefault: 3 }),
      minTime: duration('Nothing is too slow below this.', { min: 0, max: HOUR_MS, byDefault: '10ms' }),
      minHosts: hosts(3),
      minRequests: requests(50),
    }),
    'Endpoints that answer more slowly than the others are ejected.',
    false,
  ),
  speedUpChecks: flag('Whether a failed request brings the next active check forward, once a second at most.', true),
});

export const healthSchema = z
  .strictObject({
    active: activeSchema,
    passive: switched(passiveObject, 'Endpoints are judged by what becomes of their requests.', false),
  })
  .superRefine((value, context) => {
    if (value.active !== undefined || value.passive !== undefined) return;
    context.addIssue({ code: 'custom', message: 'must have `active` or `passive`', path: [] });
  })
  .optional()
  .describe('Endpoints that are not well are not used; default all are.');

export type ParsedHealth = z.output<typeof healthSchema>;

export function compileHealth(parsed: ParsedHealth): HealthConfig | undefined {
  if (parsed === undefined) return undefined;
  return {
    active: parsed.active === undefined ? undefined : compileActive(parsed.active),
    passive: parsed.passive === undefined ? undefined : compilePassive(parsed.passive),
  };
}

function compileActive(parsed: z.output<typeof activeObject>): ActiveHealthConfig {
  const { interval, unhealthyInterval, timeout, healthyAfter, unhealthyAfter, jitter, port } = parsed;
  return {
    question: questionOf(parsed),
    intervalMs: interval,
    unhealthyIntervalMs: Math.max(timeout, unhealthyInterval ?? interval),
    timeoutMs: timeout,
    healthyAfter,
    unhealthyAfter,
    jitter,
    port: port ?? 0,
  };
}

function questionOf({ path: asked, tcp, grpc, host: name, headers, expect: expected }: z.output<typeof activeObject>): HealthQuestion {
  if (grpc !== undefined) return { kind: 'grpc', service: grpc.service };
  if (tcp === true) return { kind: 'tcp' };
  const { status, body } = expected;
  return { kind: 'http', path: asked ?? '/', host: name ?? '', headers: Object.entries(headers), statuses: status, body };
}

function compilePassive(parsed: z.output<typeof passiveObject>): PassiveHealthConfig {
  const { latency } = parsed;
  return {
    consecutive5xx: parsed.consecutive5xx,
    consecutiveGateway: parsed.consecutiveGateway,
    consecutiveLocal: parsed.consecutiveLocal,
    intervalMs: parsed.interval,
    ejectForMs: parsed.ejectFor,
    maxEjectForMs: Math.max(parsed.ejectFor, parsed.maxEjectFor),
    maxEjected: parsed.maxEjected,
    successRate: parsed.successRate,
    failureShare: parsed.failureShare,
    latency: latency === undefined ? undefined : latencyOf(latency),
    speedsUpChecks: parsed.speedUpChecks,
  };
}

function latencyOf({ quantile, factor, minTime, minHosts, minRequests }: NonNullable<z.output<typeof passiveObject>['latency']>) {
  return { quantile, factor, minMs: minTime, minHosts, minRequests };
}
