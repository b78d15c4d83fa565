import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AccessFile } from '../../../src/runtime/access-file.ts';
import { AccessTarget } from '../../../src/runtime/access-target.ts';
import { openPipe } from '../../harness/named-pipe.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { temporaryFolder } from './store-kit.ts';

function openAt(t: TestContext, path: string): { file: AccessFile; written: () => number } {
  const target = new AccessTarget();
  let written = 0;
  const fd = target.open({ enabled: true, path });
  const file = new AccessFile(fd, () => written++, assert.fail);
  t.after(() => {
    target.open({ enabled: false, path });
    target.close(fd);
  });
  return { file, written: () => written };
}

test('the access log is appended to what is in its file', async (t) => {
  const path = join(temporaryFolder(t), 'access.log');
  for (const line of ['one\n', 'two\n']) {
    const { file } = openAt(t, path);
    file.write(Buffer.from(line));
    await file.idle();
  }
  assert.equal(readFileSync(path, 'utf8'), 'one\ntwo\n');
});

test('a named pipe that nobody reads is an error, and not a wait for somebody who does', (t) => {
  const path = join(temporaryFolder(t), 'pipe');
  execFileSync('mkfifo', [path]);
  assert.throws(() => new AccessTarget().open({ enabled: true, path }), { code: 'ENXIO' });
});

test('a named pipe whose reader stands still is written to when it goes on', async (t) => {
  const pipe = openPipe(t);
  pipe.fill();
  const { file, written } = openAt(t, pipe.path);
  file.write(Buffer.from('late\n'));
  assert.equal(written(), 0);
  let text = '';
  await waitFor('the line', () => {
    text += pipe.read();
    return text.endsWith('late\n');
  });
  await file.idle();
  assert.equal(written(), 1);
});
