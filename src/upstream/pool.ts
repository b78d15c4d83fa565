import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { PlacedList } from '../base/placed-list.ts';
import { type TimeSlice, UNBOUNDED } from '../base/time-slice.ts';
import { Connection } from './connection.ts';
import type { ConnectionOwner } from './connection-owner.ts';
import { deadlineAfter, isPast, NEVER_MS } from './deadlines.ts';
import type { FailureKind } from './failure.ts';
import type { HostLimits } from './host-limits.ts';
import type { ConnectionPlan } from './plan.ts';
import type { UpstreamSink } from './sink.ts';
import { Waiter, WaitList } from './waiters.ts';

/**
 * The connections of one worker to one endpoint. A request gets, in this order: the batch that pipelined requests of this tick
 * go into, the connection that became idle last, room in a pipeline, a new connection, a place in the queue.
 *
 * Nothing but `onUpstreamConnection` is called from inside `request`; a refusal comes in a microtask.
 */
export class Pool implements ConnectionOwner {
  readonly plan: ConnectionPlan;
  readonly clock: Clock;
  connectsTotal = 0;
  connectFailuresTotal = 0;
  /** Requests on a connection that had carried one before. */
  reusedTotal = 0;
  /** Requests that met a connection which the origin had closed. */
  staleTotal = 0;
  requestsTotal = 0;
  pendingOverflowTotal = 0;
  pendingTimeoutsTotal = 0;
  /** Bounds that hold for all workers together; `null` = there are none. */
  readonly #limits: HostLimits | null;
  readonly #all = new PlacedList<Connection>();
  /** The one that became idle last is at the end. */
  readonly #idle: Connection[] = [];
  readonly #waiters = new WaitList();
  /** Connections that have gone, ever. */
  #removed = 0;
  /** How many of the waiting have a connection under way; those do not count against `maxPending`. */
  #openingFor = 0;
  readonly #refused = new Set<UpstreamSink>();
  /** Connections with heads to write at the end of this tick. */
  readonly #unflushed: Connection[] = [];
  #isFlushDue = false;
  /** It has said to all workers that it could use a connection. */
  #isHungry = false;
  /** Tells who has let go of it that it is asked once more; `null` = it is not retired. */
  #onAsked: (() => void) | null = null;
  #isClosed = false;
  readonly #flush = (): void => this.#flushBatches();

  constructor(plan: ConnectionPlan, clock: Clock, limits: HostLimits | null = null) {
    this.plan = plan;
    this.clock = clock;
    this.#limits = limits;
  }

  get openConnections(): number {
    return this.#all.count;
  }

  get idleConnections(): number {
    return this.#idle.length;
  }

  get pendingRequests(): number {
    return this.#waiters.count;
  }

