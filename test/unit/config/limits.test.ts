// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references of the configuration look like templates
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QuotaConfig, RateLimitConfig } from '../../../src/config/limit-types.ts';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';

const OPTIONS = { fileName: 'sluice.yaml', env: { KEY: 'key-from-outside' } };

/** One route to an upstream; `top` stands before it. */
function fileWith(route: string, top = ''): string {
  return `${top}\nupstreams: { a: http://a }\nroutes: [{ upstream: a, ${route} }]`;
}

function load(text: string): GatewayConfig {
  const result = loadConfig(text, OPTIONS);
  return result.kind === 'ok' ? result.config : assert.fail(result.problems.map(formatProblem).join('\n'));
}

/** Problems, or else warnings, without file and line. */
function problemsOf(text: string): string[] {
  const result = loadConfig(text, OPTIONS);
  return (result.kind === 'bad' ? result.problems : result.warnings).map(formatProblem).map((line) => line.replace(/^[^ ]+ /, ''));
}

const RATE: RateLimitConfig = {
  kind: 'rate',
  name: '100-per-1m',
  isNamed: false,
  key: [{ kind: 'consumer' }],
  amount: 100,
  windowMs: 60_000,
  burst: 100,
  algorithm: 'token-bucket',
  cost: { kind: 'fixed', amount: 1 },
  action: 'reject',
  maxDelayMs: 0,
};
const IP = { kind: 'ip', ipv4Bits: 32, ipv6Bits: 64 } as const;
const QUOTA: QuotaConfig = {
  name: 'month',
  amount: 1000,
  per: 'month',
  timeZone: 'UTC',
  cost: { kind: 'fixed', amount: 1 },
  action: 'reject',
};

test('without limits there are none, and the bounds of the limiter have their defaults', () => {
  const { consumers, tiers, limiter, usageFlushMs, routes } = load(fileWith('match: /'));
  assert.deepEqual({ consumers, tiers, usageFlushMs }, { consumers: undefined, tiers: [], usageFlushMs: 1000 });
  assert.deepEqual(limiter, { memoryBytes: 2 ** 25, maxDelayed: 10_000 });
  assert.deepEqual([routes[0]?.limits, routes[0]?.tiers, routes[0]?.limitFields], [[], undefined, 'draft']);
});

test('the forms of a limit', () => {
  const rows: [text: string, made: object][] = [
    ['100/1m', RATE],
    ['{ rate: 100/m }', RATE],
    [
      '{ rate: 100/1m, name: burst, key: ip, burst: 20, cost: 5 }',
      { ...RATE, name: 'burst', isNamed: true, key: [IP], burst: 20, cost: { kind: 'fixed', amount: 5 } },
    ],
    [
      '{ rate: 100/1m, key: [apiKey, route, { header: X-Tenant }] }',
      { ...RATE, key: [{ kind: 'apiKey' }, { kind: 'route' }, { kind: 'header', name: 'x-tenant' }] },
    ],
    ['{ rate: 100/1m, key: { ip: 24/56 } }', { ...RATE, key: [{ kind: 'ip', ipv4Bits: 24, ipv6Bits: 56 }] }],
    ['{ rate: 100/1m, cost: { header: X-Cost } }', { ...RATE, cost: { kind: 'header', name: 'x-cost', ahead: 1 } }],
    ['{ rate: 100/1m, cost: { header: X-Cost, ahead: 9 } }', { ...RATE, cost: { kind: 'header', name: 'x-cost', ahead: 9 } }],
    ['{ rate: 100/1m, action: throttle }', { ...RATE, action: 'throttle', maxDelayMs: 2000 }],
    ['{ rate: 100/1m, action: throttle, maxDelay: 5s }', { ...RATE, action: 'throttle', maxDelayMs: 5000 }],
    ['{ rate: 100/1m, action: shadow }', { ...RATE, action: 'shadow' }],
    ['{ rate: 100/1m, algorithm: sliding-window }', { ...RATE, algorithm: 'sliding-window' }],
    ['{ concurrency: 10, key: ip }', { kind: 'concurrency', name: 'concurrency-10', isNamed: false, key: [IP], max: 10, action: 'reject' }],
  ];
  for (const [text, made] of rows) assert.deepEqual(load(fileWith(`limits: [${text}]`, 'consumers: {}')).routes[0]?.limits, [made], text);
});

