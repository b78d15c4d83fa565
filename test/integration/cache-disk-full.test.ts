import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryFolder } from '../unit/runtime/store-kit.ts';

const SCRIPT = fileURLToPath(new URL('./cache-disk-full.ts', import.meta.url));
const CAN_MOUNT = spawnSync('unshare', ['-rm', 'true']).status === 0;

test('a disk that is full, and has room again', { skip: CAN_MOUNT ? false : 'no file system of one’s own can be mounted here' }, (t) => {
  const folder = temporaryFolder(t);
  const command = 'mount -t tmpfs -o size=6m tmpfs "$1" && exec "$2" --disable-warning=ExperimentalWarning "$3" "$1"';
  const { status, stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', command, 'sh', folder, process.execPath, SCRIPT], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /held/);
});
