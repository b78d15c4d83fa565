// What one miss that is stored costs in our own code, beside the same request on a route without a cache, with collapsed
// forwarding and without, and what a lone request costs that shares (`dedupe`). Every request asks for another URL. ns per request, best of 30.
// Usage: node --disable-warning=ExperimentalWarning [--cpu-prof] scripts/micro/miss.ts
import { randomBytes } from 'node:crypto';
import { parseConfigObject } from '../../src/config/load.ts';
import { createEpochs, Epochs } from '../../src/shm/epochs.ts';
import { createFlights } from '../../src/shm/flight-cells.ts';
import { Flights } from '../../src/shm/flights.ts';
import { createObjectStore, ObjectStore } from '../../src/shm/object-store.ts';
import { answerFirst, openPlayed, timed } from './played-sockets.ts';

const pool = { maxRequests: 0 };
const parsed = parseConfigObject(
  {
    listeners: ['127.0.0.1:8'],
    upstreams: { origin: { endpoints: ['http://127.0.0.1:9'], pool } },
    routes: [
      { match: '/pass/*', upstream: 'origin' },
      { match: '/alone/*', upstream: 'origin', cache: true, collapse: false },
      { match: '/collapsed/*', upstream: 'origin', cache: true, collapse: true },
      { match: '/deduped/*', upstream: 'origin', dedupe: true },
    ],
  },
  { fileName: 'miss', env: {} },
);
if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed.problems));
const seed = randomBytes(16);
const participants = 4;
const store = new ObjectStore(createObjectStore({ bytes: 256 * 2 ** 20, participants, seed }), 0);
const flights = new Flights(createFlights({ slots: 2 ** 15, participants, seed }), 0);
const { client, clock } = openPlayed(parsed.config, { store, epochs: new Epochs(createEpochs(seed)), disk: undefined, flights });

const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: ${new Date().toUTCString()}\r\nContent-Type: text/plain\r\nCache-Control: max-age=600\r\nContent-Length: 100\r\n\r\n${'x'.repeat(100)}`,
);
let count = 0;
const requestFor = (route: string): Buffer => {
  count += 1;
  return Buffer.from(`GET /${route}/${count} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk\r\n\r\n`);
};

client._handle.receive(requestFor('pass'));
const upstream = answerFirst(answer);
timed('making the request', client, () => {
  clock.refresh();
  requestFor('alone');
});
for (const route of ['pass', 'alone', 'collapsed', 'deduped', 'pass', 'alone', 'collapsed', 'deduped']) {
  timed(route, client, () => {
    clock.refresh();
    client._handle.receive(requestFor(route));
    upstream._handle.receive(answer);
  });
}
console.log(JSON.stringify(store.stats()));
process.exit(0);
