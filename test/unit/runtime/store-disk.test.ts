import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FLAG_INVALID, FLAG_STALE, N_EPOCH, N_FRESH_UNTIL, N_RESPONSE_TIME } from '../../../src/cache/numbers.ts';
import { epochNameOfTag } from '../../../src/cache/cache-key.ts';
import { DiskRig, HOUR_MS, keyOf, metaOf, temporaryFolder, uriOf } from './store-kit.ts';

const KEY = keyOf('/a');

test('what was written comes back into memory after it has left it', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  rig.store(keyOf('/small'));
  rig.store(keyOf('/empty'), { body: '' });
  rig.store(keyOf('/large'), { body: Buffer.alloc(300_000, 'x') });
  rig.forget();
  assert.equal(rig.bodyOf(keyOf('/small')), undefined);
  assert.equal(rig.fetch(keyOf('/small')), `body of ${keyOf('/small')}`);
  assert.equal(rig.fetch(keyOf('/empty')), '');
  assert.equal(rig.fetch(keyOf('/large')), 'x'.repeat(300_000));
  assert.equal(rig.fetch(keyOf('/other')), undefined);
  assert.deepEqual(rig.worker.verify(), []);
});

test('it is there for the next process as well, with the same head and the age that it has by then', (t) => {
  const folder = temporaryFolder(t);
  const first = new DiskRig(folder);
  first.disk.open();
  const stored = first.store(KEY, { head: 'HTTP/1.1 200 OK\r\nX-A: \xe9\r\n\r\n' });
  first.disk.close();
  const second = new DiskRig(folder);
  // Another boot: the monotonic clock has begun anew, and a minute has gone by.
  second.hostNowMs = 5_000;
  second.wallNowMs = first.wallNowMs + 60_000;
  second.disk.open();
  t.after(() => second.disk.close());
  assert.equal(second.fetch(KEY), first.bodyOf(KEY));
  const [object] = second.under(KEY);
  assert.equal(object?.meta, stored.meta);
  assert.equal(object?.numbers[N_RESPONSE_TIME], 5_000 - 60_000);
  assert.equal(object?.numbers[N_FRESH_UNTIL], 5_000 - 60_000 + HOUR_MS);
});

test('what seems to come from the future, since the wall clock was set back, is brought as stale and as if it had just come', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  rig.store(KEY);
  rig.forget();
  rig.wallNowMs -= 10 * 60_000;
  assert.notEqual(rig.fetch(KEY), undefined);
  const [object] = rig.under(KEY);
  assert.ok(object !== undefined);
  assert.equal(object.numbers[N_RESPONSE_TIME], rig.hostNowMs);
  assert.equal(object.numbers[N_FRESH_UNTIL], Number.NEGATIVE_INFINITY);
  assert.equal(rig.view.store.flagsOf(object), FLAG_STALE);
});

test('a 304 changes the head on disk and leaves the body', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const body = Buffer.alloc(100_000, 'y');
  const before = rig.store(KEY, { body });
  rig.pass(1000);
  const updated = rig.worker.update(before, metaOf(KEY, { head: 'HTTP/1.1 200 OK\r\nX-New: 1\r\n\r\n' }), rig.numbersOf({}));
  assert.ok(updated !== undefined);
  rig.write(updated);
  rig.forget();
  assert.equal(rig.fetch(KEY), body.toString());
  assert.match(rig.under(KEY)[0]?.meta ?? '', /X-New: 1/);
  assert.equal(rig.figures.objects, 1);
  assert.equal(rig.figures.writtenBytes, body.length);
});

test('another body of the same variant takes the place of the old one, other variants stay', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const english = rig.store(KEY, { vary: ['accept-language', 'en'], body: 'old english' });
  rig.store(KEY, { vary: ['accept-language', 'de'], body: 'deutsch' });
  rig.pass(1000);
  rig.write(rig.publish(KEY, { vary: ['accept-language', 'en'], body: 'new english' }, [english]));
  rig.forget();
  assert.equal(rig.disk.fetch(rig.view, KEY), true);
  const bodies = rig.under(KEY).map((object) => Buffer.concat(object.pieces).toString());
  assert.deepEqual(bodies.toSorted(), ['deutsch', 'new english']);
});

