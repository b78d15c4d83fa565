import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askOnce, connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';

const get = (path: string, lines = ''): string => `GET ${path} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n${lines}\r\n`;

/** Ends its worker, whatever that is leading, filling or serving. */
const KILLER = `export default { name: 'killer', request(request) { if (request.headers.get('x-kill') === 'yes') process.exit(7); } };`;

const configOf = (origin: RawOrigin, drain: string): string => `
workers: 2
process: { drainTimeout: ${drain} }
listeners: [{ name: web, listen: 127.0.0.1:0 }]
upstreams: { origin: { endpoints: ["${origin.url}"] } }
routes:
  - { name: kill, match: /kill, respond: { status: 200 }, filters: [./killer.ts] }
  - { name: all, match: "/*", upstream: origin, cache: { staleWhileRevalidate: 1h }, collapse: { maxWait: 20s } }
cacheMemory: 16MiB
`;

test('a drain with leaders, followers and a refresh under way ends by its deadline', async (t) => {
  const origin = await RawOrigin.answering(({ target }, index) => {
    if (target === '/stale' && index === 0)
      return 'HTTP/1.1 200 OK\r\nCache-Control: max-age=1\r\nAge: 5\r\nETag: "a"\r\nContent-Length: 2\r\n\r\nok';
    return target === '/begun' ? 'HTTP/1.1 200 OK\r\nCache-Control: max-age=9\r\nContent-Length: 100\r\n\r\nbegun' : undefined;
  });
  t.after(() => origin.close());
  const sluice = await SluiceProcess.start({ config: configOf(origin, '1s'), files: { 'killer.ts': KILLER } });
  t.after(() => sluice.stop());
  await askOnce(sluice.port, get('/stale'));
  assert.equal((await askOnce(sluice.port, get('/stale'))).text, 'ok');
  for (const path of ['/stalled', '/stalled', '/stalled', '/stalled', '/begun', '/begun', '/begun']) {
    const client = await connectRaw(sluice.port);
    t.after(() => client.close());
    await client.send(get(path));
  }
  await waitFor('the origin is asked', () => origin.requests.length >= 4);
  const startMs = performance.now();
  process.kill(sluice.pid, 'SIGTERM');
  const exit = await sluice.untilExit();
  assert.equal(exit.code, 0);
  assert.ok(performance.now() - startMs < 8000, `it took ${performance.now() - startMs} ms`);
});

test('workers that die as leaders and followers again and again: everybody ends, and the store goes on', async (t) => {
  let asked = 0;
  const origin = await RawOrigin.answering(async () => {
    asked++;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return 'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok';
  });
  t.after(() => origin.close());
  const sluice = await SluiceProcess.start({ config: configOf(origin, '1s'), files: { 'killer.ts': KILLER } });
  t.after(() => sluice.stop());
  for (let round = 0; round < 2; round++) {
    const herd = Array.from({ length: 24 }, () =>
      askOnce(sluice.port, get(`/a${round}`)).then(
        ({ text }) => text,
        () => 'cut',
      ),
    );
    await waitFor('the origin is asked', () => asked > 0);
    await askOnce(sluice.port, get('/kill', 'X-Kill: yes\r\n')).catch(() => undefined);
    const texts = await Promise.all(herd);
    assert.ok(texts.every((text) => text === 'ok' || text === 'cut'));
    const again = await waitFor('it serves on', () => askOnce(sluice.port, get(`/a${round}`)).catch(() => undefined));
    assert.equal(again.text, 'ok');
    asked = 0;
  }
});
