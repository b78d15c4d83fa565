import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { DiskLine } from '../../../src/runtime/store/disk-line.ts';
import type { WorkerBatch } from '../../../src/runtime/store/store-messages.ts';
import { WorkerDiskTier } from '../../../src/runtime/store/worker-disk-tier.ts';
import { WorkerLine } from '../../../src/runtime/store/worker-line.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { DiskRig, keyOf, temporaryFolder } from './store-kit.ts';

const MEMORY = 1;
const WORKER = 0;
const KEY = keyOf('/a');

/** Both ends of one line, in this thread. `hold`: the store thread hears nothing until it is released. */
class Wire {
  readonly line: DiskLine;
  readonly batches: WorkerBatch[] = [];
  #held: (() => void)[] | undefined;

  constructor(t: TestContext, rig: DiskRig) {
    const { port1, port2 } = new MessageChannel();
    this.line = new DiskLine({ presence: rig.presence.memory, port: port1 }, WORKER, MEMORY);
    const far = new WorkerLine({ disk: rig.disk, presence: rig.presence, memories: new Map([[MEMORY, rig.view]]), participant: WORKER });
    port2.on('message', (batch: WorkerBatch) => {
      this.batches.push(batch);
      const answer = (): void => port2.postMessage(far.onBatch(batch));
      if (this.#held === undefined) answer();
      else this.#held.push(answer);
    });
    t.after(() => port2.close());
  }

  hold(): void {
    this.#held = [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }
}

function wired(t: TestContext): { readonly rig: DiskRig; readonly wire: Wire; readonly line: DiskLine } {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const wire = new Wire(t, rig);
  return { rig, wire, line: wire.line };
}

test('a worker writes and fetches over its line, in one message a turn', async (t) => {
  const { rig, wire, line } = wired(t);
  line.wrote(rig.publish(KEY));
  line.wrote(rig.publish(keyOf('/b')));
  assert.equal(line.mayHold(KEY), false);
  await waitFor('the batch', () => rig.disk.hasWork);
  assert.equal(wire.batches.length, 1);
  rig.pump();
  rig.forget();
  assert.equal(line.mayHold(KEY), true);
  const [first, second] = [line.fetch(KEY), line.fetch(KEY)];
  assert.equal(first, second);
  assert.equal(await first, true);
  assert.notEqual(rig.bodyOf(KEY), undefined);
  assert.equal(await line.fetch(keyOf('/c')), false);
  assert.equal(rig.presence.queued(WORKER), 0);
});

test('what a worker removes is not asked for any more from that moment on, by nobody, and goes', async (t) => {
  const { rig, wire, line } = wired(t);
  rig.store(KEY);
  const other = new DiskLine({ presence: rig.presence.memory, port: new MessageChannel().port1 }, 2, MEMORY);
  wire.hold();
  line.removed(KEY);
  assert.equal(line.mayHold(KEY), false);
  assert.equal(other.mayHold(KEY), false);
  // Whoever was on its way to the disk finds nothing either.
  rig.forget();
  assert.equal(rig.fetch(KEY), undefined);
  await waitFor('the batch', () => wire.batches.length > 0);
  wire.release();
  assert.equal(rig.figures.objects, 0);
  assert.equal(rig.presence.keys.isOpen(rig.disk.slotOf(KEY)), true);
  assert.equal(rig.presence.queued(WORKER), 0);
});

test('what is not on disk need not be removed, where nobody else writes', async (t) => {
  const { rig, wire, line } = wired(t);
  line.removed(KEY);
  line.invalidated('http://a.example/a', false);
  line.flush();
  await line.fetch(KEY);
  assert.deepEqual([wire.batches[0]?.keys, wire.batches[0]?.names], [[], []]);
  rig.presence.state = 'shared';
  line.removed(KEY);
  line.invalidated('http://a.example/a', true);
  await line.fetch(KEY);
  assert.deepEqual([wire.batches[1]?.keys, wire.batches[1]?.softNames], [[KEY], ['http://a.example/a']]);
});

test('names are invalidated over the line', async (t) => {
  const { rig, line } = wired(t);
  rig.store(KEY);
  rig.forget();
  rig.epochs.bumpUrl('http://a.example/a', false);
  line.invalidated('http://a.example/a', false);
  await waitFor('it is gone', () => rig.figures.objects === 0);
});

test('more than 4096 on the way: what was published is dropped and counted, and what the disk had in its place goes', async (t) => {
  const { rig, wire, line } = wired(t);
  rig.store(KEY);
  wire.hold();
  const object = rig.publish(KEY, { body: 'new' });
  for (let at = 0; at < 4096; at++) line.wrote(object);
  assert.equal(rig.presence.dropped, 0);
  line.wrote(object);
  assert.equal(rig.presence.dropped, 1);
  assert.equal(line.mayHold(KEY), false);
  line.invalidated('http://a.example/a', false);
  assert.equal(rig.presence.names.voided().length, 1);
  assert.equal(rig.figures.objects, 0);
  line.flush();
  await waitFor('the batch', () => wire.batches.length > 0);
  wire.release();
  rig.pump();
  assert.equal(rig.presence.queued(WORKER), 0);
});

test('a disk that does not answer within a second is not waited for, and not asked until it has answered', async (t) => {
  const { rig, wire, line } = wired(t);
  rig.store(KEY);
  rig.forget();
  wire.hold();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const late = line.fetch(KEY);
  t.mock.timers.tick(1_000);
  assert.equal(await late, false);
  assert.equal(line.mayHold(KEY), false);
  assert.equal(await line.fetch(KEY), false);
  t.mock.timers.reset();
  await waitFor('the batch', () => wire.batches.length > 0);
  wire.release();
  await waitFor('it is asked again', () => line.mayHold(KEY));
});

test('no more than 256 requests of a worker wait for the disk', async (t) => {
  const { wire, line } = wired(t);
  wire.hold();
  const waits = Array.from({ length: 256 }, (_, at) => line.fetch(keyOf(`/${at}`)));
  assert.equal(await line.fetch(keyOf('/one-more')), false);
  await waitFor('the batches', () => wire.batches.length === 256);
  wire.release();
  assert.deepEqual(new Set(await Promise.all(waits)), new Set([false]));
});

test('until the disk is open everything is asked for, and when it is off nothing', async (t) => {
  const { rig, line } = wired(t);
  rig.presence.state = 'loading';
  assert.equal(line.mayHold(keyOf('/x')), true);
  rig.presence.state = 'off';
  assert.equal(line.mayHold(keyOf('/x')), false);
  assert.equal(await line.fetch(keyOf('/x')), false);
  line.wrote(rig.publish(KEY));
  line.removed(KEY);
  assert.equal(rig.presence.queued(WORKER), 0);
});

test('when the store thread has gone, who waits is let go', async (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const { port1, port2 } = new MessageChannel();
  const line = new DiskLine({ presence: rig.presence.memory, port: port1 }, WORKER, MEMORY);
  const wait = line.fetch(KEY);
  port2.close();
  assert.equal(await wait, false);
});

test('a worker without a disk tier does without, and gets another one whenever there is', async (t) => {
  const rig = DiskRig.open(t, temporaryFolder(t));
  const tier = new WorkerDiskTier(WORKER);
  assert.equal(tier.mayHold(KEY), false);
  assert.equal(await tier.fetch(KEY), false);
  tier.wrote(rig.publish(KEY));
  tier.removed(KEY);
  tier.invalidated('x', true);
  rig.store(KEY);
  const { port1 } = new MessageChannel();
  tier.connect({ presence: rig.presence.memory, port: port1 });
  assert.equal(tier.mayHold(KEY), true);
  tier.connect(undefined);
  assert.equal(tier.mayHold(KEY), false);
});
