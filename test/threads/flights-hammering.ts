import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { createFlights } from '../../src/shm/flight-cells.ts';
import { Flights } from '../../src/shm/flights.ts';
import { ObjectStore } from '../../src/shm/object-store.ts';
import type { StoredObject } from '../../src/shm/stored-object.ts';
import type { COUNTS, FlightsHammerOrders } from './flights-hammer.ts';
import { FLIGHTS_SEED, faultsOfFlights } from './flights-world.ts';
import { Dice } from './hammer-tally.ts';
import { makeStore } from './store-world.ts';

const NAMES: typeof COUNTS = ['asked', 'followed', 'whole', 'cut', 'released', 'takeovers', 'alone'];
const THREADS = 3;
const KEYS = 10;
const COORDINATOR = THREADS;

class Hammering {
  readonly flights = createFlights({ slots: 16, participants: THREADS + 1, seed: FLIGHTS_SEED });
  readonly store = makeStore(2 ** 20, THREADS + 1);
  readonly tally = new SharedArrayBuffer((KEYS + NAMES.length) * 4);
  readonly cells = new Int32Array(this.tally);
  readonly reports: string[] = [];
  readonly coordinator = { flights: new Flights(this.flights, COORDINATOR), store: new ObjectStore(this.store, COORDINATOR) };
  readonly workers: Worker[] = [];
  #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  start(self: number): void {
    this.#seed += 1;
    const workerData: FlightsHammerOrders = {
      flights: this.flights,
      store: this.store,
      tally: this.tally,
      self,
      seed: this.#seed,
      keys: KEYS,
      requests: 12,
    };
    const worker = new Worker(new URL('./flights-hammer.ts', import.meta.url), { workerData });
    worker.on('message', (text: string) => this.reports.push(text));
    worker.on('error', (error) => this.reports.push(String(error)));
    this.workers[self] = worker;
  }

  async kill(self: number): Promise<void> {
    await this.workers[self]?.terminate();
    for (let at = 0; at < KEYS; at += 1) Atomics.compareExchange(this.cells, at, self + 1, 0);
    // In either order: a follower that finds its object gone and its flight not yet failed waits for that.
    if (self % 2 === 0) this.coordinator.flights.recover(self);
    while (!this.coordinator.store.recover(self).isComplete) await sleep(1);
    if (self % 2 === 1) this.coordinator.flights.recover(self);
  }

  async stop(): Promise<void> {
    const exits = this.workers.map((worker) => once(worker, 'exit'));
    for (const worker of this.workers) worker.postMessage('stop');
    await Promise.all(exits);
  }

  count(name: (typeof NAMES)[number]): number {
    return this.cells[KEYS + NAMES.indexOf(name)] ?? 0;
  }

  /** Waits until the threads have led so many more flights. */
  async progress(asked: number): Promise<void> {
    const from = this.count('asked');
    while (this.count('asked') < from + asked && this.reports.length === 0) await sleep(1);
  }

  /** When everybody has ended. */
  report(): FlightsReport {
    const { flights, store } = this.coordinator;
    const { leading, streaming } = flights.stats(0);
    const objects: StoredObject[] = [];
    store.forEach((object) => void objects.push(object));
    for (const object of objects) store.doom(object);
    const { freeBytes, arenaBytes } = store.stats();
    const left = [`${leading} flights are led`, `${streaming} flights stream`, `${arenaBytes - freeBytes} bytes are pinned or lost`];
    const counts = Object.fromEntries(NAMES.map((name) => [name, this.count(name)])) as FlightsReport['counts'];
    return {
      counts,
      faults: [...this.reports, ...faultsOfFlights(this.flights), ...store.verify(), ...left.filter((text) => !text.startsWith('0 '))],
    };
  }
}

export type FlightsReport = {
  readonly counts: Readonly<Record<(typeof NAMES)[number], number>>;
  /** Everything that was wrong; empty when all held. */
  readonly faults: readonly string[];
};

/** Three threads with dozens of requests for ten keys; one of them ends in the middle again and again and is replaced. */
export async function hammerFlights(orders: { readonly deaths: number; readonly seed: number }): Promise<FlightsReport> {
  const world = new Hammering(orders.seed);
  const dice = new Dice(orders.seed);
  for (let self = 0; self < THREADS; self += 1) world.start(self);
  await world.progress(100);
  for (let death = 0; death < orders.deaths && world.reports.length === 0; death += 1) {
    const self = dice.roll(THREADS);
    await world.kill(self);
    world.start(self);
    await world.progress(30 + dice.roll(60));
  }
  await world.stop();
  return world.report();
}
