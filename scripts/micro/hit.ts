// What one cache hit costs in our own code. ns per request, best of 30.
// Usage: node --disable-warning=ExperimentalWarning [--cpu-prof] scripts/micro/hit.ts
import { randomBytes } from 'node:crypto';
import { parseConfigObject } from '../../src/config/load.ts';
import { createEpochs, Epochs } from '../../src/shm/epochs.ts';
import { createObjectStore, ObjectStore } from '../../src/shm/object-store.ts';
import { answerFirst, openPlayed, timed } from './played-sockets.ts';

const parsed = parseConfigObject(
  { listeners: ['127.0.0.1:8'], upstreams: { origin: 'http://127.0.0.1:9' }, routes: [{ match: '/*', upstream: 'origin', cache: true }] },
  { fileName: 'hit', env: {} },
);
if (parsed.kind !== 'ok') throw new Error(JSON.stringify(parsed.problems));
const seed = randomBytes(16);
const store = new ObjectStore(createObjectStore({ bytes: 64 * 2 ** 20, participants: 4, seed }), 0);
const { client, clock } = openPlayed(parsed.config, { store, epochs: new Epochs(createEpochs(seed)), disk: undefined });

const SIZES = [100, 10 * 1024, 64 * 1024];
const requestFor = (size: number, agent: number): Buffer =>
  Buffer.from(`GET /${size} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk/${agent}\r\n\r\n`);
for (const size of SIZES) {
  client._handle.receive(requestFor(size, 0));
  const head = `HTTP/1.1 200 OK\r\nDate: ${new Date().toUTCString()}\r\nContent-Type: text/plain\r\nCache-Control: max-age=600\r\nContent-Length: ${size}\r\n\r\n`;
  answerFirst(Buffer.from(head + 'x'.repeat(size)));
  const [same = Buffer.alloc(0), other = same] = [requestFor(size, 0), requestFor(size, 1)];
  timed(`${size} bytes, the same request`, client, () => {
    clock.refresh();
    client._handle.receive(same);
  });
  timed(`${size} bytes, another head each time`, client, (i) => {
    clock.refresh();
    client._handle.receive((i & 1) === 0 ? same : other);
  });
}
process.exit(0);