test('names that are made up twice are numbered, those that were given stay', () => {
  const { routes } = load(fileWith('limits: [5/1s, { rate: 5/1s, key: ip }, { rate: 9/1s, name: 5-per-1s-2 }]'));
  assert.deepEqual(
    routes[0]?.limits.map(({ name }) => name),
    ['5-per-1s', '5-per-1s-3', '5-per-1s-2'],
  );
});

test('the example of the task: a free tier, a paid one, and a consumer with more', () => {
  const made = load(
    fileWith(
      'tiers: { from: consumer.tier, plan: [free, paid], default: free }',
      `consumers:
  from: [{ apiKey: { header: X-API-Key } }, { apiKey: { query: Key } }, { header: X-Consumer-ID }]
  unknown: reject
  list: [{ name: acme, keys: ["\${env:KEY}"], tier: paid, limits: [20000/1h], quotas: [5/day] }, { name: other }]
tiers:
  free: { limits: [100/1h, 1000/1d], shed: low }
  paid: { limits: [10000/1h, { rate: 1/1s, action: shadow }], quotas: [1000/month, { amount: 7, per: hour, soft: false, name: h }], overage: true }`,
    ),
  );
  const perHour = { ...RATE, windowMs: 3_600_000 };
  assert.deepEqual(made.tiers, [
    {
      name: 'free',
      limits: [
        { ...perHour, name: 'free-100-per-1h' },
        { ...RATE, name: 'free-1000-per-1d', amount: 1000, burst: 1000, windowMs: 86_400_000 },
      ],
      quotas: [],
      shedPriority: 'low',
    },
    {
      name: 'paid',
      limits: [
        { ...perHour, name: 'paid-10000-per-1h', amount: 10_000, burst: 10_000, action: 'overage' },
        { ...RATE, name: 'paid-1-per-1s', amount: 1, burst: 1, windowMs: 1000, action: 'shadow' },
      ],
      quotas: [
        { ...QUOTA, action: 'overage' },
        { ...QUOTA, name: 'h', amount: 7, per: 'hour' },
      ],
      shedPriority: undefined,
    },
  ]);
  assert.deepEqual(made.consumers, {
    from: [
      { kind: 'apiKey', place: 'header', name: 'x-api-key' },
      { kind: 'apiKey', place: 'query', name: 'Key' },
      { kind: 'header', name: 'x-consumer-id' },
    ],
    unknown: 'reject',
    list: [
      {
        name: 'acme',
        keys: ['key-from-outside'],
        tier: 'paid',
        limits: [{ ...perHour, name: 'own-20000-per-1h', amount: 20_000, burst: 20_000, action: 'overage' }],
        quotas: [{ ...QUOTA, name: 'day', amount: 5, per: 'day', action: 'overage' }],
      },
      { name: 'other', keys: [], tier: undefined, limits: [], quotas: [] },
    ],
  });
  assert.deepEqual(made.routes[0]?.tiers, { plan: ['free', 'paid'], fallback: 'free' });
});

test('the forms of the tiers of a route', () => {
  const of = (text: string) => load(fileWith(`tiers: ${text}`, 'tiers: { x: { limits: [1/1s] }, y: {} }')).routes[0]?.tiers;
  for (const all of ['true', '{}', '[x, y]', '{ default: x }']) assert.deepEqual(of(all), { plan: ['x', 'y'], fallback: 'x' }, all);
  assert.deepEqual(of('{ default: y }'), { plan: ['x', 'y'], fallback: 'y' });
  assert.deepEqual(of('[y]'), { plan: ['y'], fallback: 'y' });
  assert.equal(of('false'), undefined);
});