test('what has left memory before it was written is not written, and what the disk had under its key goes', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const old = rig.store(KEY, { body: 'old' });
  const young = rig.publish(KEY, { body: 'new' }, [old]);
  rig.enqueue(young);
  rig.worker.doom(young);
  rig.pump();
  assert.equal(rig.fetch(KEY), undefined);
  assert.equal(rig.figures.objects, 0);
});

test('what is soon useless is not worth writing, and still takes the place of what was there', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const old = rig.store(KEY, { body: 'old' });
  rig.write(rig.publish(KEY, { body: 'new', lifeMs: 9_000 }, [old]));
  rig.forget();
  assert.equal(rig.fetch(KEY), undefined);
  rig.store(KEY, { body: 'newer', lifeMs: 11_000 });
  rig.forget();
  assert.equal(rig.fetch(KEY), 'newer');
});

test('what is past its use is not brought, and goes', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  rig.store(keyOf('/a'), { lifeMs: 60_000 });
  rig.store(keyOf('/b'), { lifeMs: 60_000 });
  rig.forget();
  rig.pass(61_000);
  assert.equal(rig.fetch(keyOf('/a')), undefined);
  // A tick drops the other one, for which nobody has asked.
  assert.equal(rig.figures.objects, 0);
});

test('memory that already has it, or a newer one, is left as it is', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const old = rig.store(KEY, { body: 'old' });
  assert.equal(rig.disk.fetch(rig.view, KEY), true);
  assert.equal(rig.under(KEY).length, 1);
  rig.pass(1000);
  rig.publish(KEY, { body: 'new' }, [old]);
  assert.equal(rig.disk.fetch(rig.view, KEY), true);
  assert.equal(rig.bodyOf(KEY), 'new');
});

test('what was removed does not come back, and the copy that a fetch had brought goes with it', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  rig.store(KEY);
  rig.forget();
  assert.notEqual(rig.fetch(KEY), undefined);
  rig.removeKey(KEY);
  assert.equal(rig.bodyOf(KEY), undefined);
  assert.equal(rig.fetch(KEY), undefined);
});

test('an entry with a flag stays in memory when its key is removed: it may still be validated', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const object = rig.store(KEY);
  rig.worker.setFlags(object, FLAG_INVALID);
  rig.removeKey(KEY);
  assert.notEqual(rig.bodyOf(KEY), undefined);
  rig.forget();
  assert.equal(rig.fetch(KEY), undefined);
});

test('what has a flag that forbids its use is not written', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const object = rig.publish(KEY);
  rig.worker.setFlags(object, FLAG_INVALID);
  rig.write(object);
  rig.forget();
  assert.equal(rig.fetch(KEY), undefined);
});

test('a tag takes all that has it, hard or soft, and nothing else', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  for (const path of ['/1', '/2', '/3']) rig.store(keyOf(path), { tags: path === '/3' ? ['other'] : ['news', 'all'] });
  rig.store(keyOf('/4'), { tags: ['soft'] });
  rig.forget();
  rig.disk.remove([
    { kind: 'name', name: epochNameOfTag('news'), isSoft: false },
    { kind: 'name', name: epochNameOfTag('soft'), isSoft: true },
  ]);
  assert.equal(rig.fetch(keyOf('/1')), undefined);
  assert.equal(rig.fetch(keyOf('/2')), undefined);
  assert.notEqual(rig.fetch(keyOf('/3')), undefined);
  assert.notEqual(rig.fetch(keyOf('/4')), undefined);
  const [stale] = rig.under(keyOf('/4'));
  assert.ok(stale !== undefined);
  assert.equal(rig.view.store.flagsOf(stale), FLAG_STALE);
  assert.equal(stale.numbers[N_FRESH_UNTIL], Number.NEGATIVE_INFINITY);
});

