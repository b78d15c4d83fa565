import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { StoreConfig } from '../../src/config/types.ts';
import { LineEventLog } from '../../src/observe/log.ts';
import type { OwnSources } from '../../src/runtime/launch.ts';
import { DiskTierHost } from '../../src/runtime/store/disk-tier-host.ts';
import { WorkerDiskTier } from '../../src/runtime/store/worker-disk-tier.ts';
import { createEpochs } from '../../src/shm/epochs.ts';
import { createObjectStore, ObjectStore } from '../../src/shm/object-store.ts';
import type { StoredObject } from '../../src/shm/stored-object.ts';
import { readSources } from '../harness/own-sources.ts';
import { waitFor } from '../harness/wait-for.ts';
import { keyOf, metaOf, numbersAt, temporaryFolder } from '../unit/runtime/store-kit.ts';

const MIB = 1024 * 1024;
const SEED = Buffer.alloc(16, 3);
const WORKER = 0;
const COORDINATOR = 1;
const STORE_THREAD = 2;
const KEY = keyOf('/a');

/** A coordinator and one worker, in this thread, with a store thread of their own. */
class Scene {
  readonly store: ObjectStore;
  readonly tier = new WorkerDiskTier(WORKER);
  readonly host: DiskTierHost;
  readonly segments = {
    id: 1,
    store: createObjectStore({ bytes: 16 * MIB, participants: 3, seed: SEED }),
    epochs: createEpochs(SEED),
    flights: new SharedArrayBuffer(64),
  };
  readonly config: StoreConfig;
  log = '';
  recovered = 0;

  constructor(sources: OwnSources, path: string) {
    this.config = { path, cacheDiskBytes: 32 * MIB, idempotencyDiskBytes: 0 };
    this.store = new ObjectStore(this.segments.store, WORKER);
    const coordinator = new ObjectStore(this.segments.store, COORDINATOR);
    this.host = new DiskTierHost({
      sources,
      log: new LineEventLog((line) => {
        this.log += line;
      }, Date.now),
      participants: 3,
      participant: STORE_THREAD,
      recover: () => {
        this.recovered += 1;
        return coordinator.recover(STORE_THREAD).isComplete;
      },
      onChanged: () => this.tier.connect(this.host.link(WORKER)),
    });
    this.tier.useMemory(this.segments.id);
  }

  static async open(t: TestContext): Promise<Scene> {
    const scene = new Scene(await readSources(), temporaryFolder(t));
    t.after(() => scene.host.close());
    scene.host.prepare(scene.segments);
    await scene.host.settle(scene.segments, scene.config);
    await scene.untilOpen(1);
    return scene;
  }

  untilOpen(times: number): Promise<unknown> {
    return waitFor('the disk is open', () => this.log.split('disk cache opened').length === times + 1, 20_000);
  }

  publish(key: string, body: string): StoredObject {
    const fill = this.store.begin({
      key,
      meta: metaOf(key, {}),
      numbers: numbersAt({ hostNowMs: Number(process.hrtime.bigint()) / 1e6, wallNowMs: Date.now() }),
      expectedBytes: body.length,
    });
    fill?.write(Buffer.from(body));
    const object = fill?.publish([]);
    assert.ok(object !== undefined);
    return object;
  }

  async writeAndForget(key: string, body: string): Promise<void> {
    const object = this.publish(key, body);
    this.tier.wrote(object);
    await waitFor('it is on disk', () => (this.host.figures?.written ?? 0) > 0 && this.tier.mayHold(key), 20_000);
    this.store.doom(object);
  }
}

test('a store thread that dies is started again, what it held is given back, and nothing that it may have had to remove is believed', async (t) => {
  const scene = await Scene.open(t);
  await scene.writeAndForget(KEY, 'before');
  assert.equal(await scene.tier.fetch(KEY), true);
  scene.store.doom(scene.store.open(scene.store.find(KEY)) ?? scene.publish(KEY, 'never'));
  // Memory that is none is a defect that costs the thread.
  const waiting = scene.host.purge([{ kind: 'key', key: 'x', isSoft: false }]);
  scene.host.prepare({ ...scene.segments, id: 2, store: new SharedArrayBuffer(64) });
  await scene.host.settle(scene.segments, scene.config);
  await waiting;
  await scene.untilOpen(2);
  assert.match(scene.log, /store thread died and is started again.*a segment/);
  assert.match(scene.log, /disk cache thrown away.*could not be removed/);
  assert.equal(scene.recovered, 1);
  assert.equal(await scene.tier.fetch(KEY), false);
  await scene.writeAndForget(keyOf('/b'), 'after');
  assert.equal(await scene.tier.fetch(keyOf('/b')), true);
});

test('a purge is answered when it holds; with no disk tier there is nothing to purge and nothing to link to', async (t) => {
  const scene = await Scene.open(t);
  await scene.writeAndForget(KEY, 'body');
  assert.equal(await scene.host.purge([{ kind: 'prefix', prefix: '/a', isSoft: false }]), 1);
  assert.equal(scene.tier.mayHold(KEY), false);
  await scene.host.settle(scene.segments, undefined);
  assert.equal(scene.host.link(WORKER), undefined);
  assert.equal(scene.host.figures, undefined);
  assert.equal(await scene.host.purge([{ kind: 'all', isSoft: false }]), 0);
  assert.equal(scene.tier.mayHold(KEY), false);
});

test('a path that cannot be had is told, and costs the tier alone', async (t) => {
  const scene = new Scene(await readSources(), '/dev/null/store');
  t.after(() => scene.host.close());
  scene.host.prepare(scene.segments);
  await scene.host.settle(scene.segments, scene.config);
  await scene.host.opened();
  assert.match(scene.log, /disk cache cannot be used.*ENOTDIR/);
  assert.equal(scene.host.link(WORKER), undefined);
});
