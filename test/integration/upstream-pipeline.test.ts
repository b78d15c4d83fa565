import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { MAX_DROPPED_BYTES } from '../../src/upstream/connection.ts';
import { OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { GET, type SinkOptions, type TestSink, type TestUpstream, testUpstream } from './upstream-sink.ts';

const ANSWERED = 'connection, head 200 2, body, end';
const REPLAY = 'connection, fail reset queued reused';
const text = (sink: TestSink): string => sink.events.join(', ');
const get = (path: string): SinkOptions => ({ head: `GET /${path} HTTP/1.1\r\nHost: a\r\n\r\n` });
const reply = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

/** A connection that has shown that it persists, with the origin's end of it; from here on the test answers. */
async function proven(
  t: TestContext,
  pipelining = 8,
  maxConnections = 1,
): Promise<{ upstream: TestUpstream; peer: RawPeer; origin: RawOrigin }> {
  const origin = await RawOrigin.start(async (peer, index) => {
    if (index > 0) return;
    await peer.readRequest();
    await peer.send(OK_REPLY);
  });
  const upstream = testUpstream(t, origin, { pool: { pipelining, maxConnections } });
  await upstream.request(get('first'), true).over();
  return { upstream, origin, peer: await origin.connection(0) };
}

/** Asks `count` times in one tick and waits until the origin has all of it. */
async function ask(upstream: TestUpstream, peer: RawPeer, options: readonly SinkOptions[]): Promise<TestSink[]> {
  const sinks = options.map((each) => upstream.request(each, true));
  const wanted = options.map((each) => each.head ?? GET).join('');
  await peer.until('the requests', (self) => self.unread.toString('latin1') === wanted);
  return sinks;
}

describe('a pipeline', () => {
  it('sends the heads of one tick in one write and matches the responses in order', async (t) => {
    const { upstream, peer } = await proven(t);
    let reads = 0;
    peer.socket.on('data', () => reads++);
    const sinks = await ask(upstream, peer, [get('a'), { head: 'HEAD /b HTTP/1.1\r\nHost: a\r\n\r\n', isHead: true }, get('c'), get('d')]);
    assert.equal(reads, 1);
    await peer.send(`${reply('a')}HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n`);
    await peer.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nc\r\n0\r\n\r\n${reply('d')}`);
    for (const sink of sinks) await sink.over();
    assert.deepEqual(
      sinks.map((sink) => sink.body),
      ['a', '', 'c', 'd'],
    );
    assert.equal(text(sinks[1]!), 'connection, head 200 0, end');
    assert.equal(upstream.pool.idleConnections, 1);
  });

  it('matches the responses wherever they are split', async (t) => {
    const { upstream, peer } = await proven(t);
    const replies = `${reply('a')}HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n${reply('ccc')}`;
    for (let cut = 1; cut < replies.length; cut++) {
      const sinks = await ask(upstream, peer, [get('a'), get('b'), get('c')]);
      for (let i = 0; i < 3; i++) await peer.readRequest();
      await peer.sendSplit(replies, [cut, cut + 7]);
      for (const sink of sinks) await sink.over();
      assert.deepEqual(
        sinks.map((sink) => `${text(sink)}: ${sink.body}`),
        ['connection, head 200 1, body, end: a', 'connection, head 304 0, end: ', 'connection, head 200 3, body, end: ccc'],
        `cut at ${cut}`,
      );
    }
    assert.equal(upstream.pool.connectsTotal, 1);
  });

  it('is not used before the origin has shown that it keeps connections', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin, { pool: { pipelining: 8, maxConnections: 4 } });
    const sinks = Array.from({ length: 4 }, () => upstream.request({}, true));
    for (const sink of sinks) await sink.over();
    assert.equal(origin.connections.length, 4);
  });

  it('does not take a request with a body, nor more than its depth', async (t) => {
    const { upstream, peer, origin } = await proven(t, 2, 2);
    const [first, second] = [upstream.request(get('a'), true), upstream.request(get('b'), true)];
    const post = upstream.request({ head: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n' }, false);
    const other = await origin.connection(1);
    await other.untilText('POST');
    const third = upstream.request(get('c'), true);
    assert.equal(upstream.pool.pendingRequests, 1);
    await peer.send(reply('a') + reply('b'));
    for (const sink of [first, second]) assert.match(text(await sink.over()), /end$/);
    await peer.untilText('GET /c');
    await peer.send(reply('c'));
    await third.over();
    await other.send(OK_REPLY);
    assert.equal(text(await post.over()), ANSWERED);
  });

  it('that breaks gives the unanswered back for another connection', async (t) => {
    const { upstream, peer } = await proven(t);
    const sinks = await ask(upstream, peer, [get('a'), get('b'), get('c')]);
    await peer.send(reply('aa'));
    peer.halfClose();
    for (const sink of sinks) await sink.over();
    assert.deepEqual(sinks.map(text), [ANSWERED, 'connection, fail reset sent reused', REPLAY]);
    assert.equal(upstream.pool.staleTotal, 1);
  });

  it('that breaks in a body truncates that one only', async (t) => {
    const { upstream, peer } = await proven(t);
    const sinks = await ask(upstream, peer, [get('a'), get('b')]);
    await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel');
    await waitFor('the body', () => sinks[0]?.bytes === 3);
    peer.reset();
    for (const sink of sinks) await sink.over();
    assert.deepEqual(sinks.map(text), ['connection, head 200 5, body, fail truncated body reused', REPLAY]);
  });

  it('ends with a response that says close, or that lasts until close', async (t) => {
    for (const fields of ['Connection: close\r\nContent-Length: 2\r\n', '']) {
      const { upstream, peer } = await proven(t);
      const sinks = await ask(upstream, peer, [get('a'), get('b')]);
      await peer.send(`HTTP/1.1 200 OK\r\n${fields}\r\nok`);
      peer.halfClose();
      for (const sink of sinks) await sink.over();
      assert.equal(sinks[0]?.body, 'ok');
      assert.deepEqual(sinks[0]?.events.at(-1), 'end');
      assert.equal(text(sinks[1]!), REPLAY);
      assert.equal(upstream.pool.openConnections, 0);
    }
  });

  it('closes on garbage and on surplus bytes', async (t) => {
    const { upstream, peer } = await proven(t);
    const sinks = await ask(upstream, peer, [get('a'), get('b')]);
    await peer.send(`${reply('aa')}garbage\r\n`);
    for (const sink of sinks) await sink.over();
    assert.deepEqual(sinks.map(text), [ANSWERED, 'connection, fail malformed-head head reused']);
    const other = await proven(t);
    const more = await ask(other.upstream, other.peer, [get('a')]);
    await other.peer.send(reply('aa') + reply('bb'));
    for (const sink of more) assert.equal(text(await sink.over()), ANSWERED);
    assert.equal(other.upstream.pool.openConnections, 0);
  });

  it('never gives bytes that were there before the request was written to it', async (t) => {
    const { upstream, peer } = await proven(t);
    await peer.send(reply('evil'));
    const sink = upstream.request(get('a'), true);
    assert.deepEqual(sink.events, ['connection']);
    await sink.over();
    // Either the bytes were seen before, and the request went to another connection, or it comes back to be sent again.
    assert.notEqual(sink.body, 'evil');
  });

  it('drops what comes for one that was abandoned, and serves those around it', async (t) => {
    const { upstream, peer } = await proven(t);
    const [a, b, c] = await ask(upstream, peer, [get('a'), get('b'), get('c')]);
    b?.connection?.abandon();
    await peer.send(reply('aa') + reply('bb') + reply('cc'));
    await a?.over();
    await c?.over();
    assert.deepEqual([text(a!), text(b!), text(c!)], [ANSWERED, 'connection', ANSWERED]);
    assert.equal(c?.body, 'cc');
    assert.equal(upstream.pool.idleConnections, 1);
  });

  it('drops the rest of a body whose reader left, up to a bound', async (t) => {
    const { upstream, peer } = await proven(t);
    const leave: SinkOptions = {
      ...get('a'),
      onBody: (self) => {
        self.connection?.pause();
        self.connection?.abandon();
        return 'released';
      },
    };
    const [, small] = await ask(upstream, peer, [leave, get('b')]);
    await peer.send(reply('x'.repeat(MAX_DROPPED_BYTES)) + reply('bb'));
    assert.equal(text(await small!.over()), ANSWERED);
    const other = await proven(t);
    const [, large] = await ask(other.upstream, other.peer, [leave, get('b')]);
    await other.peer.send(reply('x'.repeat(MAX_DROPPED_BYTES * 2)) + reply('bb'));
    assert.equal(text(await large!.over()), REPLAY);
  });

  it('is closed when all have left', async (t) => {
    const { upstream, peer } = await proven(t);
    const sinks = await ask(upstream, peer, [get('a'), get('b')]);
    for (const sink of sinks) sink.connection?.abandon();
    assert.equal(upstream.pool.openConnections, 0);
    await peer.untilEnd();
  });

  it('has a deadline for the head of the first; the others come back to be sent again', async (t) => {
    const origin = await RawOrigin.start(async (peer) => {
      await peer.readRequest();
      await peer.send(OK_REPLY);
    });
    const upstream = testUpstream(t, origin, { pool: { pipelining: 4 }, timeouts: { responseMs: 80 } });
    await upstream.request({}, true).over();
    const sinks = [upstream.request({}, true), upstream.request({}, true)];
    for (const sink of sinks) await sink.over();
    assert.deepEqual(sinks.map(text), ['connection, fail response-timeout sent reused', REPLAY]);
  });

  it('lets a paused response end when it was read already, and reads on for the next', async (t) => {
    const { upstream, peer } = await proven(t);
    const paused: SinkOptions = {
      ...get('a'),
      onHead: (self) => self.connection?.pause(),
    };
    const [a, b] = await ask(upstream, peer, [paused, get('b')]);
    await peer.send(reply('aa'));
    await a?.over();
    await peer.send(reply('bb'));
    await b?.over();
    assert.deepEqual([text(a!), text(b!)], [ANSWERED, ANSWERED]);
  });
});
