/**
 * How long after a leader's write a follower on another thread has the bytes: `Fill.write` on one thread, `FillingObject.watch`
 * on the other, p50 and p99; then the same for a flight that begins to stream. A bare `Atomics.waitAsync` beside it is the floor.
 *
 *   node scripts/micro/wake.ts [writes] [waiters on the follower's thread]
 */
import { makeNumbers } from '../../src/base/numbers.ts';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import type { FillingObject } from '../../src/shm/filling-object.ts';
import { createFlights } from '../../src/shm/flight-cells.ts';
import { Flights } from '../../src/shm/flights.ts';
import { createObjectStore, ObjectStore } from '../../src/shm/object-store.ts';

const KEY = 'GET https://example.com/some/path/to/a/page?with=a&query=string';
const GAP_MS = 2;
/** Cells that both sides use beside what is measured: where the follower is, and the floor's own word. */
const READY = 0;
/** How many flights the leader has entered. */
const LED = 1;
const BARE = 16;

type Shared = { store: SharedArrayBuffer; flights: SharedArrayBuffer; cells: SharedArrayBuffer; sentMs: SharedArrayBuffer };

function hostMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function print(what: string, latencies: Float64Array): void {
  const sorted = latencies.slice().sort();
  const at = (share: number) => `${((sorted[Math.floor(sorted.length * share)] ?? 0) * 1000).toFixed(0)} µs`;
  console.log(`${what}: p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}`);
}

class Leader {
  readonly cells: Int32Array;
  readonly sentMs: Float64Array;
  readonly store: ObjectStore;
  readonly flights: Flights;
  readonly rounds: number;

  constructor(shared: Shared, rounds: number) {
    this.cells = new Int32Array(shared.cells);
    this.sentMs = new Float64Array(shared.sentMs);
    this.store = new ObjectStore(shared.store, 0);
    this.flights = new Flights(shared.flights, 0);
    this.rounds = rounds;
  }

  async ready(stage: number): Promise<void> {
    while (Atomics.load(this.cells, READY) < stage) await sleep(1);
  }

  async bare(): Promise<void> {
    await this.ready(1);
    for (let round = 0; round < this.rounds; round += 1) {
      this.sentMs[round] = hostMs();
      Atomics.store(this.cells, BARE, round + 1);
      Atomics.notify(this.cells, BARE);
      await sleep(GAP_MS);
    }
  }

  async writes(): Promise<void> {
    const fill = this.store.begin({ key: KEY, meta: '', numbers: makeNumbers(), expectedBytes: -1 });
    if (fill === undefined) throw new Error('no room');
    const ticket = this.flights.enter(KEY, 0);
    this.flights.stream(ticket, fill.entry, fill.generation);
    Atomics.store(this.cells, LED, 1);
    await this.ready(2);
    const bytes = Buffer.alloc(1024);
    const costsMs = new Float64Array(this.rounds);
    for (let round = 0; round < this.rounds; round += 1) {
      this.sentMs[round] = hostMs();
      fill.write(bytes);
      costsMs[round] = hostMs() - (this.sentMs[round] ?? 0);
      await sleep(GAP_MS);
    }
    fill.publish([]);
    this.flights.finish(ticket);
    print('what such a write of 1 KiB takes the leader', costsMs);
  }

  async heads(): Promise<void> {
    for (let round = 0; round < this.rounds; round += 1) {
      const ticket = this.flights.enter(`${KEY}${round}`, 0);
      Atomics.store(this.cells, LED, 2 + round);
      await this.ready(3 + 2 * round);
      await sleep(GAP_MS);
      this.sentMs[round] = hostMs();
      this.flights.stream(ticket, 1, 1);
      await this.ready(4 + 2 * round);
      this.flights.finish(ticket);
    }
  }
}

class Follower {
  readonly cells: Int32Array;
  readonly sentMs: Float64Array;
  readonly store: ObjectStore;
  readonly flights: Flights;
  readonly rounds: number;
  readonly waiters: number;
  readonly latencies: Float64Array;

