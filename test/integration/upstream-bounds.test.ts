import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ResourcesConfig } from '../../src/config/breaker-types.ts';
import { ConcurrencyTable } from '../../src/shm/concurrency-table.ts';
import { createHostLimits, HOST_LIMITS_SEED_BYTES, HostLimitMaker, type HostLimits } from '../../src/upstream/host-limits.ts';
import { OK_REPLY, RawOrigin } from '../harness/raw-origin.ts';
import { waitFor } from '../harness/wait-for.ts';
import { type TestSink, type TestUpstream, testUpstream } from './upstream-sink.ts';

const NO_BOUNDS: ResourcesConfig = { maxConnections: 0, maxPending: 0, maxRequests: 0, maxRetries: 0 };
const WORKERS = 3;
const text = (sink: TestSink): string => sink.events.join(', ');

/** The same upstream as several workers have it, and as the coordinator sees it. */
class Host {
  readonly #memory = createHostLimits(WORKERS, new Uint8Array(HOST_LIMITS_SEED_BYTES).fill(7));
  readonly #resources: ResourcesConfig;

  constructor(resources: Partial<ResourcesConfig>) {
    this.#resources = { ...NO_BOUNDS, ...resources };
  }

  limits(worker: number, name = 'test'): HostLimits {
    return new HostLimitMaker(new ConcurrencyTable(this.#memory, worker)).make(name, this.#resources);
  }

  /** Its last participant. */
  get coordinator(): { readonly table: ConcurrencyTable; readonly limits: HostLimits } {
    return { table: new ConcurrencyTable(this.#memory, WORKERS), limits: this.limits(WORKERS) };
  }

  workers(t: TestContext, origin: RawOrigin, count: number): readonly TestUpstream[] {
    return Array.from({ length: count }, (_, worker) => testUpstream(t, origin, {}, this.limits(worker)));
  }
}

describe('what an upstream may have at once over the whole host', () => {
  it('is bounded for all workers together, each upstream by itself, and is given back', () => {
    const host = new Host({ maxRequests: 3 });
    const [one, two] = [host.limits(0).requests!, host.limits(1).requests!];
    assert.deepEqual([one.acquire(), two.acquire(), one.acquire(), two.acquire(), one.acquire()], [true, true, true, false, false]);
    assert.deepEqual([one.refusedTotal, two.refusedTotal], [1, 1]);
    assert.equal(host.limits(0, 'other').requests!.acquire(), true);
    assert.equal(host.coordinator.limits.requests!.inUse, 3);
    one.release();
    assert.equal(two.acquire(), true);
    assert.equal(two.isFull, true);
    assert.equal(host.limits(0).retries, null);
  });

  it('is free again when the worker that had it has died', () => {
    const host = new Host({ maxRetries: 2 });
    const dead = host.limits(1).retries!;
    dead.acquire();
    dead.acquire();
    const next = host.limits(0).retries!;
    assert.equal(next.acquire(), false);
    assert.equal(host.coordinator.table.recover(1), 2);
    assert.equal(next.acquire(), true);
  });

  it('connections: one more request waits until there is room on any worker, whoever makes it', async (t) => {
    const gate = Promise.withResolvers<void>();
    const origin = await RawOrigin.answering(async () => {
      await gate.promise;
      return OK_REPLY;
    });
    const [first, second] = new Host({ maxConnections: 2 }).workers(t, origin, 2);
    const sinks = [first!.request(), first!.request(), second!.request()];
    await waitFor('both connections', () => origin.connections.length === 2);
    assert.equal(second!.pool.openConnections, 0);
    gate.resolve();
    for (const sink of sinks) assert.equal((await sink.over()).events.at(-1), 'end');
    // What the first had no more use for it has parted with.
    assert.equal(first!.pool.openConnections + second!.pool.openConnections, 2);
    assert.ok(second!.pool.openConnections >= 1);
  });

  it('connections: idle ones are kept while nobody else lacks any', async (t) => {
    const origin = await RawOrigin.answering();
    const host = new Host({ maxConnections: 2 });
    const [first] = host.workers(t, origin, 1);
    for (let i = 0; i < 5; i += 1) await first!.request().over();
    assert.equal(origin.connections.length, 1);
    assert.equal((await first!.fresh().over()).events.at(-1), 'end');
    assert.equal(host.coordinator.limits.connections!.inUse, 2);
    // A retry needs a new one: in place of an idle one where there is no room for a third.
    assert.equal((await first!.fresh().over()).events.at(-1), 'end');
    assert.equal(first!.pool.openConnections, 2);
    first!.close();
    assert.equal(host.coordinator.limits.connections!.inUse, 0);
  });

  it('connections: those that fail to open are given back', async (t) => {
    const origin = await RawOrigin.start();
    const { port } = origin;
    await origin.close();
    const host = new Host({ maxConnections: 1 });
    const [first] = host.workers(t, { port, close: async () => {} } as RawOrigin, 1);
    for (let i = 0; i < 3; i += 1) assert.match(text(await first!.request().over()), /fail connect-refused/);
    assert.equal(host.coordinator.limits.connections!.inUse, 0);
  });

  it('waiting requests: one too many on all workers together is refused at once', async (t) => {
    const origin = await RawOrigin.start();
    const host = new Host({ maxConnections: 1, maxPending: 2 });
    const [first, second] = host.workers(t, origin, 2);
    const sinks = [first!.request(), first!.request(), second!.request(), second!.request()];
    assert.match(text(await sinks[3]!.over()), /fail pool-full queued/);
    assert.equal(host.coordinator.limits.pending!.inUse, 2);
    first!.pool.cancel(sinks[1]!);
    assert.equal(host.coordinator.limits.pending!.inUse, 1);
    await (await origin.connection(0)).send(OK_REPLY);
    await sinks[0]!.over();
    await (await origin.connection(1)).send(OK_REPLY);
    assert.equal((await sinks[2]!.over()).events.at(-1), 'end');
    assert.equal(host.coordinator.limits.pending!.inUse, 0);
  });
});
