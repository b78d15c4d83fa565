import { test } from 'node:test';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { CaseOrigin } from './cache-origin.ts';
import { GAPS, PUBLIC_CACHE, PUBLIC_ROWS } from './cache-rows.ts';
import { testRows } from './cached-front.ts';

/** In text, as a user writes it. */
const config = (origin: string): string =>
  JSON.stringify({
    listeners: ['127.0.0.1:0'],
    cacheMemory: '16MiB',
    upstreams: { origin: { endpoints: [origin], forwardCredentials: true } },
    routes: [{ name: 'all', match: '/*', upstream: 'origin', cache: PUBLIC_CACHE }],
  });

test('the public cache suite over two workers of a real process, each step on a connection of its own', {
  concurrency: true,
}, async (t) => {
  const origin = await CaseOrigin.start();
  const sluice = await SluiceProcess.start({ config: config(origin.origin.url), env: { SLUICE_WORKERS: '2' } });
  t.after(async () => {
    await sluice.stop();
    await origin.origin.close();
  });
  const rows = [...PUBLIC_ROWS.values()].flatMap((group) => group.filter((row) => row.kind !== 'check'));
  await testRows(t, { port: sluice.port, origin, hasCacheStatus: true, reconnects: true }, rows, GAPS);
});
