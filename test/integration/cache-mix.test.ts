import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Reply } from '../harness/http-reply.ts';
import { connectRaw } from '../harness/raw-client.ts';
import { RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type CachedFront, hostCache, openCached } from './cached-front.ts';

const HOST = 'Host: a.example\r\n';
const bodyOf = (target: string): string => `${target}|`.repeat(1 + (target.length % 7) * 50);

/** `/s…` is stored, `/n…` is not, `/v…` has a tag and is stale at once. */
function answerFor(target: string, condition: string | undefined): string {
  const body = bodyOf(target);
  const tag = `"${target.length}"`;
  const kind = target[1];
  if (kind === 'v' && condition === tag) return `HTTP/1.1 304 Not Modified\r\nETag: ${tag}\r\n\r\n`;
  const control = { s: 'max-age=3600', n: 'no-store', v: 'no-cache' }[kind ?? 'n'] ?? 'no-store';
  return `HTTP/1.1 200 OK\r\nCache-Control: ${control}\r\nX-Secret: of the origin\r\nETag: ${tag}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

async function open(t: TestContext, fronts = 1): Promise<{ fronts: readonly CachedFront[]; origin: RawOrigin }> {
  const origin = await RawOrigin.answering((request) => {
    const answer = answerFor(request.target, request.field('If-None-Match'));
    return request.method === 'HEAD' ? answer.slice(0, answer.indexOf('\r\n\r\n') + 4) : answer;
  });
  const host = hostCache();
  const opened: CachedFront[] = [];
  for (let self = 0; self < fronts; self++) opened.push(await openCached(t, origin.url, { host, self }));
  t.after(() => origin.close());
  return { fronts: opened, origin };
}

type Wish = { readonly method?: string; readonly target: string; readonly lines?: string; readonly check: (reply: Reply) => void };
const whole =
  (target: string): Wish['check'] =>
  (reply) =>
    assert.deepEqual([reply.status, reply.text], [200, bodyOf(target)]);
const WISHES: readonly Wish[] = [
  { target: '/s1', check: whole('/s1') },
  { target: '/n1', check: whole('/n1') },
  { target: '/v1', check: whole('/v1') },
  { target: '/s1', check: whole('/s1') },
  {
    method: 'HEAD',
    target: '/s1',
    check: (reply) => assert.equal(reply.field('Content-Length'), String(bodyOf('/s1').length)),
  },
  { target: '/s1', lines: 'If-None-Match: "3"\r\n', check: (reply) => assert.equal(reply.status, 304) },
  { target: '/s1', lines: 'Range: bytes=1-2\r\n', check: (reply) => assert.deepEqual([reply.status, reply.text], [206, 's1']) },
  { target: '/s1', lines: 'Range: bytes=9999-\r\n', check: (reply) => assert.equal(reply.status, 416) },
  { target: '/v1', check: whole('/v1') },
  { target: '/none', lines: 'Cache-Control: only-if-cached\r\n', check: (reply) => assert.equal(reply.status, 504) },
  { target: '/s1', check: whole('/s1') },
];
const textOf = ({ method = 'GET', target, lines = '' }: Wish): string => `${method} ${target} HTTP/1.1\r\n${HOST}${lines}\r\n`;

for (const times of [1, 20]) {
  test(`pipelined: hits, misses, validations, 304, 206, 416, 504 and HEAD come back in order (${times} times)`, async (t) => {
    const { fronts } = await open(t);
    const client = await connectRaw(fronts[0]?.port ?? 0);
    t.after(() => client.close());
    const wishes = Array.from({ length: times }, () => WISHES).flat();
    await client.send(wishes.map(textOf).join(''));
    for (const wish of wishes) {
      const reply = await client.readReply(wish.method);
      wish.check(reply);
      assert.ok(reply.fieldAll('Cache-Status').length === 1, `Cache-Status on ${reply.startLine}`);
    }
    await waitFor('nothing is left', () => fronts[0]?.gateway.inFlight === 0);
  });
}

test('many clients of two workers at once: every answer is the right one', async (t) => {
  const { fronts, origin } = await open(t, 2);
  const targets = Array.from({ length: 30 }, (_, i) => `/${'svn'[i % 3]}/${'x'.repeat(i)}`);
  const clientCount = 24;
  const rounds = 40;
  let hits = 0;
  const live = async (index: number): Promise<void> => {
    const client = await connectRaw(fronts[index % 2]?.port ?? 0);
    for (let round = 0; round < rounds; round++) {
      const target = targets[(index * 7 + round * 11) % targets.length] ?? '/s';
      await client.send(`GET ${target} HTTP/1.1\r\n${HOST}\r\n`);
      const reply = await client.readReply();
      assert.deepEqual([reply.status, reply.text], [200, bodyOf(target)]);
      if (/; hit/.test(reply.field('Cache-Status') ?? '')) hits++;
    }
    client.close();
  };
  await Promise.all(Array.from({ length: clientCount }, (_, index) => live(index)));
  assert.ok(hits > (clientCount * rounds) / 4, `${hits} hits`);
  assert.ok(origin.requests.length < clientCount * rounds - hits + 1, `${origin.requests.length} requests`);
  for (const front of fronts) await waitFor('nothing is left', () => front.gateway.inFlight === 0);
  assert.deepEqual(fronts[0]?.caching.store.verify(), []);
});

test('an HTTP/1.0 client gets hits, and its connection ends', async (t) => {
  const { fronts } = await open(t);
  for (const expected of [false, true]) {
    const client = await connectRaw(fronts[0]?.port ?? 0);
    await client.send(`GET /s1 HTTP/1.0\r\n${HOST}\r\n`);
    const reply = await client.readReply();
    assert.equal(reply.text, bodyOf('/s1'));
    assert.equal(/; hit/.test(reply.field('Cache-Status') ?? ''), expected);
    await client.untilEnd();
    client.close();
  }
});

test('the route sets and removes fields of hits as of all answers, and what is stored has them as the origin sent them', async (t) => {
  const { origin } = await open(t);
  const edits = { response: { set: { 'X-Set': 'by the route' }, remove: ['X-Secret'] } };
  const edited = await openCached(t, origin.url, { host: hostCache(), route: { headers: edits } });
  const client = await connectRaw(edited.port);
  t.after(() => client.close());
  for (const lines of ['', '', 'If-None-Match: "9"\r\n', 'Range: bytes=0-1\r\n']) {
    await client.send(`GET /s/secret HTTP/1.1\r\n${HOST}${lines}\r\n`);
    const reply = await client.readReply();
    assert.deepEqual([reply.field('X-Set'), reply.field('X-Secret')], ['by the route', undefined], reply.head);
  }
});