test('limits that no limiter could keep are refused', () => {
  const most = 'routes[0].limits[0].';
  const rows: [text: string, problem: string][] = [
    ['{ key: ip }', 'routes[0].limits[0]: must have exactly one of rate, concurrency'],
    ['{ rate: 1/1s, concurrency: 1 }', 'routes[0].limits[0]: must have exactly one of rate, concurrency'],
    ['0/1s', 'routes[0].limits[0]: must be from 1 to 1000000000 in its time'],
    ['1/32d', 'routes[0].limits[0]: must be in 31d at most; use a quota of a tier for longer times'],
    ['1000001/1ms', 'routes[0].limits[0]: must be 1000000 a millisecond at most'],
    ['{ rate: 5/1s, burst: 2, cost: 3 }', `${most}cost: must not be above 2, which is all that there can be at once`],
    ['{ rate: 5/1s, cost: { header: X, ahead: 6 } }', `${most}cost: must not be above 5, which is all that there can be at once`],
    ['{ rate: 5/1s, maxDelay: 1s }', `${most}maxDelay: needs \`action: throttle\``],
    ['{ rate: 5/1s, action: overage }', `${most}action: must be one of reject, throttle, shadow`],
    [
      '{ rate: 5/1s, algorithm: sliding-window, burst: 9 }',
      `${most}burst: does not go with a sliding window, where the whole rate may come at once`,
    ],
    [
      '{ rate: 5/1s, algorithm: sliding-window, action: throttle }',
      `${most}action: cannot be throttle with a sliding window, which knows no turn to wait for`,
    ],
    ['{ rate: 5/99ms, algorithm: sliding-window }', `${most}rate: must be in 100ms at least with a sliding window`],
    ['{ concurrency: 5, burst: 9 }', `${most}burst: does not go with \`concurrency\`, which counts what is under way`],
    ['{ concurrency: 5, action: throttle }', `${most}action: must be reject or shadow with \`concurrency\``],
    ['{ concurrency: 5, cost: 2 }', `${most}cost: does not go with \`concurrency\`, where each request is one`],
    ['{ rate: 5/1s, key: [] }', `${most}key: must have at least one part`],
    ['{ rate: 5/1s, key: { ip: 0/64 } }', `${most}key.ip: must be the bits that count of IPv4 and of IPv6 addresses, such as 24/56`],
    ['{ rate: 5/1s, key: { claim: sub } }', `${most}key.claim: not available in this version of Sluice (planned: authentication by JWT)`],
    [
      '{ rate: 5/1s, key: apiKey }',
      `${most}key: needs \`consumers\` that tell where the API key is; add \`consumers: { from: [{ apiKey: { header: X-API-Key } }] }\` at the top level`,
    ],
  ];
  for (const [text, problem] of rows) assert.deepEqual(problemsOf(fileWith(`limits: [${text}]`)), [problem], text);
});

