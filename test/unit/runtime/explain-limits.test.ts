import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadConfig } from '../../../src/config/load-yaml.ts';
import { formatProblem } from '../../../src/config/problem.ts';
import { askedRequest } from '../../../src/runtime/explain-request.ts';
import { explainLimits, leftText } from '../../../src/runtime/limits/explain-limits.ts';

const CONFIG = `
consumers: { unknown: reject, list: [{ name: acme, keys: [acme-secret], tier: paid }] }
tiers: { free: { limits: [100/1h] }, paid: { limits: [10000/1h], quotas: [{ amount: 500000, per: month, soft: true }] } }
routes:
  - { name: free, match: /free, respond: 200 }
  - name: api
    match: /api
    respond: 200
    tiers: { default: free }
    limits:
      - { name: burst, key: [ip, header: X-Tenant], rate: 10/1s, burst: 30, action: throttle, maxDelay: 2s }
      - { key: apiKey, concurrency: 5 }
`;

function explain(path: string, fields: readonly string[], ip?: string): ReturnType<typeof explainLimits> {
  const read = loadConfig(CONFIG, { fileName: 'sluice.yaml', env: {} });
  assert.ok(read.kind === 'ok', read.kind === 'bad' ? read.problems.map(formatProblem).join('\n') : '');
  const asked = askedRequest({ configPath: '', method: 'GET', url: `http://a${path}`, fields, clientIp: ip, admin: undefined });
  const route = read.config.routes.find(({ match }) => match.path === path);
  assert.ok(typeof asked === 'object' && route !== undefined);
  return explainLimits(route, asked, { config: read.config, ip });
}

test('a route without limits says so', () => {
  assert.deepEqual(explain('/free', []), [{ text: 'limits: none', ask: undefined }]);
});

test('who asks, what he meets in order, and what to ask a running Sluice for', () => {
  assert.deepEqual(explain('/api', ['X-API-Key: acme-secret', 'X-Tenant: shop'], '192.0.2.1'), [
    { text: 'consumer: acme; tier paid', ask: undefined },
    {
      text: 'limit concurrency-5: 5 at the same time, for each API key; beyond it: 429',
      ask: [
        ['limit', 'concurrency-5'],
        ['route', 'api'],
        ['key', 'acme/0'],
      ],
    },
    {
      text: 'limit burst: 10 in 1s, 30 at once, for each ip and value of x-tenant; beyond it: waits, 2s at most, then 429',
      ask: [
        ['limit', 'burst'],
        ['key', '192.0.2.1'],
        ['key', 'shop'],
      ],
    },
    {
      text: 'limit paid-10000-per-1h: 10000 in 1h, for each consumer; beyond it: 429',
      ask: [
        ['limit', 'paid-10000-per-1h'],
        ['key', 'acme'],
      ],
    },
    {
      text: 'quota month: 500000 a calendar month (UTC), for each consumer; beyond it: goes on, as overage',
      ask: [
        ['limit', 'month'],
        ['key', 'acme'],
      ],
    },
  ]);
});

test('who has no key counts by an address that has to be given', () => {
  const texts = explain('/api', []).map(({ text, ask }) => [text.split(':')[0], ask]);
  assert.deepEqual(texts, [
    ['consumer', undefined],
    ['limit concurrency-5', undefined],
    ['limit burst', undefined],
    ['limit free-100-per-1h', undefined],
  ]);
  assert.deepEqual(explain('/api', [], '192.0.2.1').at(-1)?.ask, [
    ['limit', 'free-100-per-1h'],
    ['key', 'ip:192.0.2.1'],
  ]);
});

test('a key that nobody has is refused where that is configured, and is not repeated', () => {
  assert.deepEqual(explain('/api', ['X-API-Key: guessed-key']), [
    { text: 'consumer: none, since nobody has this key: 401', ask: undefined },
  ]);
});

test('what is left is told by kind', () => {
  assert.equal(leftText({ remaining: 4, fullInSec: 12 }), '; 4 left, all of it in 12s');
  assert.equal(leftText({ remaining: 4, fullInSec: 0 }), '; 4 left');
  assert.equal(leftText({ inFlight: 2, remaining: 3 }), '; 2 now');
  assert.equal(leftText({ used: 2, remaining: 3, until: '2026-12-01' }), '; 2 used, 3 left until 2026-12-01');
});
