import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { parseReply, type Reply } from '../harness/http-reply.ts';
import { parseRequest } from '../harness/http-request.ts';
import { within } from '../harness/wait-for.ts';
import { openFront } from '../integration/front.ts';
import { readRequestsSlowly } from './slow-requests.ts';
import { readSlowly } from './slow-response.ts';

/**
 * The whole path, client to origin and back, with mutated messages cut anywhere, against slow readers. What the origin sees is
 * exactly what the reference accepted; what it did not accept is refused and reaches nobody.
 */
const LIMITS = { maxTargetBytes: 256, maxFields: 12, maxHeadBytes: 4096 };
const END = '\r\n';

const rarely = <T>(often: fc.Arbitrary<T>, seldom: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: often, weight: 9 }, { arbitrary: seldom, weight: 1 });
const mutation = fc.tuple(
  fc.nat(600),
  fc.constantFrom('drop', 'put', 'double', 'swap'),
  fc.constantFrom('\r', '\n', '\0', ' ', ':', '\t', '0', 'f', ';', ',', '\xff', '\x0b', '\r\n'),
);
type Mutation = readonly [place: number, kind: string, byte: string];
const cuts = fc.oneof(fc.constant<number[]>([]), fc.array(fc.nat(400), { maxLength: 5 }));

function mutate(text: string, mutations: readonly Mutation[]): string {
  return mutations.reduce((now, [place, kind, byte]) => {
    const at = place % (now.length + 1);
    if (kind === 'drop') return now.slice(0, at) + now.slice(at + 1);
    if (kind === 'put') return now.slice(0, at) + byte + now.slice(at);
    if (kind === 'double') return now.slice(0, at) + now.slice(Math.max(0, at - 9), at) + now.slice(at);
    return now.slice(0, at) + byte + now.slice(at + 1);
  }, text);
}

const mutations = fc.oneof(fc.constant<Mutation[]>([]), fc.array(mutation, { maxLength: 3 }));

const requestField = rarely(
  fc.constantFrom(
    'Content-Length: 5',
    'Transfer-Encoding: chunked',
    'X-A: b',
    'Connection: close',
    'Connection: keep-alive, x-a',
    'Accept: text/plain',
  ),
  fc.constantFrom(
    'Transfer-Encoding: gzip, chunked',
    'Content-Length: 6',
    'Content-Length : 5',
    'Host: b',
    ' folded',
    'A\x0b: b',
    'Content_Length: 9',
    'X: \xe4',
  ),
);
const content = fc.constantFrom(
  '',
  'hello',
  `5${END}hello${END}0${END}${END}`,
  `5;a="b"${END}hello${END}0${END}T: v${END}${END}`,
  `0${END}${END}`,
  `+5${END}hello${END}0${END}${END}`,
);
const requestLine = rarely(
  fc.constantFrom(
    'GET /a HTTP/1.1',
    'POST /b?c=d HTTP/1.1',
    'PUT /e HTTP/1.1',
    'HEAD /f HTTP/1.1',
    'GET http://x.example/g HTTP/1.1',
    'OPTIONS * HTTP/1.1',
  ),
  fc.constantFrom(
    'GET /a HTTP/1.0',
    'GET /\xe4 HTTP/1.1',
    'GET  /a HTTP/1.1',
    'GET /a HTTP/2.0',
    'G\x0bT / HTTP/1.1',
    'CONNECT a:1 HTTP/1.1',
    'TRACE /t HTTP/1.1',
  ),
);
const request = fc
  .tuple(requestLine, fc.array(requestField, { maxLength: 3 }), content)
  .map(([line, lines, body]) => `${[line, 'Host: a.example', ...lines].join(END)}${END}${END}${body}`);
const requests = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 3 }), mutations)
  .map(([all, changes]) => mutate(all.join(''), changes));

const responseField = rarely(
  fc.constantFrom('Content-Length: 5', 'Transfer-Encoding: chunked', 'Connection: close', 'X-A: b', 'Date: today'),
  fc.constantFrom('Content-Length: 6', 'Transfer-Encoding: gzip', 'A : b', ' folded', 'Content-Length: -1', 'A: \x01'),
);
const statusLine = rarely(
  fc.constantFrom('HTTP/1.1 200 OK', 'HTTP/1.0 200 OK', 'HTTP/1.1 204 ', 'HTTP/1.1 304 Not Modified', 'HTTP/1.1 500 Oh no'),
  fc.constantFrom('HTTP/2.0 200 OK', 'http/1.1 200 OK', 'HTTP/1.1 101 Switching', 'HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 200 OK'),
);
const response = fc
  .tuple(
    statusLine,
    fc.array(responseField, { maxLength: 4 }),
    content,
    fc.constantFrom('', '', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'),
    mutations,
  )
  .map(([line, lines, body, surplus, changes]) => mutate(`${[line, ...lines].join(END)}${END}${END}${body}${surplus}`, changes));

async function sendCut(socket: Socket, text: string, places: readonly number[]): Promise<void> {
  const edges = [...places.filter((place) => place < text.length).sort((a, b) => a - b), text.length];
  let at = 0;
  for (const edge of edges) {
    if (socket.destroyed) return;
    if (edge > at) socket.write(Buffer.from(text.slice(at, edge), 'latin1'));
    at = edge;
    if (edge < text.length) await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  }
}

type Seen = { readonly replies: readonly Reply[]; readonly rest: Buffer; readonly isEnded: boolean };

/** One connection: sends, and reads replies to `methods` until there are `count` or the other side has closed. */
async function converse(port: number, text: string, places: readonly number[], methods: readonly string[], count: number): Promise<Seen> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const replies: Reply[] = [];
  let rest = Buffer.alloc(0);
  let isEnded = false;
  const done = Promise.withResolvers<void>();
  const take = (): void => {
    for (let found = parseReply(rest, methods[replies.length] ?? 'GET', isEnded); found.kind === 'message' && rest.length > 0; ) {
      replies.push(found.message);
      rest = rest.subarray(found.length);
      found = parseReply(rest, methods[replies.length] ?? 'GET', isEnded);
    }
    if (isEnded || replies.length >= count) done.resolve();
  };
  socket.on('error', () => {});
  socket.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes]);
    take();
  });
  socket.on('close', () => {
    isEnded = true;
    take();
  });
  socket.on('connect', () => (count === 0 ? setImmediate(take) : undefined));
  await Promise.all([sendCut(socket, text, places), within('the replies', done.promise, 8000)]);
  socket.destroy();
  return { replies, rest, isEnded };
}

