import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LimitConfig, QuotaConfig } from '../../../src/config/limit-types.ts';
import { parseConfigObject } from '../../../src/config/load.ts';
import type { GatewayConfig } from '../../../src/config/types.ts';
import { Consumers, NOBODY } from '../../../src/policy/consumers.ts';
import { compileRouteLimits } from '../../../src/policy/limit-set.ts';
import { compileLimit } from '../../../src/shm/rolling-limit.ts';
import { QuotaSet } from '../../../src/usage/quota-set.ts';

/** Values that are right somewhere, and some that are wrong everywhere. */
const WORDS = [
  '100/1m',
  '5/31d',
  '1000000000/1s',
  '5/100ms',
  '7/month',
  '100000000000/day',
  '9/hour',
  'a',
  'b',
  'free',
  'consumer',
  'apiKey',
  'ip',
  'route',
  'reject',
  'throttle',
  'shadow',
  'overage',
  'token-bucket',
  'sliding-window',
  '2s',
  '24/56',
  'hour',
  'UTC',
  'Europe/Berlin',
  'longenough',
  'x-cost',
  '',
  '__proto__',
  'constructor',
];
const SCALARS = fc.oneof(fc.constantFrom(...WORDS), fc.constantFrom(0, 1, 2, 20, 1e9, 1e11, -1, 1.5, true, false, null));

/** Now and then something else. */
const spoilt = (good: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 60, arbitrary: good }, { weight: 1, arbitrary: SCALARS });
const some = (...values: readonly unknown[]): fc.Arbitrary<unknown> => spoilt(fc.constantFrom(...values));

/** A mapping that has the first of these parts, and some of the others. */
function mapping(needed: Parts, others: Parts = {}): fc.Arbitrary<unknown> {
  return spoilt(fc.record({ ...needed, ...others }, { requiredKeys: Object.keys(needed) }));
}
type Parts = Readonly<Record<string, fc.Arbitrary<unknown>>>;

const RATES = some('100/1m', '5/31d', '1000000000/1s', '5/100ms', '3/1500ms', '100/1h');
const COST = spoilt(fc.oneof(some(1, 2), mapping({ header: some('X-Cost') }, { ahead: some(1, 3) })));
const KEY_PART = some('consumer', 'ip', 'route', { header: 'X-A' }, { ip: '24/56' });
const KEY = spoilt(fc.oneof(KEY_PART, fc.array(KEY_PART, { minLength: 1, maxLength: 3 })));
const COMMON = { name: some('a', 'b', 'c') };
const LIMIT_FORMS: readonly [needed: Parts, others: Parts][] = [
  [{ rate: RATES }, { cost: COST, action: some('reject', 'shadow') }],
  [{ rate: RATES, burst: some(20, 1e9) }, { cost: COST }],
  [
    { rate: RATES, action: some('throttle') },
    { maxDelay: some('2s'), burst: some(1) },
  ],
  [{ rate: RATES, algorithm: some('sliding-window') }, { cost: COST }],
  [{ concurrency: some(1, 3) }, { action: some('reject', 'shadow') }],
];
const ROUTE_LIMIT = spoilt(fc.oneof(RATES, ...LIMIT_FORMS.map(([needed, others]) => mapping(needed, { ...others, ...COMMON, key: KEY }))));
const TIER_LIMIT = spoilt(
  fc.oneof(RATES, ...LIMIT_FORMS.map(([needed, others]) => mapping(needed, { ...others, name: some('hour', 'd', 'e', 'f') }))),
);
const TIER_LIMITS = spoilt(fc.array(TIER_LIMIT, { maxLength: 3 }));
const UNITS = fc.uniqueArray(fc.constantFrom('hour', 'day', 'month'), { maxLength: 3 });
const QUOTAS = spoilt(
  UNITS.chain((units) =>
    fc.tuple(
      ...units.map((per) =>
        fc.oneof(
          some(`7/${per}`, `100000000000/${per}`),
          mapping(
            { amount: some(1, 1e11), per: some(per) },
            { timeZone: some('UTC', 'Europe/Berlin'), soft: some(true, false), cost: COST },
          ),
        ),
      ),
    ),
  ),
);
const TIER = mapping({}, { limits: TIER_LIMITS, quotas: QUOTAS, overage: some(true, false, { allow: true }) });
const CONSUMERS = fc
  .uniqueArray(fc.constantFrom('acme', 'beta', 'gamma'), { maxLength: 3 })
  .chain((names) =>
    fc.tuple(
      ...names.map((name) =>
        mapping(
          { name: some(name) },
          { keys: some([`key-of-${name}`], []), tier: some('free', 'paid'), limits: TIER_LIMITS, quotas: QUOTAS },
        ),
      ),
    ),
  );
