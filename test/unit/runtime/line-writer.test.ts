import assert from 'node:assert/strict';
import { closeSync, openSync, writeSync } from 'node:fs';
import { test } from 'node:test';
import { LineWriter, MAX_WAITING_BYTES } from '../../../src/runtime/line-writer.ts';
import { openPipe } from '../../harness/named-pipe.ts';
import { waitFor } from '../../harness/wait-for.ts';

const fail = (): never => assert.fail('nothing was dropped');

test('a line is in the pipe when write returns', (t) => {
  const { fd, read } = openPipe(t);
  new LineWriter({ fd, prepare: () => undefined }, fail).write('one\n');
  assert.equal(read(), 'one\n');
});

test('a pipe that nobody reads holds nobody up; what does not fit is dropped and told, the rest comes in order and whole', async (t) => {
  const { fd, read } = openPipe(t);
  const dropped: number[] = [];
  const writer = new LineWriter({ fd, prepare: () => undefined }, (count) => {
    dropped.push(count);
    writer.write(`dropped ${count}\n`);
  });
  const line = (index: number): string => `${index} ${'x'.repeat(5_000)}\n`;
  const lines = 400;
  for (let i = 0; i < lines; i++) writer.write(line(i));
  let text = '';
  await waitFor('the last line', () => {
    text += read();
    return text.endsWith(`dropped ${dropped[0]}\n`);
  });
  const kept = lines - (dropped[0] ?? 0);
  assert.ok(kept * line(0).length <= MAX_WAITING_BYTES + (1 << 20), `${kept} lines were kept`);
  assert.equal(text, `${Array.from({ length: kept }, (_, i) => line(i)).join('')}dropped ${dropped[0]}\n`);
  assert.equal(dropped.length, 1);
  writer.write('on\n');
  assert.equal(read(), 'on\n');
});

test('a descriptor that cannot be written to at all is no error', (t) => {
  const reader = openSync('/dev/null', 'r');
  t.after(() => closeSync(reader));
  assert.throws(() => writeSync(reader, 'x'));
  const writer = new LineWriter({ fd: reader, prepare: () => undefined }, fail);
  for (let i = 0; i < 10_000; i++) writer.write(`${'x'.repeat(100)}\n`);
});
