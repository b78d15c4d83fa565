import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReceivedRequest } from '../harness/http-request.ts';
import { connectRaw } from '../harness/raw-client.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type Asked, message, openShared, PATIENCE_MS } from './shared-host.ts';

/**
 * Random requests, many of them identical, to an origin that answers in every way: whatever happens, what must not run twice does not
 * run while it runs, each answer is one to the very request that its client made, and nothing is left behind.
 */
const REQUESTS = 1500;
const AT_ONCE = 100;
const USERS = ['', 'Authorization: a\r\n', 'X-Api-Key: d\r\n'];

/** Numbers that look random and are the same in each run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function nameOf(request: ReceivedRequest): string {
  const of = (name: string): string => request.fields.find(([field]) => field.toLowerCase() === name)?.[1] ?? '';
  return [request.method, request.target, of('authorization'), of('cookie'), of('x-api-key'), request.body.toString('latin1')].join(' ');
}

/** The last three are for one client, so that a GET is remembered as such. */
const FORMS = ['known', 'chunked', 'reset', 'break', 'break chunked', 'error', 'no content', 'cookie', 'long', 'long chunked'] as const;
const SHARED_FORMS = 7;

/** Its head, and its body in two parts. */
function answerOf(form: (typeof FORMS)[number], text: string): { head: string; parts: readonly [string, string]; isBroken: boolean } {
  const isLong = form.startsWith('long');
  const body = isLong ? text.padEnd(100_000, '.') : text;
  const isChunked = form.endsWith('chunked');
  const status = form === 'error' ? '500 Oh' : form === 'no content' ? '204 No Content' : '200 OK';
  const framing = form === 'no content' ? '' : isChunked ? 'Transfer-Encoding: chunked\r\n' : `Content-Length: ${body.length}\r\n`;
  const head = `HTTP/1.1 ${status}\r\nX-Run: ${text}\r\n${form === 'cookie' ? 'Set-Cookie: a=b\r\n' : ''}${framing}\r\n`;
  const half = body.length >> 1;
  const halves = [body.slice(0, half), body.slice(half)] as const;
  const isBroken = form.startsWith('break');
  if (form === 'no content') return { head, parts: ['', ''], isBroken };
  if (!isChunked) return { head, parts: halves, isBroken };
  return { head, parts: [chunk(halves[0]), `${chunk(halves[1])}0\r\n\r\n`], isBroken };
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

for (const engine of ['node', 'uws'] as const) {
  test(`${engine}: whatever the origin does and whoever leaves, nothing runs beside itself, is anybody else's, or stays`, async (t) => {
    const random = randomFrom(engine.length);
    const running = new Map<string, Set<RawPeer>>();
    const overlaps: string[] = [];
    const suspicions: Promise<void>[] = [];
    /** One whose connection has been given up has ended, too; that may be heard of a moment later. */
    const suspect = async (name: string, peers: readonly RawPeer[]): Promise<void> => {
      await sleep(100);
      if (peers.some((peer) => !peer.isEnded)) overlaps.push(name);
    };
    const answer = async (request: ReceivedRequest, index: number, connection: RawPeer): Promise<undefined> => {
      const name = nameOf(request);
      const peers = running.get(name) ?? new Set<RawPeer>();
      running.set(name, peers);
      if (peers.size > 0 && request.method === 'POST') suspicions.push(suspect(name, [...peers]));
      peers.add(connection);
      const form = FORMS[random(request.target === '/0' ? SHARED_FORMS : FORMS.length)] ?? 'known';
      const { head, parts, isBroken } = answerOf(form, `${index} ${name}`);
      const isHeadAlone = request.method === 'HEAD' || form === 'no content';
      const steps = form === 'reset' ? [] : isHeadAlone ? [head] : [head, parts[0], ...(isBroken ? [] : [parts[1]])];
      await sleep(random(15));
      for (const step of steps.slice(0, -1)) {
        await connection.send(step);
        await sleep(random(10));
      }
      // Before its last byte: the next request may come as soon as that has been read.
      peers.delete(connection);
      await connection.send(steps.at(-1) ?? '');
      if (form === 'reset' || isBroken) connection.reset();
      return undefined;
    };
    const host = await openShared(t, answer, {
      engine,
      dedupe: { methods: ['GET', 'HEAD', 'POST', 'PUT'], maxAnswer: '64KiB', maxWait: '2s', key: ['method', 'url', 'body'] },
    });
    const counts = new Map<string, number>();
    const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
    const one = async (): Promise<void> => {
      const method = ['GET', 'GET', 'HEAD', 'POST', 'POST', 'PUT'][random(6)] ?? 'GET';
      const fields = USERS[random(USERS.length)] ?? '';
      const path = `/${random(2)}`;
      const asked: Asked = { method, path, fields, ...(method.startsWith('P') ? { body: 'x' } : {}) };
      const client = await connectRaw(host.fronts[random(2) === 0 ? 0 : 1].port);
      try {
        await client.send(message(asked));
        if (random(8) === 0) {
          await sleep(random(30));
          client.reset();
          return;
        }
        const reply = await client.readReply(method, PATIENCE_MS).catch(() => undefined);
        count(reply === undefined ? 'cut' : `${method} ${reply.status}`);
        const run = reply?.field('X-Run');
        if (reply === undefined || run === undefined) return;
        const user = ['authorization', 'cookie', 'x-api-key'].map((name) =>
          fields.toLowerCase().startsWith(name) ? fields.slice(-3, -2) : '',
        );
        assert.equal(run.replace(/^\d+ /, ''), [method, path, ...user, asked.body ?? ''].join(' ').trimEnd());
        if (method !== 'HEAD' && reply.status !== 204) assert.equal(reply.text.replace(/\.+$/, '').trimEnd(), run);
      } finally {
        client.close();
      }
    };
    let left = REQUESTS;
    const worker = async (): Promise<void> => {
      while (left-- > 0) await one();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    t.diagnostic(
      `${host.asked()} runs; ${host.counted('sluice_dedupe_total')} shared; ${[...counts].map(([what, n]) => `${what}: ${n}`).join(', ')}`,
    );
    await Promise.all(suspicions);
    assert.deepEqual(overlaps, []);
    assert.ok(host.counted('sluice_dedupe_total') > REQUESTS / 20);
    for (const { gateway } of host.fronts) {
      await waitFor('all have ended', () => gateway.inFlight === 0);
      assert.deepEqual([gateway.waits.size, gateway.heldBytes], [0, 0]);
      assert.deepEqual(gateway.caching?.store.verify(), []);
      assert.equal(gateway.caching?.store.stats().fillingBytes, 0);
      const stats = gateway.caching?.flights?.stats(gateway.clock.hostMs);
      assert.deepEqual([stats?.leading, stats?.streaming], [0, 0]);
    }
  });
}
