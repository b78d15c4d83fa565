import assert from 'node:assert/strict';
import { globSync, statSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { DiskRig, keyOf, temporaryFolder } from './store-kit.ts';

const MIB = 1024 * 1024;
const BLOCK_BYTES = 512;

/** What all files of the tier take, in blocks, or in length where that is more. */
function bytesIn(rig: DiskRig): number {
  let sum = 0;
  for (const path of globSync(`${rig.folder.path}/**/*`)) {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isFile() === true) sum += Math.max(stat.size, stat.blocks * BLOCK_BYTES);
  }
  return sum;
}

test('whatever is written, all files together never pass the limit', (t) => {
  const limitBytes = 12 * MIB;
  const sizes = fc.oneof(
    fc.integer({ min: 0, max: 4096 }),
    fc.integer({ min: 4096, max: 60_000 }),
    fc.integer({ min: 60_000, max: 1_500_000 }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(40), sizes), { minLength: 40, maxLength: 120 }), (puts) => {
      const rig = DiskRig.open(t, temporaryFolder(t), { limitBytes });
      for (const [path, size] of puts) {
        rig.pass(60_000);
        rig.store(keyOf(`/${path}`), { body: Buffer.alloc(size, path) });
        assert.ok(bytesIn(rig) <= limitBytes, `${bytesIn(rig)} bytes`);
      }
      rig.disk.close();
    }),
    { numRuns: 5 },
  );
});

test('a great many small objects are held to the limit too, and the last ones are there', (t) => {
  const limitBytes = 12 * MIB;
  const rig = DiskRig.open(t, temporaryFolder(t), { limitBytes });
  let most = 0;
  for (let round = 0; round < 36; round++) {
    const objects = Array.from({ length: 128 }, (_, at) =>
      rig.publish(keyOf(`/${round}/${at}`), { body: Buffer.alloc(3000, at), tags: [`tag-${at}`] }),
    );
    rig.write(...objects);
    rig.forget();
    rig.pass(60_000);
    most = Math.max(most, bytesIn(rig));
  }
  assert.ok(most <= limitBytes, `${most} bytes`);
  assert.ok(most > limitBytes / 3, `${most} bytes`);
  assert.ok(rig.figures.evicted > 0);
  assert.notEqual(rig.fetch(keyOf(`/35/0`)), undefined);
  assert.equal(rig.fetch(keyOf('/0/0')), undefined);
});

test('room that small objects have left is given to large ones', (t) => {
  const limitBytes = 16 * MIB;
  const rig = DiskRig.open(t, temporaryFolder(t), { limitBytes });
  for (let round = 0; round < 24; round++) {
    rig.write(...Array.from({ length: 128 }, (_, at) => rig.publish(keyOf(`/small/${round}/${at}`), { body: Buffer.alloc(4000) })));
    rig.forget();
    rig.pass(60_000);
  }
  for (let at = 0; at < 8; at++) {
    rig.store(keyOf(`/large/${at}`), { body: Buffer.alloc(MIB, at) });
    rig.forget();
    rig.pass(60_000);
    assert.ok(bytesIn(rig) <= limitBytes, `${bytesIn(rig)} bytes`);
  }
  for (let at = 0; at < 8; at++) assert.notEqual(rig.fetch(keyOf(`/large/${at}`)), undefined, `large ${at}`);
});

test('what was fetched lately stays, what was not used for longest goes first', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t), { limitBytes: 8 * MIB });
  for (let at = 0; at < 8; at++) rig.store(keyOf(`/${at}`), { body: Buffer.alloc(500_000, at), lifeMs: 1e9 });
  rig.forget();
  rig.pass(3_600_000);
  rig.fetch(keyOf('/3'));
  rig.disk.tick();
  rig.forget();
  for (let at = 8; at < 12; at++) rig.store(keyOf(`/${at}`), { body: Buffer.alloc(500_000, at), lifeMs: 1e9 });
  rig.forget();
  assert.notEqual(rig.fetch(keyOf('/3')), undefined);
  assert.equal(rig.fetch(keyOf('/0')), undefined);
});

test('what memory serves counts as used, however long ago it was written', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t), { limitBytes: 8 * MIB });
  const hot = rig.store(keyOf('/hot'), { body: Buffer.alloc(500_000, 1), lifeMs: 1e9 });
  for (let at = 0; at < 20; at++) {
    rig.pass(3_600_000 / 10);
    const object = rig.store(keyOf(`/${at}`), { body: Buffer.alloc(500_000, at), lifeMs: 1e9 });
    rig.worker.doom(object);
  }
  rig.worker.doom(hot);
  assert.notEqual(rig.fetch(keyOf('/hot')), undefined);
  assert.equal(rig.fetch(keyOf('/0')), undefined);
});

test('what could never fit is not written', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t), { limitBytes: 8 * MIB });
  rig.store(keyOf('/a'));
  rig.store(keyOf('/huge'), { body: Buffer.alloc(3 * MIB) });
  rig.forget();
  assert.equal(rig.fetch(keyOf('/huge')), undefined);
  assert.notEqual(rig.fetch(keyOf('/a')), undefined);
});

test('a limit below what an empty index takes holds nothing, and breaks nothing', (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t), { limitBytes: 100_000 });
  rig.store(keyOf('/a'));
  rig.forget();
  assert.equal(rig.fetch(keyOf('/a')), undefined);
  assert.equal(rig.disk.mode, 'writing');
});
