import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';
import { Asker, Consumers, NOBODY } from '../../../src/policy/consumers.ts';
import { compileRouteLimits, type LimitSet, type RouteLimits } from '../../../src/policy/limit-set.ts';

const SERVICES = {
  rate: ({ amount }: { amount: number }) => `rate ${amount}`,
  quota: ({ amount }: { amount: number }) => `quota ${amount}`,
};

function load(text: string): GatewayConfig {
  const result = loadConfig(text, { fileName: 'sluice.yaml', env: {} });
  return result.kind === 'ok' ? result.config : assert.fail(JSON.stringify(result.problems));
}

const CONFIG = load(`
store: ./data
consumers:
  list:
    - { name: free, tier: free }
    - { name: paid, tier: paid }
    - { name: gold, tier: gold }
    - { name: own, tier: paid, limits: [20000/1h, { concurrency: 7 }, 9/1m], quotas: [5/day, 7/month] }
    - { name: poor, limits: [1/1h] }
tiers:
  free: { limits: [100/1h, 1000/1d] }
  paid: { limits: [10000/1h, 100000/1d, { concurrency: 50 }], quotas: [1000/month, 10/hour] }
  gold: { limits: [1/1s] }
upstreams: { a: http://a }
routes:
  - { name: tiered, upstream: a, limits: [{ name: burst, rate: 5/1s }, { rate: 9/1s, key: ip, action: shadow }, { concurrency: 3, key: ip }], tiers: [free, paid] }
  - { name: plain, match: /plain, upstream: a, limits: [{ name: burst, rate: 5/1s }, { rate: 9/1s, key: ip, action: shadow }] }
  - { name: open, match: /open, upstream: a }
  - { name: all, match: /all, upstream: a, tiers: { default: gold } }
`);

function limitsOf(name: string): RouteLimits<string, string> | null {
  const route = CONFIG.routes.find((one) => one.name === name);
  return route === undefined ? assert.fail(name) : compileRouteLimits(route, CONFIG, SERVICES);
}

const ASKERS = new Consumers(CONFIG.consumers ?? assert.fail('there are consumers'), new Uint8Array(16));

function setOf(route: string, consumer?: string): LimitSet<string, string> {
  const asker = consumer === undefined ? NOBODY : ASKERS.named(consumer);
  return limitsOf(route)?.of(asker ?? new Asker('known', consumer ?? '', { keyId: '', config: undefined })) ?? assert.fail(route);
}

function namesIn({ concurrency, rates, quotas }: LimitSet<string, string>): string[] {
  return [...concurrency, ...rates, ...quotas].map(({ config }) => config.name);
}

test('a route without limits and tiers has none, at no cost', () => {
  assert.equal(limitsOf('open'), null);
});

test('the limits of a route, and with tiers those of whoever asks', () => {
  const free = ['concurrency-3', 'burst', '9-per-1s', 'free-100-per-1h', 'free-1000-per-1d'];
  const paid = ['concurrency-3', 'paid-concurrency-50', 'burst', '9-per-1s', 'paid-10000-per-1h', 'paid-100000-per-1d', 'month', 'hour'];
  const rows: [route: string, consumer: string | undefined, tier: string, names: string[]][] = [
    ['plain', undefined, '', ['burst', '9-per-1s']],
    ['plain', 'own', '', ['burst', '9-per-1s']],
    ['tiered', undefined, 'free', free],
    ['tiered', 'free', 'free', free],
    ['tiered', 'paid', 'paid', paid],
    // Its tier is not in the plan of this route.
    ['tiered', 'gold', 'free', free],
    ['tiered', 'guest', 'free', free],
    ['all', 'guest', 'gold', ['gold-1-per-1s']],
    ['all', 'gold', 'gold', ['gold-1-per-1s']],
    ['tiered', 'poor', 'free', ['concurrency-3', 'burst', '9-per-1s', 'free-1000-per-1d', 'own-1-per-1h']],
    [
      'tiered',
      'own',
      'paid',
      [
        ...['concurrency-3', 'own-concurrency-7', 'burst', '9-per-1s', 'paid-100000-per-1d', 'own-20000-per-1h', 'own-9-per-1m'],
        ...['hour', 'day', 'month'],
      ],
    ],
  ];
  for (const [route, consumer, tier, names] of rows) {
    const set = setOf(route, consumer);
    assert.deepEqual([set.tier, namesIn(set)], [tier, names], `${route} ${consumer}`);
  }
});

