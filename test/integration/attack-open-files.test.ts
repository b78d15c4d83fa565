import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { SluiceProcess } from '../harness/sluice-process.ts';
import { waitFor } from '../harness/wait-for.ts';

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';

test('idle clients do not take the files that the others need to be served', async (t) => {
  const origin = await RawOrigin.answering();
  t.after(() => origin.close());
  const config = `listeners: ["127.0.0.1:0"]\nupstreams: { o: { endpoints: ["${origin.url}"] } }\nroutes: [{ match: "/*", upstream: o }]\n`;
  const sluice = await SluiceProcess.start({ config, env: { SLUICE_WORKERS: '2' }, maxOpenFiles: 300 });
  t.after(() => sluice.stop());
  const clients = await Promise.all(Array.from({ length: 400 }, () => connectRaw(sluice.port)));
  t.after(() => {
    for (const client of clients) client.close();
  });
  const kept = await waitFor('those who are too many are sent away', () => {
    const open = clients.filter((client) => !client.isEnded);
    return open.length <= 130 ? open : undefined;
  });
  const statuses = await Promise.all(
    kept.slice(0, 40).map(async (client) => {
      await client.send(GET);
      return (await client.readReply('GET')).status;
    }),
  );
  assert.deepEqual(new Set(statuses), new Set([200]));
});
