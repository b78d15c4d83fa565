import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TimeSlice } from '../../src/base/time-slice.ts';
import { OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { TestSink, TestUpstream, testUpstream } from './upstream-sink.ts';

const ANSWERED = 'connection, head 200 2, body, end';
const text = (sink: TestSink): string => sink.events.join(', ');

describe('a pool', () => {
  it('uses one connection again and again, and gives it synchronously', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin);
    assert.equal((await upstream.request().over()).wasReused, false);
    for (let i = 0; i < 3; i++) {
      const sink = upstream.request();
      assert.deepEqual(sink.events, ['connection']);
      assert.equal(sink.wasReused, true);
      await sink.over();
    }
    assert.equal(origin.connections.length, 1);
    assert.deepEqual(
      { ...upstream.cluster.totals() },
      {
        openConnections: 1,
        idleConnections: 1,
        pendingRequests: 0,
        connectsTotal: 1,
        connectFailuresTotal: 0,
        reusedTotal: 3,
        staleTotal: 0,
        requestsTotal: 4,
        pendingOverflowTotal: 0,
        pendingTimeoutsTotal: 0,
      },
    );
  });

  it('gives the connection to a request that is made at the end of the one before', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin);
    let count = 0;
    const done = Promise.withResolvers<void>();
    class Next extends TestSink {
      override onUpstreamEnd(): void {
        super.onUpstreamEnd();
        if (++count === 50) done.resolve();
        else upstream.pool.request(new Next(), false);
      }
    }
    upstream.pool.request(new Next(), false);
    await done.promise;
    assert.equal(origin.connections.length, 1);
  });

  it('opens no more connections than allowed, queues in order, and refuses beyond the queue', async (t) => {
    const gate = Promise.withResolvers<void>();
    const origin = await RawOrigin.answering(async () => {
      await gate.promise;
      return OK_REPLY;
    });
    const upstream = testUpstream(t, origin, { pool: { maxConnections: 2, maxPending: 3 } });
    const order: number[] = [];
    const sinks = Array.from({ length: 6 }, (_, i) => upstream.request({ onSent: () => order.push(i) }));
    assert.deepEqual(sinks[5]?.events, [], 'nothing is told from inside request');
    await sinks[5]?.over();
    assert.equal(text(sinks[5]!), 'fail pool-full queued');
    await waitFor('both connections', () => origin.connections.length === 2 && upstream.pool.pendingRequests === 3);
    gate.resolve();
    for (const sink of sinks) await sink.over();
    assert.deepEqual(order.slice(2), [2, 3, 4]);
    assert.equal(origin.connections.length, 2);
    assert.equal(upstream.pool.pendingOverflowTotal, 1);
    assert.equal(upstream.pool.idleConnections, 2);
  });

  it('fails a request that waits too long, and only that', async (t) => {
    const origin = await RawOrigin.start();
    const upstream = testUpstream(t, origin, { pool: { maxConnections: 1, pendingTimeoutMs: 50 } });
    const first = upstream.request();
    const second = await upstream.request().over();
    assert.equal(text(second), 'fail pool-timeout queued');
    await (await origin.connection(0)).send(OK_REPLY);
    await first.over();
    assert.equal(text(first), ANSWERED);
  });

  it('forgets a request that is cancelled while it waits, is refused, or is being connected for', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin, { pool: { maxConnections: 1, maxPending: 2 } });
    const connecting = upstream.request();
    const waiting = upstream.request();
    const refused = upstream.request();
    for (const sink of [connecting, waiting, refused]) upstream.pool.cancel(sink);
    assert.equal(upstream.pool.pendingRequests, 0);
    await waitFor('the connection to be idle', () => upstream.pool.idleConnections === 1);
    await upstream.request().over();
    assert.deepEqual([connecting, waiting, refused].map(text), ['', '', '']);
    assert.equal(origin.connections.length, 1);
  });

  it('opens a new connection for a retry, in place of an idle one if there is no room', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin, { pool: { maxConnections: 1 } });
    await upstream.request().over();
    const retry = await upstream.fresh().over();
    assert.equal(text(retry), ANSWERED);
    assert.equal(retry.wasReused, false);
    assert.equal(origin.connections.length, 2);
    assert.equal(upstream.pool.openConnections, 1);
  });

  it('opens a new connection for a retry when a busy one becomes free', async (t) => {
    const origin = await RawOrigin.start();
    const upstream = testUpstream(t, origin, { pool: { maxConnections: 1 } });
    const first = upstream.request();
    const retry = upstream.fresh();
    await (await origin.connection(0)).send('');
    await (await origin.connection(0)).untilText('\r\n\r\n');
    await (await origin.connection(0)).send(OK_REPLY);
    await first.over();
    const peer = await origin.connection(1);
    await peer.untilText('\r\n\r\n');
    await peer.send(OK_REPLY);
    await retry.over();
    assert.equal(retry.wasReused, false);
  });

  it('tells what kept it from connecting', async (t) => {
    const closed = await RawOrigin.start();
    const { port } = closed;
    await closed.close();
    const refused = new TestUpstream(port);
    t.after(() => refused.close());
    assert.equal(text(await refused.request().over()), 'fail connect-refused queued');
    assert.equal(refused.pool.openConnections, 0);
    assert.equal(refused.pool.connectFailuresTotal, 1);
    const nowhere = new TestUpstream(port, {
      endpoints: [{ url: '', host: 'no-such-host.invalid', port, weight: 1, priority: 0, zone: '' }],
    });
    t.after(() => nowhere.close());
    assert.equal(text(await nowhere.request().over()), 'fail dns-failed queued');
  });

  it('connects by name', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin, {
      endpoints: [{ url: '', host: 'localhost', port: origin.port, weight: 1, priority: 0, zone: '' }],
    });
    assert.equal(text(await upstream.request().over()), ANSWERED);
  });

  it('closes a connection after as many requests as allowed', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin, { pool: { maxRequests: 2 } });
    for (let i = 0; i < 5; i++) await upstream.request().over();
    assert.deepEqual(
      origin.connections.map((peer) => peer.text.split('\r\n\r\n').length - 1),
      [2, 2, 1],
    );
  });
});