test('a limit of a consumer stands in place of that of its tier of the same name, over whatever time', () => {
  const config = load(`
consumers: { list: [{ name: c, tier: t, limits: [{ name: l, rate: 9/1m }, 7/1d] }] }
tiers: { t: { limits: [{ name: l, rate: 1/1s }, { name: other, rate: 5/1d }, 3/1m, 2/1h] } }
upstreams: { a: http://a }
routes: [{ upstream: a, tiers: true }]`);
  const asker = new Consumers(config.consumers ?? assert.fail(), new Uint8Array(16)).named('c') ?? assert.fail();
  const set = compileRouteLimits(config.routes[0] ?? assert.fail(), config, SERVICES)?.of(asker) ?? assert.fail();
  assert.deepEqual(
    set.rates.map(({ config: { name, amount } }) => [name, amount]),
    [
      ['t-2-per-1h', 2],
      ['l', 9],
      ['own-7-per-1d', 7],
    ],
  );
});

test('a set is made once, and carries what the services made', () => {
  const limits = limitsOf('tiered') ?? assert.fail('limited');
  for (const name of ['own', 'paid']) assert.equal(limits.of(ASKERS.named(name) ?? NOBODY), limits.of(ASKERS.named(name) ?? NOBODY));
  const set = setOf('tiered', 'own');
  assert.deepEqual([set.rates.at(-1)?.rate, set.quotas.at(-1)?.quota], ['rate 9', 'quota 7']);
});

test('shadow limits are not told, the others have a place each', () => {
  const set = setOf('tiered', 'paid');
  assert.deepEqual(
    set.told.map(({ told }) => told),
    set.told.map((_, i) => i),
  );
  assert.ok(set.told.every(({ config }) => config.name !== '9-per-1s'));
  assert.equal(set.rates.find(({ config }) => config.name === '9-per-1s')?.told, -1);
});

test('limits of one name are one over all routes, unnamed ones each on its own, and those of tiers over all routes and tiers', () => {
  const identity = (set: LimitSet<string, string>, name: string): string =>
    [...set.concurrency, ...set.rates, ...set.quotas].find(({ config }) => config.name === name)?.identity ?? assert.fail(name);
  assert.equal(identity(setOf('tiered'), 'burst'), identity(setOf('plain'), 'burst'));
  assert.notEqual(identity(setOf('tiered'), '9-per-1s'), identity(setOf('plain'), '9-per-1s'));
  assert.equal(identity(setOf('tiered', 'paid'), 'paid-10000-per-1h'), identity(setOf('all', 'paid'), 'paid-10000-per-1h'));
  assert.equal(identity(setOf('tiered', 'paid'), 'month'), identity(setOf('tiered', 'own'), 'month'));
  assert.equal(identity(setOf('tiered', 'paid'), 'paid-concurrency-50'), identity(setOf('tiered', 'own'), 'own-concurrency-7'));
  assert.notEqual(identity(setOf('tiered', 'paid'), 'paid-10000-per-1h'), identity(setOf('tiered', 'own'), 'own-20000-per-1h'));
});

test('a limit that is in two tiers is one, two that are alike in one tier are two, and another rate is another limit', () => {
  const tier = (limits: string): string => `tiers: { x: { limits: [${limits}] }, y: { limits: [5/1h] } }`;
  const of = (limits: string, plan: string): string[] => {
    const config = load(`${tier(limits)}\nconsumers: {}\nupstreams: { a: http://a }\nroutes: [{ upstream: a, tiers: [${plan}] }]`);
    const route = config.routes[0] ?? assert.fail('one route');
    return (compileRouteLimits(route, config, SERVICES) ?? assert.fail('limited')).of(NOBODY).rates.map(({ identity }) => identity);
  };
  assert.deepEqual(of('5/1h', 'x'), of('5/1h', 'y'));
  assert.equal(new Set(of('5/1h, 5/1h, { name: n, rate: 5/1h }', 'x')).size, 3);
  for (const other of ['6/1h', '5/2h', '{ rate: 5/1h, burst: 1 }', '{ rate: 5/1h, algorithm: sliding-window }'])
    assert.notDeepEqual(of(other, 'x'), of(other, 'y'), other);
});
