// Run by cache-disk-full.test.ts on a file system of 6 MiB: fills it with a file of its own while the tier has 64 MiB to use.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DiskRig, keyOf } from '../unit/runtime/store-kit.ts';

const [folder = ''] = process.argv.slice(2);
const ballast = join(folder, 'ballast');
const rig = new DiskRig(folder);
rig.disk.open();
rig.pump();
rig.store(keyOf('/first'), { body: Buffer.alloc(50_000, 1) });
rig.store(keyOf('/to-remove'));

for (const inline of [true, false]) {
  fillDisk();
  const size = inline ? 4000 : 40_000;
  for (let at = 0; at < 40; at++) rig.store(keyOf(`/${inline}/${at}`), { body: Buffer.alloc(size, at) });
  assert.equal(rig.disk.mode, 'readOnly');
  assert.equal(rig.events.at(-1)?.kind, 'readOnly');
  rig.forget();
  assert.equal(rig.fetch(keyOf('/first'))?.length, 50_000);
  rig.removeKey(keyOf('/to-remove'));
  rig.forget();
  assert.equal(rig.fetch(keyOf('/to-remove')), undefined);
  assert.equal(rig.presence.queued(0), 0);
  rmSync(ballast);
  tryAgain();
  assert.equal(rig.disk.mode, 'writing');
  for (let at = 0; at < 10; at++) rig.store(keyOf(`/after/${at}`), { body: Buffer.alloc(size, at) });
  rig.forget();
  for (let at = 0; at < 10; at++) assert.equal(rig.fetch(keyOf(`/after/${at}`))?.length, size);
}
const before = rig.figures.objects;
rig.disk.close();
const next = new DiskRig(folder);
next.disk.open();
assert.equal(next.disk.mode, 'writing');
assert.equal(next.figures.objects, before);
assert.equal(next.fetch(keyOf('/first'))?.length, 50_000);
next.disk.close();
console.log('held');

function fillDisk(): void {
  try {
    for (let size = 64 * 1024 * 1024; size >= 1024; size /= 2) tryWrite(size);
  } catch {
    return;
  }
}

/** As much as there is room for, in ever smaller pieces. */
function tryWrite(size: number): void {
  for (;;) {
    try {
      writeFileSync(ballast, Buffer.alloc(size), { flag: 'a' });
    } catch {
      return;
    }
  }
}

/** As if half a minute had gone by. */
function tryAgain(): void {
  const { now } = performance;
  performance.now = () => now.call(performance) + 60_000;
  rig.disk.tick();
  performance.now = now;
}