describe('an idle connection', () => {
  it('is closed after the idle timeout', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin, { pool: { idleTimeoutMs: 50 } });
    await upstream.request().over();
    await (await origin.connection(0)).untilEnd();
    assert.equal(upstream.pool.openConnections, 0);
  });

  it('is closed before the origin would do it, if the origin tells when', async (t) => {
    const origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1, max=5\r\nContent-Length: 0\r\n\r\n');
    const upstream = testUpstream(t, origin);
    const startMs = performance.now();
    await upstream.request().over();
    await (await origin.connection(0)).untilEnd();
    assert.ok(performance.now() - startMs < 1000);
  });

  it('that the origin closes leaves silently', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin);
    await upstream.request().over();
    (await origin.connection(0)).close();
    await waitFor('the pool to be empty', () => upstream.pool.openConnections === 0);
    assert.equal(text(await upstream.request().over()), ANSWERED);
    assert.equal(upstream.pool.staleTotal, 0);
  });

  it('on which bytes come unasked is closed, and they never reach the next request', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin);
    await upstream.request().over();
    await (await origin.connection(0)).send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
    await waitFor('the pool to be empty', () => upstream.pool.openConnections === 0);
    assert.equal((await upstream.request().over()).body, 'ok');
    assert.equal(origin.connections.length, 2);
  });

  it('on which bytes come before the first request is closed', async (t) => {
    const origin = await RawOrigin.start(async (peer, index) => {
      if (index === 0) {
        await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil');
        return;
      }
      await peer.readRequest();
      await peer.send(OK_REPLY);
    });
    const upstream = testUpstream(t, origin);
    const given = upstream.request();
    upstream.pool.cancel(given);
    await waitFor('the connection to come and go', () => origin.connections.length === 1 && upstream.pool.openConnections === 0);
    assert.equal((await upstream.request().over()).body, 'ok');
  });

  it('that the origin closes when it is used again fails as stale', async (t) => {
    const origin = await RawOrigin.start(async (peer, index) => {
      await peer.readRequest();
      await peer.send(OK_REPLY);
      await peer.readRequest();
      if (index === 0) peer.reset();
      else await peer.send(OK_REPLY);
    });
    const upstream = testUpstream(t, origin);
    await upstream.request().over();
    assert.equal(text(await upstream.request().over()), 'connection, fail reset sent reused');
    assert.equal(upstream.pool.staleTotal, 1);
    assert.equal(text(await upstream.fresh().over()), ANSWERED);
  });
});

