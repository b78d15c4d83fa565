import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { test } from 'node:test';
import { epochNameOfTag } from '../../../src/cache/cache-key.ts';
import { FLAG_STALE } from '../../../src/cache/numbers.ts';
import { DiskRig, keyOf, temporaryFolder } from './store-kit.ts';

const LARGE = Buffer.alloc(20_000, 'z');

/** Bodies of some sites, in files and in the index. */
function fill(rig: DiskRig): void {
  for (let at = 0; at < 100; at++) rig.store(keyOf(`/news/${at}`), { tags: ['news'], body: at % 2 === 0 ? LARGE : 'small' });
  rig.store(keyOf('/news/1', 'b.example'));
  rig.store(keyOf('/new'));
  rig.store('route\nG\nhttps://a.example/news/tls\n');
  rig.forget();
}

function isThere(rig: DiskRig, key: string): boolean {
  rig.forget();
  return rig.disk.fetch(rig.view, key);
}

test('a prefix with a host takes what begins so on this host, by either scheme', async (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  fill(rig);
  assert.equal(await rig.disk.purge({ kind: 'prefix', prefix: 'http://a.example/news/', isSoft: false }), 101);
  assert.equal(isThere(rig, keyOf('/news/7')), false);
  assert.equal(isThere(rig, 'route\nG\nhttps://a.example/news/tls\n'), false);
  assert.equal(isThere(rig, keyOf('/news/1', 'b.example')), true);
  assert.equal(isThere(rig, keyOf('/new')), true);
});

test('a prefix that is a path takes it on every host', async (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  fill(rig);
  assert.equal(await rig.disk.purge({ kind: 'prefix', prefix: '/news/', isSoft: false }), 102);
  assert.equal(isThere(rig, keyOf('/news/1', 'b.example')), false);
  assert.equal(isThere(rig, keyOf('/new')), true);
});

test('a soft purge leaves all in place, and stale for this process and the next', async (t) => {
  const folder = temporaryFolder(t);
  const rig = DiskRig.open(t, folder);
  fill(rig);
  rig.fetch(keyOf('/news/3'));
  const [inMemory] = rig.under(keyOf('/news/3'));
  assert.equal(await rig.disk.purge({ kind: 'prefix', prefix: '/news/', isSoft: true }), 102);
  assert.ok(inMemory !== undefined);
  assert.equal(rig.view.store.flagsOf(inMemory), FLAG_STALE);
  rig.disk.close();
  const next = DiskRig.open(t, folder);
  next.fetch(keyOf('/news/4'));
  next.fetch(keyOf('/new'));
  const flags = [keyOf('/news/4'), keyOf('/new')].flatMap((key) => next.under(key)).map((object) => next.view.store.flagsOf(object));
  assert.deepEqual(flags, [FLAG_STALE, 0]);
});

test('everything, soft', async (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  fill(rig);
  assert.equal(await rig.disk.purge({ kind: 'all', isSoft: true }), 103);
  rig.fetch(keyOf('/new'));
  const [object] = rig.under(keyOf('/new'));
  assert.ok(object !== undefined);
  assert.equal(rig.view.store.flagsOf(object), FLAG_STALE);
});

test('everything, with its files, and the room can be used again', async (t) => {
  const folder = temporaryFolder(t);
  const rig = DiskRig.open(t, folder);
  fill(rig);
  assert.equal(globSync(`${folder}/cache/bodies/*/*`).length, 50);
  assert.equal(await rig.disk.purge({ kind: 'all', isSoft: false }), 103);
  assert.equal(isThere(rig, keyOf('/new')), false);
  rig.store(keyOf('/after'), { body: LARGE });
  assert.equal(globSync(`${folder}/cache/*/*/*`).length, 1);
  assert.equal(globSync(`${folder}/cache/trash-*`).length, 0);
  assert.equal(isThere(rig, keyOf('/after')), true);
  assert.equal(rig.figures.objects, 1);
});

test('a purge holds for the next process, however the first one ends', async (t) => {
  const folder = temporaryFolder(t);
  const rig = DiskRig.open(t, folder);
  fill(rig);
  assert.equal(await rig.disk.purge({ kind: 'name', name: epochNameOfTag('news'), isSoft: false }), 100);
  // Neither retired nor closed: only its lock is taken away, as the kernel does it.
  const next = new DiskRig(folder);
  rig.disk.retire();
  next.disk.open();
  t.after(() => next.disk.close());
  assert.equal(isThere(next, keyOf('/news/7')), false);
  assert.equal(isThere(next, keyOf('/new')), true);
});

test('a purge while an object is being written finds it: what is queued is not current any more, what was written has a row', async (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const queued = rig.publish(keyOf('/queued'));
  rig.enqueue(queued);
  rig.store(keyOf('/written'));
  rig.forget();
  rig.epochs.bumpAll(false);
  await rig.disk.purge({ kind: 'all', isSoft: false });
  rig.pump();
  assert.equal(isThere(rig, keyOf('/queued')), false);
  assert.equal(isThere(rig, keyOf('/written')), false);
});

test('slots that a worker could only void are emptied, names as well', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  fill(rig);
  rig.presence.keys.voidSlot(rig.disk.slotOf(keyOf('/new')));
  assert.equal(isThere(rig, keyOf('/new')), false);
  const { names } = rig.presence;
  const heldNames = Array.from({ length: names.slots }, (_, slot) => slot).filter((slot) => names.isHeld(slot));
  for (const slot of heldNames) names.voidSlot(slot);
  rig.presence.tellVoided();
  assert.equal(rig.figures.objects, 0);
  assert.deepEqual(rig.presence.keys.voided(), []);
  assert.deepEqual(names.voided(), []);
});
