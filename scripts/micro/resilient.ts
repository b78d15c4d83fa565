// What health, breakers, retries and balancing add to one relayed request in our own code. ns per request, best of 30.
// Usage: node --disable-warning=ExperimentalWarning [--cpu-prof] scripts/micro/resilient.ts
import { parseConfigObject } from '../../src/config/load.ts';
import { EndpointMemory } from '../../src/upstream/endpoint-memory.ts';
import { UpstreamHost } from '../../src/runtime/upstream-host.ts';
import { answerFirst, openPlayed, timed } from './played-sockets.ts';

const WAYS = {
  pass: {},
  'outlier detection': { health: { passive: true } },
  breaker: { breaker: true },
  retry: { retry: true },
  'health, breaker, retry': { health: { passive: true }, breaker: { service: true }, retry: true },
  'least requests': { balance: 'least-requests' },
  'a time for each try': { timeouts: { try: '5s' } },
  hedge: { hedge: { after: '1h' } },
};
const names = Object.keys(WAYS) as (keyof typeof WAYS)[];
const parsed = parseConfigObject(
  {
    listeners: ['127.0.0.1:8'],
    upstreams: Object.fromEntries(
      names.map((name, i) => [`u${i}`, { endpoints: [`http://127.0.0.1:${9 + i}`], pool: { maxRequests: 0 }, ...WAYS[name] }]),
    ),
    routes: names.map((_, i) => ({ name: `route-${i}`, match: `/${i}`, upstream: `u${i}` })),
  },
  { fileName: 'resilient', env: {} },
);
if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed.problems));
const log = { info: () => {}, warn: () => {}, error: () => {} };
// No driver: what the coordinator does is done on its own thread.
const host = new UpstreamHost({ slots: 4, log, drivers: [], onEndpoints: () => {} });
const segment = host.prepare(parsed.config);
if (segment === undefined) throw new Error('some of them have state');
const { client, clock } = openPlayed(parsed.config, undefined, undefined, {
  ...segment,
  memory: new EndpointMemory(segment),
  worker: 0,
  limits: null,
});

const answer = Buffer.from(`HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n${'x'.repeat(100)}`);
const requests = names.map((_, i) => Buffer.from(`GET /${i} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n`));
const connections = requests.map((request) => {
  client._handle.receive(request);
  return answerFirst(answer);
});
for (const [i, name] of [...names.entries(), ...names.entries()]) {
  timed(name, client, () => {
    clock.refresh();
    client._handle.receive(requests[i] ?? answer);
    connections[i]?._handle.receive(answer);
  });
}
process.exit(0);