  /** `isPipelinable`: safe method, no body, so it may stand behind others and be sent again. */
  request(sink: UpstreamSink, isPipelinable: boolean): void {
    this.requestsTotal++;
    if (this.#onAsked !== null) this.#onAsked();
    const connection = this.#pick(isPipelinable);
    if (this.#isClosed) this.#refuse(sink, 'pool-closed');
    else if (connection === undefined) this.#wait(new Waiter(sink, isPipelinable, false));
    else this.#assign(connection, sink, isPipelinable);
  }

  /** For a retry: on a connection that has carried nothing yet, opened for it. */
  requestFresh(sink: UpstreamSink): void {
    this.requestsTotal++;
    if (this.#onAsked !== null) this.#onAsked();
    if (this.#isClosed) {
      this.#refuse(sink, 'pool-closed');
      return;
    }
    if (this.#isFull || this.#limits?.connections?.isFull === true) this.#idle[0]?.retire();
    this.#wait(new Waiter(sink, false, true));
  }

  /** Forgets a request that has not been given a connection yet; nothing is called for it any more. */
  cancel(sink: UpstreamSink): void {
    this.#refused.delete(sink);
    const waiter = this.#waiters.find(sink);
    if (waiter !== undefined) this.#forget(waiter);
  }

  /** Looks at every deadline; to be called every 50 to 100 ms. */
  sweep(nowMs: number, slice: TimeSlice = UNBOUNDED): void {
    if (slice.hasMore) return;
    // From the end, because one that ends gives its place to the last.
    for (let i = this.#all.count - 1; i >= 0; i--) {
      const before = this.#removed;
      this.#all.items[i]?.check(nowMs);
      if (this.#removed !== before && slice.isOver()) return;
    }
    for (let waiter = this.#firstExpired(nowMs); waiter !== null; waiter = this.#firstExpired(nowMs)) {
      this.#expire(waiter);
      if (slice.isOver()) return;
    }
    if (this.#limits !== null) this.#shareRoom(this.#limits);
  }

  /** Idle connections are closed now, the others after what they are at. Requests are still taken, each on a connection of its own: `onAsked` is told. */
  retire(onAsked: () => void): void {
    this.#onAsked = onAsked;
    for (let i = this.#all.count - 1; i >= 0; i--) this.#all.items[i]?.retire();
  }

  /** Everything ends now; what waits or is under way fails with `pool-closed`. */
  close(): void {
    this.#isClosed = true;
    for (let waiter = this.#waiters.oldest; waiter !== null; waiter = this.#waiters.oldest) {
      this.#forget(waiter);
      this.#tell(waiter.sink, 'pool-closed', 'the pool is closed');
    }
    for (let last = this.#all.items.at(-1); last !== undefined; last = this.#all.items.at(-1))
      last.kill('pool-closed', 'the pool is closed');
  }

  // Below: what its connections tell.

  onConnectionOpen(connection: Connection): void {
    if (connection.waiter !== null) this.#serve(connection.waiter, connection);
    if (this.#onAsked !== null) connection.retire();
    else this.onConnectionReady(connection);
  }

  onConnectionReady(connection: Connection): void {
    // Each one that is served may make others give up, so the list is looked through afresh.
    for (let waiter = this.#firstFor(connection); waiter !== null; waiter = this.#firstFor(connection)) {
      if (!waiter.isFresh) this.#serve(waiter, connection);
      else connection.retire();
    }
    if (connection.isIdle) this.#idle.push(connection);
  }

  onConnectFailed(connection: Connection, kind: FailureKind, detail: string): void {
    this.#remove(connection);
    if (!this.#isClosed) this.connectFailuresTotal++;
    const waiter = connection.waiter;
    if (waiter !== null) {
      this.#forget(waiter);
      this.#tell(waiter.sink, kind, detail);
    }
    this.#openForWaiting();
  }

  onConnectionClosed(connection: Connection): void {
    const place = this.#idle.lastIndexOf(connection);
    if (place >= 0) this.#idle.splice(place, 1);
    this.#remove(connection);
    this.#openForWaiting();
  }

  onFlushDue(connection: Connection): void {
    this.#unflushed.push(connection);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    // After all sockets that were readable in this turn of the loop, so that their requests are in one write.
    setImmediate(this.#flush);
  }

  onStale(): void {
    this.staleTotal++;
  }

  // Below: choosing.

  get #isFull(): boolean {
    return this.#all.count >= this.plan.pool.maxConnections;
  }

  #pick(isPipelinable: boolean): Connection | undefined {
    const mayJoin = isPipelinable && this.plan.pool.pipelining > 1;
    if (mayJoin) {
      const batch = this.#unflushed[this.#unflushed.length - 1];
      if (batch?.canTake(true)) return batch;
    }
    return this.#idle.pop() ?? (mayJoin ? this.#findPipeline() : undefined);
  }

  #findPipeline(): Connection | undefined {
    for (const connection of this.#all.items) {
      if (connection.canTake(true)) return connection;
    }
    return undefined;
  }

  #assign(connection: Connection, sink: UpstreamSink, isPipelinable: boolean): void {
    if (connection.requests > 0) this.reusedTotal++;
    connection.assign(sink, isPipelinable);
  }

  #serve(waiter: Waiter, connection: Connection): void {
    this.#forget(waiter);
    this.#assign(connection, waiter.sink, waiter.isPipelinable);
  }

  /** The oldest that `connection` can serve; or a retry that needs a new one, for which there is room only in place of it. */
  #firstFor(connection: Connection): Waiter | null {
    if (!connection.canTake(true)) return null;
    for (let waiter = this.#waiters.oldest; waiter !== null; waiter = waiter.newer) {
      if (!waiter.isFresh && connection.canTake(waiter.isPipelinable)) return waiter;
      if (waiter.isFresh && waiter.opening === null && connection.isIdle && (this.#isFull || this.#limits !== null)) return waiter;
    }
    return null;
  }

  // Below: waiting.

  #wait(waiter: Waiter): void {
    assert(this.#waiters.find(waiter.sink) === undefined, 'a sink waits once');
    const canOpen = this.#takeRoom();
    if (!canOpen && !this.#takePending()) {
      this.pendingOverflowTotal++;
      this.#refuse(waiter.sink, 'pool-full');
      return;
    }
    this.#waiters.add(waiter);
    if (canOpen) this.#openFor(waiter);
    else waiter.deadlineMs = deadlineAfter(this.clock.nowMs, this.plan.pool.pendingTimeoutMs);
  }

  /** Whether one more connection may be opened, which then must be. */
  #takeRoom(): boolean {
    if (this.#isFull) return false;
    const bound = this.#limits?.connections ?? null;
    return bound === null || bound.acquire();
  }

  /** Whether one more request may wait without a connection under way, which then does. */
  #takePending(): boolean {
    if (this.#blocked >= this.plan.pool.maxPending) return false;
    const bound = this.#limits?.pending ?? null;
    return bound === null || bound.acquire();
  }

  /** Those that wait and have no connection under way. */
  get #blocked(): number {
    return this.#waiters.count - this.#openingFor;
  }

  /**
   * Where connections are bounded over all workers nobody tells a pool that another one has closed some, and idle ones of a pool may be all there
   * are. So those that lack some say so, and look again at each sweep; the others part with an idle one at each.
   */
  #shareRoom({ connections, hungry }: HostLimits): void {
    if (connections === null) return;
    this.#openForWaiting();
    const isHungry = this.#blocked > 0 && !this.#isFull;
    if (isHungry && !this.#isHungry) this.#isHungry = hungry.acquire();
    if (!isHungry && this.#isHungry) {
      hungry.release();
      this.#isHungry = false;
    }
    if (this.#blocked === 0 && this.#idle.length > 0 && hungry.inUse > 0) this.#idle[0]?.retire();
  }

  #openFor(waiter: Waiter): void {
    const connection = new Connection(this, this.plan);
    this.connectsTotal++;
    this.#all.add(connection);
    connection.waiter = waiter;
    waiter.opening = connection;
    this.#openingFor++;
    waiter.deadlineMs = NEVER_MS;
  }

  /** Room has come: for the oldest that has no connection under way. */
  #openForWaiting(): void {
    if (this.#isClosed || this.#blocked === 0) return;
    for (let waiter = this.#waiters.oldest; waiter !== null && !this.#isFull; waiter = waiter.newer) {
      if (waiter.opening !== null) continue;
      if (!this.#takeRoom()) return;
      this.#limits?.pending?.release();
      this.#openFor(waiter);
    }
  }

  #forget(waiter: Waiter): void {
    this.#waiters.remove(waiter);
    if (waiter.opening === null) {
      this.#limits?.pending?.release();
      return;
    }
    waiter.opening.waiter = null;
    this.#openingFor--;
  }

  #firstExpired(nowMs: number): Waiter | null {
    for (let waiter = this.#waiters.oldest; waiter !== null; waiter = waiter.newer) {
      if (isPast(waiter.deadlineMs, nowMs)) return waiter;
    }
    return null;
  }

  #expire(waiter: Waiter): void {
    this.pendingTimeoutsTotal++;
    this.#forget(waiter);
    this.#tell(waiter.sink, 'pool-timeout', 'no connection became free in time');
  }

  #refuse(sink: UpstreamSink, kind: FailureKind): void {
    this.#refused.add(sink);
    queueMicrotask(() => {
      if (this.#refused.delete(sink)) this.#tell(sink, kind, 'refused by the pool');
    });
  }

  #tell(sink: UpstreamSink, kind: FailureKind, detail: string): void {
    sink.onUpstreamFail({ kind, stage: 'queued', isReused: false, detail });
  }

  #remove(connection: Connection): void {
    this.#removed++;
    this.#limits?.connections?.release();
    this.#all.remove(connection);
  }

  #flushBatches(): void {
    this.#isFlushDue = false;
    for (const connection of this.#unflushed) connection.flush();
    this.#unflushed.length = 0;
  }
}