const SOURCES = some([{ apiKey: { header: 'X-Key' } }, { header: 'X-Id' }], [{ apiKey: { query: 'k' } }]);
const ROUTE = mapping(
  { upstream: fc.constant('a') },
  {
    match: some('/a', '/b/*'),
    limits: spoilt(fc.array(ROUTE_LIMIT, { maxLength: 3 })),
    tiers: some(true, false, ['paid'], { plan: ['free', 'paid'], default: 'paid' }),
    limitFields: some('draft', 'both'),
  },
);
const CONFIG = fc.record({
  upstreams: fc.constant({ a: 'http://a' }),
  tiers: mapping({ free: TIER, paid: TIER }),
  consumers: mapping({ list: spoilt(CONSUMERS) }, { from: SOURCES, unknown: some('reject', 'anonymous') }),
  limits: mapping({}, { memory: some('1MiB'), maxDelayed: some(5) }),
  routes: fc.array(ROUTE, { minLength: 1, maxLength: 2 }),
});

/** That the rest of the proxy can live with what was let through. */
function assertUsable(config: GatewayConfig): void {
  const consumers = config.consumers === undefined ? undefined : new Consumers(config.consumers, new Uint8Array(16));
  const quotas = new QuotaSet();
  const services = { rate: compileLimit, quota: (quota: QuotaConfig) => quotas.quota(quota) };
  const askers = [NOBODY, ...(config.consumers?.list ?? []).map(({ name }) => consumers?.named(name) ?? assert.fail(name))];
  for (const route of config.routes) {
    const limits = compileRouteLimits(route, config, services);
    assert.equal(limits === null, route.limits.length === 0 && route.tiers === undefined);
    for (const asker of limits === null ? [] : askers) {
      const set = limits?.of(asker) ?? assert.fail();
      const rules = [...set.concurrency, ...set.rates, ...set.quotas];
      const facts = { asker, clientAddress: '192.0.2.1', field: () => undefined };
      const places = rules.map((rule) => `${rule.kind} ${rule.identity} ${rule.key.textOf(facts)}`);
      assert.equal(new Set(places).size, places.length, 'no two rules of a request count the same');
      const names = set.told.map(({ config: { name } }) => name);
      assert.equal(new Set(names).size, names.length, `no two have one name: ${names.join()}`);
    }
  }
}

function costOf({ cost }: (LimitConfig & { readonly kind: 'rate' }) | QuotaConfig): number {
  return cost.kind === 'fixed' ? cost.amount : cost.ahead;
}

test('no limits, however they are written, make the check fall over, and what it lets through can be kept', () => {
  let usable = 0;
  fc.assert(
    fc.property(CONFIG, (value) => {
      const result = parseConfigObject(value, { fileName: 'f', env: {} });
      if (result.kind === 'bad') return;
      usable++;
      assertUsable(result.config);
      for (const { limits } of [...result.config.routes, ...result.config.tiers])
        for (const limit of limits) if (limit.kind === 'rate') assert.ok(costOf(limit) <= limit.burst);
    }),
    { numRuns: 300 },
  );
  assert.ok(usable > 30, `only ${usable} of them were good`);
});
