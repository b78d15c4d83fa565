import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RawOrigin } from '../harness/raw-origin.ts';
import type { RawPeer } from '../harness/raw-peer.ts';
import { waitFor } from '../harness/wait-for.ts';
import { GET, type SinkOptions, TestUpstream, testUpstream } from './upstream-sink.ts';

/** Asks once, lets the origin send `reply` (and close if it says so) and tells what the sink saw and whether the connection lives. */
async function ask(reply: string | readonly string[], options: SinkOptions & { close?: 'fin' | 'rst' } = {}) {
  const origin = await RawOrigin.start(async (peer) => {
    await peer.untilText('\r\n\r\n');
    await peer.sendPieces(typeof reply === 'string' ? [reply] : reply);
    if (options.close === 'fin') peer.halfClose();
    if (options.close === 'rst') peer.reset();
  });
  const upstream = new TestUpstream(origin.port);
  const sink = upstream.request(options);
  await sink.over();
  const open = upstream.pool.openConnections;
  upstream.close();
  await origin.close();
  return { events: sink.events.slice(1).join(', '), body: sink.body, isKept: open === 1, detail: sink.failure?.detail };
}

type Row = {
  name: string;
  reply: string | readonly string[];
  events: string;
  body?: string;
  isKept?: boolean;
  options?: SinkOptions & { close?: 'fin' | 'rst' };
};

const ok = 'HTTP/1.1 200 OK\r\n';
const HEAD_OPTIONS: SinkOptions = { head: 'HEAD / HTTP/1.1\r\nHost: a\r\n\r\n', isHead: true };

