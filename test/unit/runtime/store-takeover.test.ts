import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { epochNameOfTag } from '../../../src/cache/cache-key.ts';
import { DiskRig, keyOf, temporaryFolder } from './store-kit.ts';

/** Two processes on one folder, as during a hot upgrade: the old one writes, the new one has just begun. */
function twoProcesses(t: TestContext): { readonly old: DiskRig; readonly young: DiskRig } {
  const folder = temporaryFolder(t);
  const old = DiskRig.open(t, folder);
  old.store(keyOf('/a'), { tags: ['x'] });
  old.store(keyOf('/b'), { tags: ['x'] });
  old.forget();
  return { old, young: DiskRig.open(t, folder) };
}

test('one process writes at a time; the other reads', (t) => {
  const { old, young } = twoProcesses(t);
  assert.equal(old.disk.mode, 'writing');
  assert.equal(young.disk.mode, 'waiting');
  assert.equal(young.presence.state, 'shared');
  young.disk.tick();
  assert.equal(young.disk.mode, 'waiting');
  assert.notEqual(young.fetch(keyOf('/a')), undefined);
  young.write(young.publish(keyOf('/c')));
  young.forget();
  assert.equal(young.fetch(keyOf('/c')), undefined);
});

test('the old one gives way with all that it was told written, and the new one goes on from there', (t) => {
  const { old, young } = twoProcesses(t);
  const waiting = young.publish(keyOf('/young'));
  young.enqueue(waiting);
  const last = old.publish(keyOf('/last'));
  old.enqueue(last);
  old.disk.retire();
  assert.equal(old.disk.mode, 'retired');
  young.disk.tick();
  young.pump();
  assert.equal(young.disk.mode, 'writing');
  assert.equal(young.presence.state, 'exact');
  assert.deepEqual(young.events.at(-1), { kind: 'tookOver' });
  young.forget();
  for (const path of ['/a', '/last', '/young']) {
    assert.equal(young.presence.keys.isReadable(young.disk.slotOf(keyOf(path))), true);
    assert.notEqual(young.fetch(keyOf(path)), undefined, path);
  }
  assert.equal(young.figures.objects, 4);
});

test('the old one still reads while it drains, writes nothing, and what it removes is removed', (t) => {
  const { old, young } = twoProcesses(t);
  old.disk.retire();
  young.disk.tick();
  assert.notEqual(old.fetch(keyOf('/a')), undefined);
  old.forget();
  old.write(old.publish(keyOf('/late')));
  assert.equal(old.presence.queued(0), 0);
  assert.equal(young.fetch(keyOf('/late')), undefined);
  old.removeKey(keyOf('/a'));
  assert.equal(young.fetch(keyOf('/a')), undefined);
  assert.notEqual(young.fetch(keyOf('/b')), undefined);
});

test('a retired process never takes the lock again', (t) => {
  const { old, young } = twoProcesses(t);
  old.disk.retire();
  for (let time = 0; time < 3; time++) old.disk.tick();
  assert.equal(old.disk.mode, 'retired');
  young.disk.tick();
  assert.equal(young.disk.mode, 'writing');
});

test('what the new one removes before it writes is removed again when it does: the old one may have been writing it', async (t) => {
  const { old, young } = twoProcesses(t);
  const [key, tagged] = [old.publish(keyOf('/key')), old.publish(keyOf('/tagged'), { tags: ['y'] })];
  old.enqueue(key);
  old.enqueue(tagged);
  young.removeKey(keyOf('/key'));
  assert.equal(await young.disk.purge({ kind: 'name', name: epochNameOfTag('y'), isSoft: false }), 0);
  assert.equal(await young.disk.purge({ kind: 'prefix', prefix: 'http://a.example/a', isSoft: false }), 1);
  old.disk.retire();
  assert.notEqual(young.fetch(keyOf('/key')), undefined);
  young.forget();
  young.disk.tick();
  young.pump();
  for (const path of ['/key', '/tagged', '/a']) assert.equal(young.fetch(keyOf(path)), undefined, path);
  assert.notEqual(young.fetch(keyOf('/b')), undefined);
});

test('a process that begins before there is anything waits until there is', (t) => {
  const folder = temporaryFolder(t);
  const first = DiskRig.open(t, folder);
  const second = new DiskRig(folder);
  second.disk.open();
  t.after(() => second.disk.close());
  assert.equal(second.disk.mode, 'waiting');
  first.disk.close();
  second.disk.tick();
  assert.equal(second.disk.mode, 'writing');
});
