import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { DirectWriter } from '../../../src/base/direct-writer.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { socketPair } from './socket-pair.ts';

const sha = (...pieces: readonly Uint8Array[]): string => {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(piece);
  return hash.digest('hex');
};

function collect(socket: Socket): { bytes: number; readonly pieces: Buffer[] } {
  const found = { bytes: 0, pieces: [] as Buffer[] };
  socket.on('data', (piece: Buffer) => {
    found.bytes += piece.length;
    found.pieces.push(piece);
  });
  return found;
}

/** Writes until the kernel takes no more. Returns the pieces that were written. */
function fill(writer: DirectWriter): Buffer[] {
  const pieces: Buffer[] = [];
  while (!writer.isFull) {
    const piece = randomBytes(64 * 1024);
    pieces.push(piece);
    writer.writeBytes(piece);
    if (pieces.length > 4096) throw new Error('the kernel takes everything');
  }
  return pieces;
}

test('text, bytes and both together arrive in their order, byte for byte', async (t) => {
  const { near, far } = await socketPair(t);
  const found = collect(far);
  const writer = new DirectWriter(near, () => {});
  writer.writeText('a\xe9\xff ');
  writer.writeBytes(Buffer.from('bytes '));
  writer.writeAround('5\r\n', Buffer.from('chunk'), '\r\n');
  writer.writeAround('before ', Buffer.from('without after'), '');
  const expected = 'a\xe9\xff bytes 5\r\nchunk\r\nbefore without after';
  await waitFor('all has come', () => found.bytes >= expected.length);
  assert.equal(Buffer.concat(found.pieces).toString('latin1'), expected);
  assert.equal(writer.queuedBytes, 0);
  assert.equal(writer.isFull, false);
});

test('what the kernel takes at once is released at once; what it does not is kept until it is written', async (t) => {
  const { near, far } = await socketPair(t);
  far.pause();
  const writer = new DirectWriter(near, () => {});
  assert.equal(writer.writeBytes(Buffer.alloc(100)), false);
  let isKept = false;
  for (let i = 0; i < 1024 && !isKept; i++) isKept = writer.writeBytes(Buffer.alloc(64 * 1024));
  assert.ok(isKept);
  assert.ok(writer.queuedBytes > 0);
  far.resume();
  await waitFor('all is written', () => writer.queuedBytes === 0);
});

test('onDrain comes once after isFull was told, when everything is written, and nothing is lost or mixed up', async (t) => {
  const { near, far } = await socketPair(t);
  far.pause();
  let drains = 0;
  const writer = new DirectWriter(near, () => drains++);
  const pieces = fill(writer);
  // Further ones wait behind, whichever way they are written.
  writer.writeText('tail');
  const last = Buffer.from('last');
  writer.writeAround('<', last, '>');
  pieces.push(Buffer.from('tail<last>'));
  assert.equal(drains, 0);
  const found = collect(far);
  far.resume();
  await waitFor('it has drained', () => drains > 0);
  assert.equal(writer.queuedBytes, 0);
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  await waitFor('all has come', () => found.bytes === total);
  assert.equal(sha(...found.pieces), sha(...pieces));
  assert.equal(drains, 1);
});

test('no drain is told where isFull was not', async (t) => {
  const { near, far } = await socketPair(t);
  far.pause();
  let drains = 0;
  const writer = new DirectWriter(near, () => drains++);
  while (writer.queuedBytes < 65_536) writer.writeBytes(Buffer.alloc(64 * 1024));
  far.resume();
  await waitFor('all is written', () => writer.queuedBytes === 0);
  assert.equal(drains, 0);
});

test('many sockets with writes under way at once keep their bytes apart', async (t) => {
  const pairs = await Promise.all(Array.from({ length: 8 }, () => socketPair(t)));
  const writers = pairs.map(({ near, far }) => {
    far.pause();
    const writer = new DirectWriter(near, () => {});
    return { writer, far, written: fill(writer) };
  });
  // In turn, so that a request object that one of them keeps is not the one that the next writes with.
  for (let round = 0; round < 24; round++) {
    for (const [i, { writer, written }] of writers.entries()) {
      const piece = randomBytes(1 + ((round * 7919 + i * 104_729) % 100_000));
      written.push(piece);
      if (round % 3 === 0) writer.writeText(piece.toString('latin1'));
      else if (round % 3 === 1) writer.writeBytes(piece);
      else writer.writeAround('<', piece, '>');
      if (round % 3 === 2) written.splice(-1, 1, Buffer.from('<'), piece, Buffer.from('>'));
    }
  }
  assert.ok(
    writers.some(({ writer }) => writer.queuedBytes > 0),
    'some had to wait',
  );
  const found = writers.map(({ far }) => collect(far));
  for (const { far } of writers) far.resume();
  for (const [i, { writer, written }] of writers.entries()) {
    const total = written.reduce((sum, piece) => sum + piece.length, 0);
    await waitFor(`all of ${i} has come`, () => found[i]?.bytes === total);
    assert.equal(sha(...(found[i]?.pieces ?? [])), sha(...written));
    assert.equal(writer.queuedBytes, 0);
  }
});

test('a peer that resets makes the socket fail with its own code, not from inside the write', async (t) => {
  const { near, far } = await socketPair(t);
  const writer = new DirectWriter(near, () => {});
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => near.once('error', resolve));
  far.resetAndDestroy();
  let isInside = false;
  near.once('error', () => assert.equal(isInside, false));
  const timer = setInterval(() => {
    isInside = true;
    writer.writeText('x');
    isInside = false;
  }, 1);
  t.after(() => clearInterval(timer));
  const { code } = await failed;
  assert.ok(code === 'EPIPE' || code === 'ECONNRESET', code);
  await waitFor('it is destroyed', () => near.destroyed);
});

test('a socket that is destroyed while writes wait tells nobody of them, and takes no more', async (t) => {
  const { near, far } = await socketPair(t);
  far.pause();
  let drains = 0;
  const writer = new DirectWriter(near, () => drains++);
  fill(writer);
  const closed = new Promise((resolve) => near.once('close', resolve));
  near.destroy();
  writer.writeText('x');
  assert.equal(writer.writeBytes(Buffer.from('x')), false);
  assert.equal(writer.writeAround('a', Buffer.from('x'), 'b'), false);
  await closed;
  far.resume();
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  assert.equal(drains, 0);
});

test('end after direct writes closes in order: the bytes first, then the end', async (t) => {
  const { near, far } = await socketPair(t);
  far.pause();
  const writer = new DirectWriter(near, () => {});
  const pieces = fill(writer);
  near.end();
  const found = collect(far);
  const ended = new Promise((resolve) => far.once('end', resolve));
  far.resume();
  await ended;
  assert.equal(sha(...found.pieces), sha(...pieces));
});
