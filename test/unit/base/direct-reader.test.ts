import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { DirectReader } from '../../../src/base/direct-reader.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { socketPair } from './socket-pair.ts';

/** Sends, and waits until the kernel has taken it. */
function send(socket: import('node:net').Socket, bytes: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()));
}

test('bytes stand at the start of the buffer that was given last, and the next goes into the one returned', async (t) => {
  const { near, far } = await socketPair(t);
  const buffers = [Buffer.alloc(8), Buffer.alloc(16)];
  let turn = 0;
  let text = '';
  const reader = new DirectReader(near, buffers[0] as Buffer, (length) => {
    text += (buffers[turn % 2] as Buffer).toString('latin1', 0, length);
    assert.ok(length <= (buffers[turn % 2] as Buffer).length);
    turn++;
    return buffers[turn % 2];
  });
  assert.ok(reader);
  await send(far, 'one piece that is longer than either of the buffers is');
  await waitFor('all is read', () => text.length === 54);
  assert.equal(text, 'one piece that is longer than either of the buffers is');
  assert.ok(turn >= 5);
});

test('undefined keeps the buffer', async (t) => {
  const { near, far } = await socketPair(t);
  const buffer = Buffer.alloc(4);
  let text = '';
  new DirectReader(near, buffer, (length) => {
    text += buffer.toString('latin1', 0, length);
    return undefined;
  });
  await send(far, 'abcdefghij');
  await waitFor('all is read', () => text === 'abcdefghij');
});

test('pause leaves bytes in the kernel until resume, and both may be said twice', async (t) => {
  const { near, far } = await socketPair(t);
  const buffer = Buffer.alloc(64 * 1024);
  let bytes = 0;
  const reader = new DirectReader(near, buffer, (length) => {
    bytes += length;
    return undefined;
  });
  reader.pause();
  reader.pause();
  far.write(randomBytes(32 * 1024 * 1024));
  // What the kernel does not take waits at the sender: it stops moving, and nothing was read.
  let last = -1;
  await waitFor('the sender is stopped', async () => {
    const sent = far.bytesWritten - far.writableLength;
    await new Promise((resolve) => setTimeout(resolve, 30));
    const isStill = sent === last;
    last = sent;
    return isStill;
  });
  assert.equal(bytes, 0);
  reader.resume();
  reader.resume();
  await waitFor('all is read', () => bytes === 32 * 1024 * 1024);
});

test('pause from inside a read holds after it', async (t) => {
  const { near, far } = await socketPair(t);
  const buffer = Buffer.alloc(1);
  let reads = 0;
  const reader: DirectReader = new DirectReader(near, buffer, () => {
    reads++;
    reader.pause();
    return undefined;
  });
  await send(far, 'abc');
  for (let expected = 1; expected <= 3; expected++) {
    await waitFor(`read ${expected}`, () => reads === expected);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    assert.equal(reads, expected);
    reader.resume();
  }
});

test('the end of the stream and a reset take the way of the stream', async (t) => {
  const ended = await socketPair(t);
  const end = new Promise((resolve) => ended.near.once('end', resolve));
  let text = '';
  const buffer = Buffer.alloc(64);
  new DirectReader(ended.near, buffer, (length) => {
    text += buffer.toString('latin1', 0, length);
    return undefined;
  });
  ended.far.end('bye');
  await end;
  assert.equal(text, 'bye');

  const broken = await socketPair(t);
  new DirectReader(broken.near, Buffer.alloc(64), () => undefined);
  const error = new Promise<NodeJS.ErrnoException>((resolve) => broken.near.once('error', resolve));
  broken.far.resetAndDestroy();
  assert.equal((await error).code, 'ECONNRESET');
});

test('a socket that is gone before, or destroyed after, is left alone', async (t) => {
  const gone = { _handle: null, destroyed: true };
  const reader = new DirectReader(gone, Buffer.alloc(1), () => assert.fail('nothing can come'));
  reader.pause();
  reader.resume();
  const { near, far } = await socketPair(t);
  const late = new DirectReader(near, Buffer.alloc(64), () => assert.fail('nothing was sent'));
  near.destroy();
  late.pause();
  late.resume();
  await new Promise((resolve) => far.once('close', resolve).resume());
});