describe('a deadline', () => {
  it('ends the wait for a connection', async (t) => {
    // A listener whose queue is full does not answer; a name that resolves to nothing reachable is not to be had on loopback,
    // so the clock runs ahead of the handshake.
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin, { timeouts: { connectMs: 100 } });
    const sink = upstream.request();
    upstream.pool.sweep(upstream.clock.nowMs + 200);
    assert.equal(text(sink), 'fail connect-timeout queued');
    assert.equal(upstream.pool.openConnections, 0);
  });

  it('is looked at for as many as go into a slice of time, and for the rest in the next', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin, {
      timeouts: { connectMs: 100 },
      pool: { maxConnections: 3, maxPending: 3, pendingTimeoutMs: 150 },
    });
    const sinks = Array.from({ length: 6 }, () => upstream.request());
    const slice = new TimeSlice();
    const failed: number[] = [];
    do {
      slice.begin(0, 0);
      upstream.cluster.sweep(upstream.clock.nowMs + 200, slice);
      failed.push(sinks.filter(({ isOver }) => isOver).length);
    } while (slice.hasMore);
    assert.deepEqual(failed.slice(0, 3), [1, 2, 3]);
    assert.equal(failed.at(-1), 6);
  });

  it('ends the wait for a head, also one that dribbles', async (t) => {
    const origin = await RawOrigin.start(async (peer) => {
      await peer.untilText('\r\n\r\n');
      while (!peer.isEnded) await peer.sendPieces(['HTTP/1.1 200 OK\r\nA: ', 'x'].slice(peer.socket.bytesWritten > 0 ? 1 : 0));
    });
    const upstream = testUpstream(t, origin, { timeouts: { responseMs: 60 }, maxHeadBytes: 1_000_000 });
    assert.match(text(await upstream.request().over()), /^connection, fail response-timeout (sent|head)$/);
    assert.equal(upstream.pool.openConnections, 0);
  });

  it('for the head does not run while the request is being sent', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin, { timeouts: { responseMs: 30 } });
    const sink = upstream.request({ head: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n', body: 'length' });
    const startMs = await waitFor('the connection', () => sink.connection && performance.now());
    await waitFor('a while', () => performance.now() - startMs > 150);
    sink.connection?.writeBody(Buffer.from('ok'));
    sink.connection?.endBody();
    await sink.over();
    assert.equal(text(sink), ANSWERED);
  });

  it('ends a body that stalls', async (t) => {
    const origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel');
    const upstream = testUpstream(t, origin, { timeouts: { idleMs: 50 } });
    assert.equal(text(await upstream.request().over()), 'connection, head 200 10, body, fail idle-timeout body');
  });

  it('for a body does not run while we do not read', async (t) => {
    const origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel');
    const upstream = testUpstream(t, origin, { timeouts: { idleMs: 30 }, minRateBytesPerSec: 1000, minRateAfterMs: 30 });
    const sink = upstream.request({
      onBody: (self) => {
        self.connection?.pause();
        return 'released';
      },
    });
    const startMs = await waitFor('the body', () => sink.bytes > 0 && performance.now());
    await waitFor('a while', () => performance.now() - startMs > 150);
    assert.equal(sink.isOver, false);
    sink.connection?.resume();
    await sink.over();
    assert.match(sink.events.at(-1) ?? '', /fail (idle-timeout|too-slow) body/);
  });

  it('ends a body that is slower than allowed', async (t) => {
    const origin = await RawOrigin.answering(async (_request, _index, peer) => {
      await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n');
      while (!peer.isEnded) await peer.sendPieces(['x']);
      return undefined;
    });
    const upstream = testUpstream(t, origin, { minRateBytesPerSec: 10_000_000, minRateAfterMs: 50 });
    assert.equal((await upstream.request().over()).failure?.kind, 'too-slow');
  });

  it('ends an upload that the origin does not take', async (t) => {
    const origin = await RawOrigin.start((peer) => peer.pause());
    const upstream = testUpstream(t, origin, { timeouts: { idleMs: 100 } });
    const sink = upstream.request({ head: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', body: 'chunked' });
    await waitFor('the socket to be full', () => {
      for (let i = 0; i < 64 && sink.connection?.isFull === false; i++) sink.connection.writeBody(Buffer.alloc(65_536));
      return sink.connection?.isFull;
    });
    await sink.over();
    assert.equal(text(sink), 'connection, fail idle-timeout sent');
  });
});

describe('an end from our side', () => {
  it('by abandon closes the connection, and no call follows', async (t) => {
    const origin = await RawOrigin.answering('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhel');
    const upstream = testUpstream(t, origin);
    for (const when of ['sent', 'head', 'body'] as const) {
      const sink: TestSink = upstream.request({
        onSent: (connection) => {
          if (when === 'sent') connection.abandon();
        },
        onHead: (self) => {
          if (when === 'head') self.connection?.abandon();
        },
        onBody: (self) => {
          if (when === 'body') self.connection?.abandon();
          return 'released';
        },
      });
      await waitFor('the close', () => sink.connection !== undefined && upstream.pool.openConnections === 0);
      assert.match(text(sink), { sent: /^connection$/, head: /^connection, head 200 10$/, body: /^connection, head 200 10, body$/ }[when]);
    }
  });

  it('by retire closes idle connections now and busy ones after their answer, and still takes requests', async (t) => {
    const origin = await RawOrigin.start();
    const upstream = testUpstream(t, origin);
    const first = upstream.request();
    await (await origin.connection(0)).untilText('\r\n\r\n');
    upstream.cluster.retire(() => {});
    assert.equal(upstream.cluster.isDrained, false);
    await (await origin.connection(0)).send(OK_REPLY);
    await first.over();
    assert.equal(text(first), ANSWERED);
    assert.equal(upstream.cluster.isDrained, true);
    const late = upstream.request();
    await (await origin.connection(1)).untilText('\r\n\r\n');
    await (await origin.connection(1)).send(OK_REPLY);
    await late.over();
    assert.equal(text(late), ANSWERED);
    assert.equal(upstream.cluster.isDrained, true);
  });

  it('by close fails what waits and what is under way', async (t) => {
    const origin = await RawOrigin.start();
    const upstream = testUpstream(t, origin, { pool: { maxConnections: 1 } });
    const busy = upstream.request();
    const waiting = upstream.request();
    await waitFor('the connection', () => busy.connection);
    upstream.cluster.close();
    assert.equal(text(busy), 'connection, fail pool-closed sent');
    assert.equal(text(waiting), 'fail pool-closed queued');
    assert.equal(text(await upstream.request().over()), 'fail pool-closed queued');
    assert.equal(upstream.cluster.isDrained, true);
  });
});