const GOOD: Row[] = [
  { name: 'a body of a known length', reply: `${ok}Content-Length: 5\r\n\r\nhello`, events: 'head 200 5, body, end', body: 'hello' },
  { name: 'an empty body', reply: `${ok}Content-Length: 0\r\n\r\n`, events: 'head 200 0, end' },
  {
    name: 'a chunked body with extension and trailer',
    reply: `${ok}Transfer-Encoding: chunked\r\n\r\n5;x="y"\r\nhello\r\n0\r\nA: b\r\n\r\n`,
    events: 'head 200 -1, body, end',
    body: 'hello',
  },
  {
    name: 'a body until close',
    reply: `${ok}\r\nhello`,
    events: 'head 200 -1, body, end',
    body: 'hello',
    isKept: false,
    options: { close: 'fin' },
  },
  { name: 'an empty body until close', reply: `${ok}\r\n`, events: 'head 200 -1, end', isKept: false, options: { close: 'fin' } },
  { name: 'a reason that is missing', reply: 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', events: 'head 200 0, end' },
  {
    name: 'Connection: close',
    reply: `${ok}Connection: close\r\nContent-Length: 2\r\n\r\nok`,
    events: 'head 200 2, body, end',
    body: 'ok',
    isKept: false,
  },
  { name: 'HTTP/1.0', reply: 'HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok', events: 'head 200 2, body, end', body: 'ok', isKept: false },
  {
    name: 'HTTP/1.0 that persists',
    reply: 'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok',
    events: 'head 200 2, body, end',
    body: 'ok',
  },
  { name: '204 with a length', reply: 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', events: 'head 204 0, end' },
  { name: '204 with a body', reply: 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello', events: 'head 204 0, end', isKept: false },
  { name: '304 with a length', reply: 'HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n', events: 'head 304 0, end' },
  { name: 'HEAD', reply: `${ok}Content-Length: 500\r\n\r\n`, events: 'head 200 0, end', options: HEAD_OPTIONS },
  {
    name: 'HEAD with a body',
    reply: `${ok}Content-Length: 5\r\n\r\nhello`,
    events: 'head 200 0, end',
    isKept: false,
    options: HEAD_OPTIONS,
  },
  { name: 'HEAD and chunked', reply: `${ok}Transfer-Encoding: chunked\r\n\r\n`, events: 'head 200 0, end', options: HEAD_OPTIONS },
  {
    name: 'interim answers',
    reply: `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${ok}Content-Length: 2\r\n\r\nok`,
    events: 'informational 100, informational 103, head 200 2, body, end',
    body: 'ok',
  },
  {
    name: 'surplus bytes',
    reply: `${ok}Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n`,
    events: 'head 200 2, body, end',
    body: 'ok',
    isKept: false,
  },
  { name: 'a space before the colon', reply: `${ok}Content-Length : 2\r\n\r\nok`, events: 'head 200 2, body, end', body: 'ok' },
  { name: 'surplus after chunks', reply: `${ok}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nx`, events: 'head 200 -1, end', isKept: false },
];

const malformed = 'fail malformed-head head';
const BAD: Row[] = [
  { name: 'garbage', reply: 'SSH-2.0-x\r\n', events: malformed },
  { name: 'HTTP/0.9', reply: '<html></html>', events: malformed },
  { name: 'HTTP/2', reply: 'HTTP/2.0 200 OK\r\n\r\n', events: malformed },
  { name: 'a status of two digits', reply: 'HTTP/1.1 20 OK\r\n\r\n', events: malformed },
  { name: 'a folded line', reply: `${ok}A: b\r\n c\r\n\r\n`, events: malformed },
  { name: 'bare LF', reply: 'HTTP/1.1 200 OK\nContent-Length: 0\n\n', events: malformed },
  { name: 'bare CR in a value', reply: `${ok}A: b\rc\r\n\r\n`, events: malformed },
  { name: 'NUL in a value', reply: `${ok}A: b\0c\r\n\r\n`, events: malformed },
  { name: 'a space within a name', reply: `${ok}Content Length: 0\r\n\r\n`, events: malformed },
  { name: 'differing lengths', reply: `${ok}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`, events: malformed },
  { name: 'a negative length', reply: `${ok}Content-Length: -5\r\n\r\n`, events: malformed },
  { name: 'length and chunked', reply: `${ok}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, events: malformed },
  { name: 'another coding', reply: `${ok}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, events: malformed },
  { name: 'chunked in HTTP/1.0', reply: 'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', events: malformed },
  { name: '101 unasked', reply: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n', events: 'fail unexpected-upgrade head' },
  { name: 'an over-long head', reply: `${ok}A: ${'x'.repeat(9000)}\r\n\r\n`, events: 'fail head-too-large head' },
  { name: 'an over-long head without an end', reply: `${ok}A: ${'x'.repeat(9000)}`, events: 'fail head-too-large head' },
  { name: 'too many fields', reply: `${ok}${'A: b\r\n'.repeat(21)}\r\n`, events: 'fail head-too-large head' },
  { name: 'a bad chunk size', reply: `${ok}Transfer-Encoding: chunked\r\n\r\nxyz\r\n`, events: 'head 200 -1, fail malformed-body head' },
  {
    name: 'a chunk that is too long',
    reply: `${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n`,
    events: 'head 200 -1, body, fail malformed-body body',
    body: 'ok',
  },
  { name: 'an early close', reply: '', events: 'fail reset sent', options: { close: 'fin' } },
  { name: 'a reset', reply: '', events: 'fail reset sent', options: { close: 'rst' } },
  { name: 'a close in the head', reply: 'HTTP/1.1 200 OK\r\nConte', events: 'fail reset head', options: { close: 'fin' } },
  {
    name: 'a close before the body',
    reply: `${ok}Content-Length: 5\r\n\r\n`,
    events: 'head 200 5, fail truncated head',
    options: { close: 'fin' },
  },
  {
    name: 'a close in the body',
    reply: `${ok}Content-Length: 5\r\n\r\nhel`,
    events: 'head 200 5, body, fail truncated body',
    body: 'hel',
    options: { close: 'fin' },
  },
  {
    name: 'a close between chunks',
    reply: `${ok}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n`,
    events: 'head 200 -1, body, fail truncated body',
    body: 'ok',
    options: { close: 'fin' },
  },
  {
    name: 'an interim answer and a close',
    reply: 'HTTP/1.1 100 Continue\r\n\r\n',
    events: 'informational 100, fail reset head',
    options: { close: 'fin' },
  },
];

describe('a response on a real socket', () => {
  for (const { name, reply, events, body = '', isKept = true, options } of GOOD) {
    it(`is delivered: ${name}`, async () => {
      assert.deepEqual(await ask(reply, options), { events, body, isKept, detail: undefined });
    });
  }
  for (const { name, reply, events, body = '', options } of BAD) {
    it(`is refused and its connection closed: ${name}`, async () => {
      const seen = await ask(reply, options);
      assert.deepEqual({ events: seen.events, body: seen.body, isKept: seen.isKept }, { events, body, isKept: false });
    });
  }

  it('is the same wherever it is split', async (t) => {
    const reply = `HTTP/1.1 103 Early Hints\r\n\r\n${ok}Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n`;
    const origin = await RawOrigin.answering(async (_request, index, peer) => {
      await peer.sendSplit(reply, [index]);
      return undefined;
    });
    const upstream = testUpstream(t, origin);
    for (let cut = 0; cut < reply.length; cut++) {
      const sink = await upstream.request().over();
      assert.equal(sink.events.join(', '), 'connection, informational 103, head 200 -1, body, end', `cut at ${cut}`);
      assert.equal(sink.body, 'hello!');
    }
    assert.equal(origin.connections.length, 1);
  });

  it('is refused after a flood of interim answers', async () => {
    const { events } = await ask('HTTP/1.1 100 Continue\r\n\r\n'.repeat(40));
    assert.equal(events.split(', ').length, 33);
    assert.match(events, /fail malformed-head head$/);
  });
});

describe('an early response', () => {
  const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n';
  const reply = 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno';

  it('is delivered while the upload goes on, and the connection is closed after it', async () => {
    const { events, isKept } = await ask(reply, {
      head: POST,
      body: 'length',
      onSent: (connection) => connection.writeBody(Buffer.alloc(1000)),
    });
    assert.equal(events, 'head 413 2, body, end');
    assert.equal(isKept, false);
  });

  it('keeps the connection if the upload has been finished before its end', async (t) => {
    let finish = (): void => {};
    const origin = await RawOrigin.start(async (peer: RawPeer) => {
      await peer.untilText('\r\n\r\n');
      await peer.send(reply.slice(0, -1));
      await peer.untilText('end of upload');
      await peer.send(reply.slice(-1));
    });
    const upstream = testUpstream(t, origin);
    const sink = upstream.request({
      head: POST,
      body: 'length',
      onHead: () => finish(),
      onSent: (connection) => {
        finish = () => {
          connection.writeBody(Buffer.from('end of upload'));
          connection.endBody();
        };
      },
    });
    await sink.over();
    assert.equal(sink.events.at(-1), 'end');
    assert.equal(upstream.pool.idleConnections, 1);
  });

  it('is delivered although the origin has closed and our writes fail', async (t) => {
    const upload = Buffer.alloc(1000);
    const origin = await RawOrigin.start(async (peer) => {
      await peer.untilText('\r\n\r\n');
      peer.pause();
      // One turn of the loop: these bytes stay unread, so closing resets; the answer and the reset wait in our kernel, and the
      // write after that meets the reset first.
      sink.connection?.writeBody(upload);
      peer.socket.write(reply);
      peer.close();
      for (let i = 0; i < 3; i++) sink.connection?.writeBody(upload);
    });
    const upstream = testUpstream(t, origin);
    const sink = upstream.request({ head: POST, body: 'length' });
    await sink.over();
    assert.equal(sink.events.join(', '), 'connection, head 413 2, body, end');
    assert.equal(upstream.pool.openConnections, 0);
  });

  it('is not waited for long when our writes fail and nothing comes', async (t) => {
    const origin = await RawOrigin.start(async (peer) => {
      await peer.untilText('\r\n\r\n');
      peer.pause();
      sink.connection?.writeBody(Buffer.alloc(1000));
      peer.close();
      for (let i = 0; i < 3; i++) sink.connection?.writeBody(Buffer.alloc(1000));
    });
    const upstream = testUpstream(t, origin);
    const sink = upstream.request({ head: POST, body: 'length' });
    await sink.over();
    assert.equal(sink.events.join(', '), 'connection, fail reset sent');
  });
});

describe('a request body', () => {
  it('leaves with its head in one write, framed as told', async (t) => {
    const origin = await RawOrigin.answering();
    const upstream = testUpstream(t, origin);
    const chunked = upstream.request({
      head: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n',
      body: 'chunked',
      onSent: (connection) => {
        connection.writeBody(Buffer.from('hello, '));
        connection.writeBody(Buffer.alloc(0));
        connection.writeBody(Buffer.from('chunked world'));
        connection.endBody();
      },
    });
    await chunked.over();
    const length = upstream.request({
      head: 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n',
      body: 'length',
      onSent: (connection) => {
        connection.writeBody(Buffer.from('ok'));
        connection.endBody();
      },
    });
    await length.over();
    await upstream.request().over();
    assert.equal(
      origin.text,
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nhello, \r\nd\r\nchunked world\r\n0\r\n\r\n' +
        `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok${GET}`,
    );
    assert.equal(origin.connections.length, 1);
  });

  it('pushes back when the origin does not read, and goes on when it does', async (t) => {
    let isPaused = false;
    const origin = await RawOrigin.start(async (peer) => {
      await peer.untilText('\r\n\r\n');
      peer.countOnly();
      peer.pause();
      isPaused = true;
    });
    const upstream = testUpstream(t, origin);
    const piece = Buffer.alloc(65_536);
    const sink = upstream.request({ head: 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', body: 'chunked' });
    await waitFor('the origin to have stopped reading', () => isPaused);
    const peer = await origin.connection(0);
    let written = 0;
    await waitFor('the socket to be full', () => {
      for (let i = 0; i < 64 && sink.connection?.isFull === false; i++, written++) sink.connection.writeBody(piece);
      return sink.connection?.isFull;
    });
    assert.equal(sink.drains, 0);
    peer.resume();
    await waitFor('the drain', () => sink.drains > 0);
    assert.equal(sink.connection?.isFull, false);
    sink.connection?.endBody();
    await waitFor('all of it', () => peer.receivedBytes >= written * piece.length);
    await peer.send('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    await sink.over();
    assert.equal(sink.events.at(-1), 'end');
  });
});

describe('back-pressure on a response', () => {
  it('stops the origin, and kept bytes stay as they were', async (t) => {
    const size = 16 * 1024 * 1024;
    let sent = 0;
    const origin = await RawOrigin.start(async (peer) => {
      await peer.untilText('\r\n\r\n');
      await peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      for (; sent < size; sent += 65_536) await peer.send(Buffer.alloc(65_536, sent / 65_536));
    });
    const upstream = testUpstream(t, origin);
    const kept: Buffer[] = [];
    let place = 0;
    const verify = (): void => {
      for (const bytes of kept)
        for (const byte of bytes) if (byte !== ((place++ / 65_536) | 0) % 256) throw new Error(`changed at ${place}`);
      kept.length = 0;
    };
    const sink = upstream.request({
      onBody: (self, bytes) => {
        kept.push(bytes);
        self.connection?.pause();
        return 'kept';
      },
    });
    await waitFor('a first piece', () => kept.length > 0);
    let last = -1;
    await waitFor('the origin to stand still', () => {
      const isStill = sent === last;
      last = sent;
      return isStill && sent > 0;
    });
    assert.ok(sent < size);
    await waitFor('the end', () => {
      if (kept.length > 0) verify();
      sink.connection?.resume();
      return sink.isOver;
    });
    verify();
    assert.equal(place, size);
    assert.equal(sink.events.join(', '), `connection, head 200 ${size}, body, end`);
    assert.equal(upstream.pool.idleConnections, 1);
  });
});