  constructor(shared: Shared, rounds: number, waiters: number) {
    this.cells = new Int32Array(shared.cells);
    this.sentMs = new Float64Array(shared.sentMs);
    this.store = new ObjectStore(shared.store, 1);
    this.flights = new Flights(shared.flights, 1);
    this.rounds = rounds;
    this.waiters = waiters;
    this.latencies = new Float64Array(rounds);
  }

  async bare(): Promise<void> {
    Atomics.store(this.cells, READY, 1);
    for (let round = 0; round < this.rounds; round += 1) {
      const wait = Atomics.waitAsync(this.cells, BARE, round);
      if (wait.async) await wait.value;
      this.latencies[round] = hostMs() - (this.sentMs[round] ?? 0);
    }
    print('bare waitAsync', this.latencies);
  }

  async writes(): Promise<void> {
    await this.#led(1);
    const ticket = this.flights.enter(KEY, 0);
    this.flights.look(ticket);
    const object = this.store.openFilling(ticket.entry, ticket.entryGeneration, KEY);
    if (object === undefined) throw new Error('it has gone');
    const last = new Float64Array(this.rounds);
    await new Promise<void>((done) => this.#watchAll(object, last, done));
    object.unpin();
    print(`a write, the first of ${this.waiters} waiters`, this.latencies);
    print(`a write, the last of ${this.waiters} waiters`, last);
  }

  async #led(count: number): Promise<void> {
    while (Atomics.load(this.cells, LED) < count) await sleep(1);
  }

  #watchAll(object: FillingObject, last: Float64Array, done: () => void): void {
    const seen = { told: 0, round: 0 };
    for (let index = 0; index < this.waiters; index += 1) {
      const cursor = object.cursor();
      const waiter = {
        onChange: (): void => {
          const { state, length } = object;
          while (cursor.next(length, 65_536) !== undefined);
          const round = length / 1024 - 1;
          const latencyMs = hostMs() - (this.sentMs[round] ?? 0);
          if (seen.round !== length) {
            seen.round = length;
            seen.told = 0;
            this.latencies[round] = latencyMs;
          }
          seen.told += 1;
          if (seen.told === this.waiters) last[round] = latencyMs;
          if (state === 'filling' && !object.watch(length, waiter)) waiter.onChange();
          if (state !== 'filling' && index === 0) done();
        },
      };
      object.watch(object.length, waiter);
    }
    Atomics.store(this.cells, READY, 2);
  }

  async heads(): Promise<void> {
    for (let round = 0; round < this.rounds; round += 1) {
      await this.#led(2 + round);
      const ticket = this.flights.enter(`${KEY}${round}`, 0);
      this.flights.look(ticket);
      const told = new Promise<void>((resolve) => {
        if (!this.flights.watch(ticket, { onChange: resolve })) resolve();
      });
      Atomics.store(this.cells, READY, 3 + 2 * round);
      await told;
      this.latencies[round] = hostMs() - (this.sentMs[round] ?? 0);
      Atomics.store(this.cells, READY, 4 + 2 * round);
    }
    print('a flight that begins to stream', this.latencies);
  }
}

if (isMainThread) {
  const [rounds = 1000, waiters = 20] = process.argv.slice(2).map(Number);
  const seed = randomBytes(16);
  const shared: Shared = {
    store: createObjectStore({ bytes: 32 * 2 ** 20, participants: 2, seed }),
    flights: createFlights({ slots: 8192, participants: 2, seed }),
    cells: new SharedArrayBuffer(128),
    sentMs: new SharedArrayBuffer(rounds * 8),
  };
  const worker = new Worker(new URL(import.meta.url), { workerData: { shared, rounds, waiters } });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const leader = new Leader(shared, rounds);
  await leader.bare();
  await leader.writes();
  await leader.heads();
  await ended;
} else {
  const { shared, rounds, waiters } = workerData as { shared: Shared; rounds: number; waiters: number };
  const keepAlive = setInterval(() => {}, 1000);
  const follower = new Follower(shared, rounds, waiters);
  await follower.bare();
  await follower.writes();
  await follower.heads();
  clearInterval(keepAlive);
}
