import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Engine } from '../../src/config/types.ts';
import { exchangeRaw } from '../harness/raw-client.ts';
import { OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import { openFront } from './front.ts';

/**
 * Request smuggling: bytes that a proxy before Sluice could take for one request, and Sluice or the origin for two. Each row
 * hides `/evil`. What counts is that the origin never sees it as a request, and that nothing is answered after the refusal.
 */
const ENGINES: readonly Engine[] = ['node', 'uws'];
const EVIL = 'GET /evil HTTP/1.1\r\nHost: evil.example\r\n\r\n';
const HOST = 'Host: a.example\r\n';
const post = (lines: string, body: string): string => `POST /p HTTP/1.1\r\n${HOST}${lines}\r\n${body}`;
const TE = 'Transfer-Encoding: chunked\r\n';

/**
 * `relayed`: the head is good, so the request may reach the origin before its body turns out bad. `silent`: the addon of `uws`
 * cannot parse it and leaves it without an answer until its idle timer; `front-refusals` waits for that.
 */
type Row = readonly [what: string, bytes: string, outcome?: 'relayed' | 'silent'];

const ROWS: readonly Row[] = [
  ['CL.TE', post(`Content-Length: 6\r\n${TE}`, `0\r\n\r\n${EVIL}`)],
  ['TE.CL', post(`${TE}Content-Length: 4\r\n`, `${EVIL.length.toString(16)}\r\n${EVIL}\r\n0\r\n\r\n`)],
  ['CL.TE, length zero', post(`Content-Length: 0\r\n${TE}`, `0\r\n\r\n${EVIL}`)],
  ['TE.TE, the second one odd', post(`${TE}Transfer-Encoding: x\r\n`, `0\r\n\r\n${EVIL}`)],
  ['TE.TE, the first one odd', post(`Transfer-Encoding: x\r\n${TE}`, `0\r\n\r\n${EVIL}`)],
  ['TE with a tab', post('Transfer-Encoding:\tchunked, identity\r\n', `0\r\n\r\n${EVIL}`)],
  ['TE with a byte above 0x7f within', post('Transfer-Encoding: chu\xffnked\r\n', `0\r\n\r\n${EVIL}`)],
  ['TE in quotes', post('Transfer-Encoding: "chunked"\r\n', `0\r\n\r\n${EVIL}`)],
  ['CL.CL, short first', post(`Content-Length: 0\r\nContent-Length: ${EVIL.length}\r\n`, EVIL)],
  ['CL.CL, long first', post(`Content-Length: ${EVIL.length}\r\nContent-Length: 0\r\n`, EVIL)],
  ['CL with a plus', post('Content-Length: +0\r\n', EVIL)],
  ['CL with a list', post(`Content-Length: 0, ${EVIL.length}\r\n`, EVIL)],
  ['CL with a blank before the colon', post('Content-Length : 0\r\n', EVIL), 'silent'],
  ['CL hidden by a folded line', post(`X-A: 1\r\n Content-Length: ${EVIL.length}\r\n`, EVIL), 'silent'],
  ['CL hidden behind a bare CR', post(`X-A: 1\rContent-Length: ${EVIL.length}\r\n`, EVIL), 'silent'],
  ['CL hidden behind a bare LF', post(`X-A: 1\nContent-Length: ${EVIL.length}\r\n`, EVIL), 'silent'],
  ['two Hosts', `GET /p HTTP/1.1\r\n${HOST}Host: evil.example\r\n\r\n${EVIL}`],
  ['a method that is no token', `G(T /p HTTP/1.1\r\n${HOST}\r\n${EVIL}`],
  ['a target with DEL', `GET /\x7f HTTP/1.1\r\n${HOST}\r\n${EVIL}`],
  ['an over-long target', `GET /${'a'.repeat(600)} HTTP/1.1\r\n${HOST}\r\n${EVIL}`],
  ['a request in a field value', `GET /p HTTP/1.1\r\n${HOST}X-A: 1\r\nX-B: \0${EVIL}\r\n`, 'silent'],
  ['an unknown expectation', post('Expect: x\r\nContent-Length: 0\r\n', EVIL)],
  ['a chunk size with a sign', post(TE, `-1\r\n\r\n${EVIL}`), 'relayed'],
  ['a chunk size with 0x', post(TE, `0x0\r\n\r\n${EVIL}`), 'relayed'],
  ['a chunk size that overflows', post(TE, `10000000000000000\r\n${EVIL}`), 'relayed'],
  ['a chunk that is longer than it says', post(TE, `1\r\nab\r\n0\r\n\r\n${EVIL}`), 'relayed'],
  ['bare LF after a chunk size', post(TE, `0\n\n${EVIL}`), 'relayed'],
  ['bare LF after a chunk', post(TE, `1\r\na\n0\r\n\r\n${EVIL}`), 'relayed'],
  ['an end without its empty line', post(TE, `0\r\n${EVIL}`), 'relayed'],
  ['a blank before a chunk size', post(TE, ` 0\r\n\r\n${EVIL}`), 'relayed'],
  ['a chunk extension with a bare LF', post(TE, `0;a\nb\r\n\r\n${EVIL}`), 'relayed'],
];

for (const engine of ENGINES) {
  for (const [what, bytes, outcome] of ROWS) {
    if (engine === 'uws' && outcome === 'silent') continue;
    test(`${engine}: ${what}: the hidden request reaches nobody`, async (t) => {
      const origin = await RawOrigin.start(async (connection) => {
        while ((await connection.readRequest(60_000).catch(() => undefined)) !== undefined) await connection.send(OK_REPLY);
      });
      const front = await openFront(t, engine, origin.port, { limits: { maxTargetBytes: 512 }, timeouts: { idleMs: 300 } });
      t.after(() => origin.close());
      const received = (await exchangeRaw(front.port, bytes, 15_000)).toString('latin1');
      assert.ok(!/(^|\n)GET \/evil/.test(bodiless(origin.text)), origin.text);
      assert.ok((received.match(/HTTP\/1\.1 /g)?.length ?? 0) <= 1, received);
      if (outcome !== 'relayed') assert.equal(origin.connections.length, 0);
      else assert.ok(!received.startsWith('HTTP/1.1 200') || engine === 'uws', received);
    });
  }

  test(`${engine}: a good chunked request does not let through what stands behind its trailers`, async (t) => {
    const origin = await RawOrigin.answering();
    const front = await openFront(t, engine, origin.port);
    t.after(() => origin.close());
    await exchangeRaw(front.port, post(`${TE}Connection: close\r\n`, `1\r\na\r\n0\r\nX-T: 1\r\n\r\n${EVIL}`));
    assert.ok(!origin.text.includes('/evil'));
  });
}

/** The bytes without chunk contents: a body may hold anything. */
function bodiless(text: string): string {
  return text.replace(/(\r\n\r\n[0-9a-f]+\r\n)[\s\S]*?(?=\r\n0\r\n\r\n|$)/g, '$1');
}