test('limits of one name are one limit, and must be the same wherever they stand', () => {
  const two = (second: string, top = ''): string =>
    `${top}\nupstreams: { a: http://a }\nroutes: [{ upstream: a, limits: [{ name: b, rate: 60/1m, key: ip, cost: 2 }] }, { match: /x, upstream: a, limits: [${second}] }]`;
  assert.deepEqual(problemsOf(two('{ name: b, rate: 60/60s, burst: 60, key: [ip] }')), []);
  for (const other of [
    '{ name: b, rate: 61/1m, key: ip }',
    '{ name: b, rate: 60/1m, key: route }',
    '{ name: b, rate: 60/1m, burst: 5, key: ip }',
  ])
    assert.deepEqual(problemsOf(two(other)), [
      'routes[1].limits[0].name: "b" counts otherwise on another route, and limits of one name are one limit; give it a name of its own, or the same rate, burst, algorithm and key',
    ]);
  assert.deepEqual(problemsOf(fileWith('limits: [{ name: b, rate: 1/1s, key: ip }, { name: b, rate: 1/1s, key: ip }]')), [
    'routes[0].limits[1].name: "b" is already the name of a limit or quota here; name one of the two',
  ]);
  const owners = `tiers: { t: { limits: [{ name: l, rate: 1/1s }, { name: m, rate: 1/2s }], quotas: [5/day] } }
consumers: { list: [{ name: c, limits: [{ name: l, rate: 1/1m }, { name: day, rate: 1/1s }], quotas: [{ name: m, amount: 1, per: hour }] }] }`;
  assert.deepEqual(problemsOf(fileWith('tiers: true', owners)), [
    'consumers.list[0].limits[1].name: "day" is already the name of a quota of a tier',
    'consumers.list[0].quotas[0].name: "m" is already the name of a limit of a tier',
  ]);
  assert.deepEqual(problemsOf(fileWith('tiers: true, limits: [{ name: day, rate: 1/1s, key: ip }]', 'tiers: { x: { quotas: [5/day] } }')), [
    'routes[0].limits[0].name: "day" is already the name of a limit or quota of a tier or consumer',
  ]);
});

test('tiers and consumers must be there once, and a secret key is never shown', () => {
  const top = `consumers: { list: [{ name: a, keys: [secret-one, "\${env:KEY}"] }, { name: a, keys: ["\${env:KEY}", secret-one, tiny], tier: fre }] }
tiers: { free: { quotas: [5/day, { amount: 6, per: day }, { amount: 1, per: month, timeZone: Europe/Berln }] } }`;
  assert.deepEqual(problemsOf(fileWith('tiers: { plan: [free, gold], default: silver }', top)), [
    'consumers.list[1].name: "a" is already the name of a consumer',
    'consumers.list[1].keys[0]: is already a key, and a key has one owner',
    'consumers.list[1].keys[1]: is already a key, and a key has one owner',
    'consumers.list[1].keys[2]: must have 8 to 512 visible ASCII characters',
    'consumers.list[1].tier: there is no tier "fre"; did you mean "free"?',
    'tiers.free.quotas[1]: "day" is already the name of a limit or quota here; name one of the two',
    'tiers.free.quotas[2].timeZone: there is no time zone "Europe/Berln"; did you mean "Europe/Berlin"?',
    'routes[0].tiers.plan[1]: there is no tier "gold"',
    'routes[0].tiers.default: there is no tier "silver"',
  ]);
  assert.deepEqual(problemsOf(fileWith('tiers: true')), ['routes[0].tiers: needs `tiers` at the top level; define them there']);
});

test('what has no effect, or another one than one would think, is warned of', () => {
  const tiers = 'tiers: { x: { quotas: [5/day] } }';
  const rows: [text: string, warnings: string[]][] = [
    [fileWith('match: /', `${tiers}\nlimits: {}\nconsumers: {}\nstore: ./d`), ['tiers', 'limits', 'consumers']],
    [fileWith('match: /', 'usage: {}'), ['usage']],
    [fileWith('tiers: true', `${tiers}\nusage: {}\nstore: ./d`), []],
  ];
  for (const [text, keys] of rows)
    assert.deepEqual(
      problemsOf(text).map((line) => line.split(': ')[0]),
      keys,
    );
  assert.deepEqual(problemsOf(fileWith('tiers: true', tiers)), [
    'tiers.x.quotas: is forgotten when the process ends, since there is no `store`; add `store: { path: ./data }` at the top level',
  ]);
  assert.deepEqual(problemsOf(fileWith('limits: [{ rate: 1/1s, key: [route, consumer] }]')), [
    'routes[0].limits[0].key: counts by address only, since there are no `consumers`',
  ]);
  assert.deepEqual(problemsOf(fileWith('limits: [1/1s]', 'consumers: { from: [{ header: X-Consumer-ID }] }')), [
    'consumers.from[0].header: is never believed, since no listener has `trustedProxies`',
  ]);
});