async function listen(t: TestContext, serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ noDelay: true }, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return server;
}

test('the origin sees what an obvious reader accepts, and nothing of what it does not', { timeout: 60_000 }, async (t) => {
  const seen: string[] = [];
  const server = await listen(t, (socket) => {
    let unread = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      unread = Buffer.concat([unread, bytes]);
      for (let found = parseRequest(unread, false); found.kind !== 'incomplete'; found = parseRequest(unread, false)) {
        if (found.kind === 'bad') {
          seen.push(`bad: ${found.why}`);
          socket.destroy();
          return;
        }
        const { method, target, body } = found.message;
        seen.push(`${method} ${target} ${body.toString('latin1')}`);
        unread = unread.subarray(found.length);
        socket.write(
          `HTTP/1.1 200 OK\r\nX-Seen: ${method} ${target}\r\nContent-Length: ${method === 'HEAD' ? 0 : 2}\r\n\r\n${method === 'HEAD' ? '' : 'ok'}`,
        );
      }
    });
  });
  const front = await openFront(t, 'node', (server.address() as AddressInfo).port, { limits: LIMITS });
  let accepted = 0;
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(requests, cuts, async (text, places) => {
      seen.length = 0;
      const slow = readRequestsSlowly(text, LIMITS);
      const methods = [...slow.accepted.map(({ method }) => method), slow.lastMethod ?? 'GET'];
      const isRefused = slow.end === 'refused';
      const { replies, rest } = await converse(
        front.port,
        text,
        places,
        methods,
        isRefused || slow.end === 'closed' ? 99 : slow.accepted.length,
      );
      const words = slow.accepted.map(({ method, target, body }) => `${method} ${target} ${body}`);
      assert.deepEqual(seen, words);
      for (const [i, { method, target }] of slow.accepted.entries()) assert.equal(replies[i]?.field('x-seen'), `${method} ${target}`);
      const more = replies.slice(slow.accepted.length);
      assert.ok(more.length <= (slow.end === 'closed' ? 0 : 1), 'nothing is answered twice');
      if (isRefused) assert.ok((more[0]?.status ?? 400) >= 400 && rest.length === 0, String(more[0]?.status));
      accepted += words.length;
      refused += isRefused ? 1 : 0;
    }),
    { numRuns: 1500, seed: Number(process.env['FUZZ_SEED'] ?? 20261) },
  );
  t.diagnostic(`${accepted} accepted, ${refused} refused`);
  assert.ok(accepted > 700 && refused > 250);
});

test('the client gets what an obvious reader of responses gets, a 502 or a cut; the next request is unharmed', {
  timeout: 60_000,
}, async (t) => {
  let reply = { text: '', places: [] as readonly number[] };
  let closed = Promise.withResolvers<void>();
  const server = await listen(t, (socket) => {
    let asked = '';
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      asked += bytes.toString('latin1');
      if (!asked.endsWith('\r\n\r\n')) return;
      const isPlain = /\/plain/.test(asked);
      asked = '';
      if (isPlain) {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain');
        return;
      }
      const { promise, resolve } = closed;
      socket.on('close', () => resolve());
      sendCut(socket, reply.text, reply.places).then(
        () => socket.end(),
        () => socket.destroy(),
      );
      closed.promise = promise;
    });
  });
  const front = await openFront(t, 'node', (server.address() as AddressInfo).port, { upstream: { limits: { maxFields: 12 } } });
  let whole = 0;
  await fc.assert(
    fc.asyncProperty(response, cuts, fc.boolean(), async (text, places, isHead) => {
      reply = { text, places };
      closed = Promise.withResolvers<void>();
      const method = isHead ? 'HEAD' : 'GET';
      const slow = readSlowly(text, isHead);
      const asked = `${method} /x HTTP/1.1\r\nHost: a.example\r\n\r\n`;
      const { replies, rest, isEnded } = await converse(front.port, asked, [], [method], 1);
      await within('the origin closes', closed.promise, 5000);
      const [got] = replies;
      if (slow.kind === 'whole') {
        whole++;
        const status = Number(/head (\d+)/.exec(slow.events.at(-1) ?? '')?.[1]);
        assert.equal(got?.status, status);
        assert.equal(got?.body.toString('latin1'), slow.body);
      } else assert.ok(got === undefined ? isEnded : got.status === 502, `${got?.status}`);
      assert.ok(replies.length <= 1 && !rest.toString('latin1').includes('evil'));
      const next = await converse(front.port, 'GET /plain HTTP/1.1\r\nHost: a.example\r\n\r\n', [], ['GET'], 1);
      assert.equal(next.replies[0]?.text, 'plain');
    }),
    { numRuns: 1250, seed: Number(process.env['FUZZ_SEED'] ?? 20262) },
  );
  t.diagnostic(`${whole} whole`);
  assert.ok(whole > 600, String(whole));
});