test('what was invalidated between publishing and writing is not written, or written as stale', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const [gone, stale, fine] = ['/gone', '/stale', '/fine'].map((path) => rig.publish(keyOf(path)));
  assert.ok(gone !== undefined && stale !== undefined && fine !== undefined);
  rig.epochs.bumpUrl(uriOf(gone.key), false);
  rig.epochs.bumpUrl(uriOf(stale.key), true);
  rig.write(gone, stale, fine);
  rig.forget();
  assert.equal(rig.fetch(gone.key), undefined);
  assert.notEqual(rig.fetch(fine.key), undefined);
  assert.notEqual(rig.fetch(stale.key), undefined);
  assert.equal(rig.view.store.flagsOf(rig.under(stale.key)[0] ?? fine), FLAG_STALE);
});

test('the epoch of a process means something only in it: for the next one all that is on disk is older than its first bump', (t) => {
  const folder = temporaryFolder(t);
  const first = DiskRig.open(t, folder);
  first.epochs.bumpUrl('http://elsewhere/', false);
  first.store(KEY);
  first.forget();
  first.fetch(KEY);
  assert.equal(first.under(KEY)[0]?.numbers[N_EPOCH], 1);
  first.disk.close();
  const second = DiskRig.open(t, folder);
  second.fetch(KEY);
  assert.equal(second.under(KEY)[0]?.numbers[N_EPOCH], 0);
});

test('of many variants the newest that come to 32 MiB are brought', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t), { limitBytes: 256 * 1024 * 1024, memoryBytes: 96 * 1024 * 1024 });
  for (let variant = 0; variant < 6; variant++) {
    rig.pass(1000);
    rig.store(KEY, { vary: ['a', String(variant)], body: Buffer.alloc(8 * 1024 * 1024, variant) });
  }
  rig.forget();
  assert.equal(rig.disk.fetch(rig.view, KEY), true);
  assert.deepEqual(
    rig
      .under(KEY)
      .map(({ pieces }) => pieces[0]?.[0])
      .toSorted(),
    [2, 3, 4, 5],
  );
});

test('the presence table knows what is there, before the first question', (t) => {
  const folder = temporaryFolder(t);
  const first = DiskRig.open(t, folder);
  for (let at = 0; at < 50; at++) first.store(keyOf(`/${at}`), { tags: ['t'] });
  first.removeKey(keyOf('/0'));
  const isReadable = (rig: DiskRig, key: string): boolean => rig.presence.keys.isReadable(rig.disk.slotOf(key));
  assert.equal(isReadable(first, keyOf('/1')), true);
  assert.equal(first.presence.state, 'exact');
  first.disk.close();
  assert.equal(first.presence.state, 'off');
  const second = DiskRig.open(t, folder);
  for (let at = 1; at < 50; at++) assert.equal(isReadable(second, keyOf(`/${at}`)), true);
  const held = Array.from({ length: 4096 }, (_, slot) => slot).filter((slot) => second.presence.keys.isHeld(slot));
  assert.ok(held.length <= 49 && held.length > 40);
  for (let at = 1; at < 50; at++) second.removeKey(keyOf(`/${at}`));
  assert.ok(
    Array.from({ length: 4096 }, (_, slot) => slot).every(
      (slot) => !second.presence.keys.isHeld(slot) && !second.presence.names.isHeld(slot),
    ),
  );
});

test('a variant that has left memory before it was written costs the others nothing, there or on disk', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  rig.store(KEY, { vary: ['a', '1'], body: 'one' });
  const [two, three] = ['2', '3'].map((value) => rig.publish(KEY, { vary: ['a', value], body: value }));
  assert.ok(two !== undefined && three !== undefined);
  rig.enqueue(two);
  rig.enqueue(three);
  rig.worker.doom(two);
  rig.pump();
  assert.equal(rig.under(KEY).length, 2);
  rig.forget();
  rig.disk.fetch(rig.view, KEY);
  assert.deepEqual(
    rig.under(KEY).map(({ pieces }) => Buffer.concat(pieces).toString()),
    ['3'],
  );
});

test('what waits to be written hides what the disk has in its place', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const old = rig.store(KEY, { body: 'old' });
  rig.enqueue(rig.publish(KEY, { body: 'new' }, [old]));
  rig.forget();
  assert.equal(rig.fetch(KEY), undefined);
  rig.pump();
  assert.equal(rig.fetch(KEY), undefined);
});
