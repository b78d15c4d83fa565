import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskRig, HOUR_MS, keyOf, temporaryFolder } from './store-kit.ts';

test('what was written comes back into memory after it has left it', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  rig.store(keyOf('/small'));
  rig.store(keyOf('/large'), { body: Buffer.alloc(300_000, 'x') });
  rig.forget();
  assert.equal(rig.bodyOf(keyOf('/small')), undefined);
  assert.equal(rig.fetch(keyOf('/small')), `body of ${keyOf('/small')}`);
  assert.equal(rig.fetch(keyOf('/large')), 'x'.repeat(300_000));
  assert.equal(rig.fetch(keyOf('/other')), undefined);
  assert.deepEqual(rig.worker.verify(), []);
});

test('it is there for the next process as well, with the same head and the age that it has by then', (t) => {
  const folder = temporaryFolder(t);
  const first = new DiskRig(folder);
  first.disk.open();
  const stored = first.store(keyOf('/a'), { head: 'HTTP/1.1 200 OK\r\nX-A: \xe9\r\n\r\n' });
  first.disk.close();
  const second = new DiskRig(folder);
  // Another boot: the monotonic clock has begun anew, and a minute has gone by.
  second.hostNowMs = 5_000;
  second.wallNowMs = first.wallNowMs + 60_000;
  second.disk.open();
  t.after(() => second.disk.close());
  assert.equal(second.fetch(keyOf('/a')), first.bodyOf(keyOf('/a')));
  const [object] = second.under(keyOf('/a'));
  assert.equal(object?.meta, stored.meta);
  assert.equal(object?.numbers[1], 5_000 - 60_000);
  assert.equal(object?.numbers[13], 5_000 - 60_000 + HOUR_MS);
});
