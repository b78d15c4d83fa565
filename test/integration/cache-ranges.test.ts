import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Reply } from '../harness/http-reply.ts';
import { askOnce } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { openCached } from './cached-front.ts';

const BODY = '0123456789abcdefghijklmnopqrstuvwxyz';
const ANSWER = [
  'HTTP/1.1 200 OK',
  'Cache-Control: max-age=3600',
  'Content-Type: text/plain',
  'ETag: "a"',
  `Content-Length: ${BODY.length}`,
  '',
  BODY,
].join('\r\n');

type Part = { readonly type: string | undefined; readonly range: string | undefined; readonly text: string };

/** The parts of a multipart/byteranges body (RFC 9110 14.6), read strictly. */
function partsOf(reply: Reply): readonly Part[] {
  const boundary = /^multipart\/byteranges; ?boundary="?([^"]+)"?$/i.exec(reply.field('Content-Type') ?? '')?.[1];
  assert.ok(boundary, `a boundary in ${reply.field('Content-Type')}`);
  const text = reply.body.toString('latin1');
  const pieces = text.replace(/^\r\n/, '').split(new RegExp(`(?:^|\r\n)--${boundary}(?:--)?(?:\r\n|$)`));
  assert.equal(pieces[0], '', 'nothing before the first boundary');
  assert.ok(text.trimEnd().endsWith(`--${boundary}--`), 'it ends with the closing boundary');
  return pieces
    .slice(1)
    .filter((piece) => piece.trim() !== '')
    .map((piece) => {
      const [head = '', ...rest] = piece.split('\r\n\r\n');
      const lineOf = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'im').exec(head)?.[1]?.trim();
      return { type: lineOf('Content-Type'), range: lineOf('Content-Range'), text: rest.join('\r\n\r\n') };
    });
}

async function openStored(t: TestContext): Promise<{ ask: (lines: string, method?: string) => Promise<Reply>; origin: RawOrigin }> {
  const origin = await RawOrigin.answering(ANSWER);
  const front = await openCached(t, origin.url);
  t.after(() => origin.close());
  const ask = (lines: string, method = 'GET'): Promise<Reply> =>
    askOnce(front.port, `${method} /a HTTP/1.1\r\nHost: a.example\r\n${lines}\r\n`);
  assert.equal((await ask('')).status, 200);
  assert.match((await ask('')).field('Cache-Status') ?? '', /; hit/);
  return { ask, origin };
}

const SINGLE: readonly (readonly [range: string, contentRange: string, text: string])[] = [
  ['bytes=0-0', 'bytes 0-0/36', '0'],
  ['bytes=35-', 'bytes 35-35/36', 'z'],
  ['bytes=-3', 'bytes 33-35/36', 'xyz'],
  ['bytes=0-4,2-9', 'bytes 0-9/36', '0123456789'],
  ['bytes=0-4,5-9', 'bytes 0-9/36', '0123456789'],
  ['bytes=30-40,50-60', 'bytes 30-35/36', 'uvwxyz'],
  ['BYTES=1-2', 'bytes 1-2/36', '12'],
  ['bytes= 1-2 , ', 'bytes 1-2/36', '12'],
];

const MULTIPLE: readonly (readonly [range: string, parts: readonly (readonly [range: string, text: string])[]])[] = [
  [
    'bytes=0-1,10-11',
    [
      ['bytes 0-1/36', '01'],
      ['bytes 10-11/36', 'ab'],
    ],
  ],
  [
    'bytes=0-1, -2',
    [
      ['bytes 0-1/36', '01'],
      ['bytes 34-35/36', 'yz'],
    ],
  ],
  [
    'bytes=0-1,99-,20-21,30-31',
    [
      ['bytes 0-1/36', '01'],
      ['bytes 20-21/36', 'kl'],
      ['bytes 30-31/36', 'uv'],
    ],
  ],
];

test('ranges of what is stored', async (t) => {
  const { ask, origin } = await openStored(t);
  for (const [range, contentRange, text] of SINGLE) {
    await t.test(`${range} is one range`, async () => {
      const reply = await ask(`Range: ${range}\r\n`);
      assert.equal(reply.status, 206);
      assert.equal(reply.field('Content-Range'), contentRange);
      assert.equal(reply.field('Content-Type'), 'text/plain');
      assert.equal(reply.field('Content-Length'), String(text.length));
      assert.equal(reply.text, text);
    });
  }
  for (const [range, expected] of MULTIPLE) {
    await t.test(`${range} is several parts`, async () => {
      const reply = await ask(`Range: ${range}\r\n`);
      assert.equal(reply.status, 206);
      assert.equal(reply.field('Content-Range'), undefined, 'a multipart answer has none of its own (14.4)');
      assert.equal(reply.field('ETag'), '"a"');
      assert.equal(Number(reply.field('Content-Length')), reply.body.length);
      const parts = partsOf(reply);
      assert.deepEqual(
        parts.map((part) => [part.range, part.text]),
        expected,
      );
      for (const part of parts) assert.equal(part.type, 'text/plain');
    });
  }
  await t.test('the order asked for is kept, or ranges are given in ascending order', async () => {
    const parts = partsOf(await ask('Range: bytes=20-21,0-1\r\n'));
    assert.deepEqual(parts.map((part) => part.text).sort(), ['01', 'kl']);
  });
  await t.test('none that can be had is 416', async () => {
    const reply = await ask('Range: bytes=36-,40-50\r\n');
    assert.equal(reply.status, 416);
    assert.equal(reply.field('Content-Range'), 'bytes */36');
  });
  await t.test('very many small ranges do not make a larger answer than the whole', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => `${i % 36}-${i % 36}`).join(',');
    const reply = await ask(`Range: bytes=${many}\r\n`);
    assert.ok(reply.status === 200 || reply.status === 416 || reply.status === 206, String(reply.status));
    assert.ok(reply.body.length < 4000, `${reply.body.length} bytes`);
  });
  await t.test('HEAD with several ranges has no body', async () => {
    const reply = await ask('Range: bytes=0-1,10-11\r\n', 'HEAD');
    assert.equal(reply.status, 200);
    assert.equal(reply.body.length, 0);
  });
  assert.equal(origin.requests.length, 1, 'the origin saw the first request alone');
});
