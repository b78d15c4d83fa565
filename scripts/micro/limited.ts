// What limits add to one relayed request in our own code. ns per request, best of 30.
// Usage: node --disable-warning=ExperimentalWarning [--cpu-prof] scripts/micro/limited.ts
import { randomBytes } from 'node:crypto';
import { parseConfigObject } from '../../src/config/load.ts';
import { ConcurrencyTable, createConcurrencyTable } from '../../src/shm/concurrency-table.ts';
import { createLimitTable } from '../../src/shm/limit-memory.ts';
import { LimitTable } from '../../src/shm/limit-table.ts';
import { createQuotaTable, QuotaTable } from '../../src/shm/quota-table.ts';
import { answerFirst, openPlayed, timed } from './played-sockets.ts';

const MANY = '1000000000/1h';
const WAYS = {
  pass: {},
  ip: { limits: [{ name: 'l', key: 'ip', rate: MANY }] },
  'ip, told nothing': { limits: [{ name: 'l', key: 'ip', rate: MANY }], limitFields: 'none' },
  consumer: { limits: [{ name: 'n', key: 'consumer', rate: MANY }] },
  window: { limits: [{ name: 'w', key: 'ip', rate: MANY, algorithm: 'sliding-window' }] },
  'two limits': {
    limits: [
      { name: 'l', key: 'ip', rate: MANY },
      { name: 'n', key: 'consumer', rate: MANY },
    ],
  },
  concurrency: { limits: [{ name: 'i', key: 'ip', concurrency: 1000 }] },
  'tier with a quota': { tiers: { plan: ['paid'], default: 'paid' } },
};
const names = Object.keys(WAYS) as (keyof typeof WAYS)[];
const parsed = parseConfigObject(
  {
    listeners: ['127.0.0.1:8'],
    upstreams: { origin: { endpoints: ['http://127.0.0.1:9'], pool: { maxRequests: 0 } } },
    consumers: { from: [{ apiKey: { header: 'X-API-Key' } }], list: [{ name: 'ann', keys: ['key-of-ann'], tier: 'paid' }] },
    tiers: { paid: { limits: [MANY], quotas: [{ name: 'month', amount: 1e11, per: 'month' }] } },
    routes: names.map((name, i) => ({ name: `route-${i}`, match: `/${i}`, upstream: 'origin', ...WAYS[name] })),
  },
  { fileName: 'limited', env: {} },
);
if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed.problems));
const seed = randomBytes(16);
const { client, clock } = openPlayed(parsed.config, undefined, {
  limits: new LimitTable(createLimitTable({ bytes: 32 * 2 ** 20, seed }), 0),
  concurrency: new ConcurrencyTable(createConcurrencyTable({ bytes: 2 ** 20, participants: 4, seed }), 0),
  quotas: new QuotaTable(createQuotaTable({ bytes: 2 ** 20, seed }), 0),
});

const answer = Buffer.from(`HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n${'x'.repeat(100)}`);
const requests = names.map((_, i) => Buffer.from(`GET /${i} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX-API-Key: key-of-ann\r\n\r\n`));
const [first = answer] = requests;
client._handle.receive(first);
const upstream = answerFirst(answer);
for (const [i, name] of [...names.entries(), ...names.entries()]) {
  timed(name, client, () => {
    clock.refresh();
    client._handle.receive(requests[i] ?? answer);
    upstream._handle.receive(answer);
  });
}
process.exit(0);
