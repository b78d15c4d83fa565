import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { PlainServer } from '../../../src/edge/plain-server.ts';
import { openDemoOrigin } from '../../../src/runtime/demo-origin.ts';

let server: PlainServer;
before(async () => {
  server = await openDemoOrigin(0);
});
after(() => server.close(0));

function ask(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${path}`, { ...init, headers: { connection: 'close', ...init.headers } });
}

const ROWS: readonly (readonly [path: string, status: number, body: RegExp])[] = [
  ['/', 200, /"try": \[/],
  ['/api/time', 200, /"now": "\d{4}-/],
  ['/api/users', 200, /Ada[\s\S]*Donald/],
  ['/api/users/2', 200, /Grace/],
  ['/api/users/9', 404, /no such user/],
  ['/headers', 200, /"target": "\/headers"[\s\S]*connection: close/i],
  ['/slow?ms=1', 200, /"waitedMs": 1\b/],
  ['/status/503', 503, /"503"/],
  ['/status/204', 204, /^$/],
  ['/status/999', 400, /"999"/],
  ['/none', 404, /no such endpoint/],
];

for (const [path, status, body] of ROWS) {
  test(`the demo origin answers ${path}`, async () => {
    const reply = await ask(path);
    assert.equal(reply.status, status);
    assert.match(await reply.text(), body);
  });
}

test('an echo gives the body back with its type, an upload is counted', async () => {
  const init = { method: 'POST', body: 'there and back', headers: { 'content-type': 'text/x' } };
  const echoed = await ask('/echo', init);
  assert.deepEqual([echoed.headers.get('content-type'), await echoed.text()], ['text/x', 'there and back']);
  assert.deepEqual(await (await ask('/upload', init)).json(), { receivedBytes: 14 });
});

test('parts of a download fit together, and what cannot be a part is refused or answered whole', async () => {
  const part = async (range: string): Promise<readonly [number, string | null, Buffer]> => {
    const reply = await ask('/download?bytes=200000', { headers: { range } });
    return [reply.status, reply.headers.get('content-range'), Buffer.from(await reply.arrayBuffer())];
  };
  const whole = Buffer.from(await (await ask('/download?bytes=200000')).arrayBuffer());
  assert.equal(whole.length, 200_000);
  assert.deepEqual(await part('bytes=65530-65545'), [206, 'bytes 65530-65545/200000', whole.subarray(65_530, 65_546)]);
  assert.deepEqual(await part('bytes=199990-'), [206, 'bytes 199990-199999/200000', whole.subarray(199_990)]);
  assert.deepEqual(await part('bytes=-5'), [206, 'bytes 199995-199999/200000', whole.subarray(199_995)]);
  assert.deepEqual((await part('bytes=200000-'))[0], 416);
  assert.deepEqual((await part('bytes=-0'))[0], 416);
  for (const odd of ['bytes=-', 'bytes=7-3', 'bytes=0-1,3-4', 'lines=1-2']) assert.deepEqual(await part(odd), [200, null, whole], odd);
  const head = await ask('/download?bytes=5', { method: 'HEAD' });
  assert.deepEqual([head.headers.get('content-length'), await head.text()], ['5', '']);
});

test('events come one by one', async () => {
  const reply = await ask('/events');
  const reader = reply.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  assert.match(Buffer.from(value ?? []).toString(), /^id: 1\ndata: \{"count":1,.*\}\n\n$/);
  await reader?.cancel();
});
